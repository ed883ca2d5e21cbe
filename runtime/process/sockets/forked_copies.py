"""Forked copies: a process that a model forks inherits all sockets of the process that serves.

A connection ends for its client only when no process has it any more. With a `multiprocessing.Pool`
in a model, a client would send its next request on a connection that the server has closed, and
nobody would read it.
"""

import os
import socket
import stat
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from pathlib import Path


def close_in_forks(ports: Collection[int]) -> None:
    """From now on, each forked child lets go of its copies of the sockets on these local ports."""
    os.register_at_fork(after_in_child=partial(_let_go, frozenset(ports)))


def _let_go(ports: frozenset[int]) -> None:
    """Put another file in their place: the objects that close these numbers are copies, too."""
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in [int(each.name) for each in Path("/dev/fd").iterdir()]:
            with suppress(OSError):  # the descriptor of the directory itself
                if _port(descriptor) in ports:
                    os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)


def _port(descriptor: int) -> int:
    """The local port of a TCP socket; 0 for any other file."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return 0
    sock = socket.socket(fileno=descriptor)
    try:
        is_tcp = sock.family in {socket.AF_INET, socket.AF_INET6}
        return int(sock.getsockname()[1]) if is_tcp else 0
    finally:
        sock.detach()
