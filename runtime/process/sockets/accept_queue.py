"""AcceptQueue: closes a listening socket without losing connections in its queue.

Closing a listening socket resets every connection in its queue, even if its client has sent a
request. A BPF filter on the socket drops the SYN of new connections, as if the network had lost it:
those clients retry a second later, and are refused once the socket is closed.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress

LAME_DUCK = 0.4  # seconds in which load balancers and clients learn of the shutdown
QUEUE_DRAIN = 0.3  # seconds to accept the connections in the queue
IDLE_GRACE = 5.0  # seconds for idle connections after a handover
GLANCE = 0.05  # seconds between two looks
LOOKS = 100  # at an accept queue, for a busy process to accept what is in it

_SO_ATTACH_FILTER = 26
# tcpi_unacked in Linux's struct tcp_info: of a listening socket, how many are in its queue.
_UNACKED = struct.Struct("=24xI")
# Classic BPF on the TCP header: drop segments with SYN in byte 13, accept all others.
_PROGRAM = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


def turn_away(listener: socket.socket) -> None:
    """Drop new connections to `listener`, in all processes that share it; cannot be undone."""
    if not _filter(listener):
        listener.listen(0)  # the best that other systems can do


def are_waiting(listener: socket.socket) -> bool:
    """Whether the queue holds connections that no process has accepted; False if unknown."""
    if sys.platform != "linux":
        return False
    with suppress(OSError, struct.error):
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.size)
        return bool(_UNACKED.unpack(info)[0])
    return False


async def emptied(listeners: Sequence[socket.socket]) -> None:
    """Wait, for a short time, until the accept queues are empty, if the system can tell."""
    import asyncio  # the supervisor has no loop

    for _ in range(LOOKS):
        if not any(map(are_waiting, listeners)):
            return
        await asyncio.sleep(GLANCE)


def _filter(listener: socket.socket) -> bool:
    if sys.platform != "linux":
        return False
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _PROGRAM)
    memory = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_PROGRAM), ctypes.addressof(memory))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:  # a sandbox that has no filters
        return False
    return True
