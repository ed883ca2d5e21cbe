"""Farewell: how long those have who are in, or nearly in, where a process takes nobody else."""

import asyncio
import socket
from collections.abc import Sequence

from .newcomers import are_waiting

LAST_CALL = 0.3  # seconds for those whom the kernel has let in already
FAREWELL = 5.0  # seconds that an idle connection has, where others have taken over
GLANCE = 0.05  # seconds between two looks
LOOKS = 100  # at the queue of a socket, in which a busy process has to take those in who wait


async def emptied(listeners: Sequence[socket.socket]) -> None:
    """Wait until nobody is in their queues any more; not for long, and where the system says so."""
    for _ in range(LOOKS):
        if not any(map(are_waiting, listeners)):
            return
        await asyncio.sleep(GLANCE)
