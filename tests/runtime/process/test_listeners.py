"""Sockets that a library listens on, found again and closed to newcomers."""

import socket
import sys

import pytest

from modelbundle.runtime.process.listeners import quiet

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_who_waits_is_taken_and_nobody_else_comes():
    """At that port; at another one nothing changes."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_connection(one.getsockname(), timeout=10),
    ):
        quiet(one.getsockname()[1])
        taken, _ = one.accept()
        taken.close()
        with pytest.raises(TimeoutError):
            socket.create_connection(one.getsockname(), timeout=0.2)
        with socket.create_connection(other.getsockname(), timeout=10):
            other.accept()[0].close()


def test_a_port_that_nobody_listens_at_is_no_matter():
    """Nor is a socket that only is at one."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        quiet(bound.getsockname()[1])
        bound.listen()
        with socket.create_connection(bound.getsockname(), timeout=10):
            bound.accept()[0].close()
