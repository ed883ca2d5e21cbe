"""Sockets that a library listens on, found again and closed to newcomers."""

import os
import socket
import sys
from pathlib import Path

import pytest

from modelbundle.runtime.process.sockets.listeners import is_awaited, quiet

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_who_waits_is_taken_and_nobody_else_comes():
    """At that port; at another one nothing changes."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_connection(one.getsockname(), timeout=60),
    ):
        quiet(one.getsockname()[1])
        taken, _ = one.accept()
        taken.close()
        with pytest.raises(TimeoutError):
            socket.create_connection(one.getsockname(), timeout=0.2)
        with socket.create_connection(other.getsockname(), timeout=60):
            other.accept()[0].close()


def test_a_port_that_nobody_listens_at_is_no_matter():
    """Nor is a socket that only is at one."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        quiet(bound.getsockname()[1])
        bound.listen()
        with socket.create_connection(bound.getsockname(), timeout=60):
            bound.accept()[0].close()


def test_somebody_is_awaited_until_he_is_let_in_and_heard():
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        assert not is_awaited(port)
        with socket.create_connection(one.getsockname(), timeout=60) as client:
            assert is_awaited(port), "he is in the queue"
            taken, _ = one.accept()
            with taken:
                assert not is_awaited(port)
                client.sendall(b"a word")
                taken.recv(6, socket.MSG_PEEK | socket.MSG_WAITALL)
                assert is_awaited(port), "he has said what nobody has read"
                taken.recv(6)
                assert not is_awaited(port)
    assert not is_awaited(port)


def test_looking_takes_no_descriptors():
    """Each look once copied whatever was no socket, and the next one the copies, too."""
    mine = Path("/proc/self/fd")
    with socket.create_server(("127.0.0.1", 0)) as one, Path(os.devnull).open("rb"):
        before = len(list(mine.iterdir()))
        for _ in range(3):
            assert not is_awaited(one.getsockname()[1])
        assert len(list(mine.iterdir())) == before
