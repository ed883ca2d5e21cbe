"""Unread: detects data that a client has sent in time and a busy process has not read yet.

A loop that was kept from running calls what is due before it reads what has come.
"""

import asyncio
import select

SOON = 0.01  # seconds, in which a loop that runs reads what is there


def has_unread(transport: asyncio.Transport) -> bool:
    """Whether the kernel holds data, or the end of the connection, that was not read yet."""
    sock = transport.get_extra_info("socket")
    descriptor = -1 if sock is None or transport.is_closing() else sock.fileno()
    if descriptor < 0:
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
