"""Unread: detects data that has arrived in time and was not read by a busy process.

A blocked event loop calls due timers before it reads sockets.
"""

import asyncio
import select

SOON = 0.01  # seconds in which a running loop reads available data


def has_unread(transport: asyncio.Transport) -> bool:
    """Whether the kernel holds data, or the end of the connection, that was not read yet."""
    sock = transport.get_extra_info("socket")
    descriptor = -1 if sock is None or transport.is_closing() else sock.fileno()
    if descriptor < 0:
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
