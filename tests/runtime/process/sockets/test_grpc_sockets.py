"""Sockets that a library listens on, found again and closed to newcomers."""

import os
import socket
import sys
from pathlib import Path

import pytest

from modelbundle.runtime.process.sockets.grpc_sockets import GrpcSockets

from ...conftest import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_who_waits_is_taken_and_nobody_else_comes():
    """At that port; at another one nothing changes."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_connection(one.getsockname(), timeout=60),
    ):
        GrpcSockets(one.getsockname()[1]).quiet()
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
        GrpcSockets(bound.getsockname()[1]).quiet()
        bound.listen()
        with socket.create_connection(bound.getsockname(), timeout=60):
            bound.accept()[0].close()


def test_somebody_waits_until_he_is_let_in_and_heard():
    with socket.create_server(("127.0.0.1", 0)) as one:
        sockets = GrpcSockets(one.getsockname()[1])
        assert not sockets.are_waiting()
        with socket.create_connection(one.getsockname(), timeout=60) as client:
            assert sockets.are_waiting()
            taken, _ = one.accept()
            with taken:
                assert not sockets.are_waiting()
                assert not sockets.are_unread()
                client.sendall(b"a word")
                taken.recv(6, socket.MSG_PEEK | socket.MSG_WAITALL)
                assert sockets.are_unread()
                taken.recv(6)
                assert not sockets.are_unread()


def test_a_client_is_told_once_when_it_has_received_what_was_said_before():
    """The first frame on a connection is another, and none may stand within another."""
    with socket.socket() as one, socket.socket() as client:
        one.bind(("127.0.0.1", 0))
        one.listen()
        sockets = GrpcSockets(one.getsockname()[1])
        assert sockets.tell_clients(), "there is none"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(one.getsockname())
        taken, _ = one.accept()
        with taken:
            assert not sockets.tell_clients(), "it has received nothing"
            taken.setblocking(False)
            size = taken.send(bytes(10_000_000))
            assert not sockets.tell_clients(), "it has not received all"
            client.recv(size, socket.MSG_WAITALL)
            wait_until(sockets.tell_clients)
            assert sockets.tell_clients()
            taken.close()
            said = client.makefile("rb").read()
        assert said == bytes.fromhex("000008 07 00 00000000 7fffffff 00000000")


def test_closing_keeps_connections():
    with socket.create_server(("127.0.0.1", 0)) as one:
        with socket.create_connection(one.getsockname(), timeout=60) as client:
            taken, _ = one.accept()
            GrpcSockets(one.getsockname()[1]).close()
            with taken:
                client.sendall(b"a word")
                assert taken.recv(6, socket.MSG_WAITALL) == b"a word"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(one.getsockname(), timeout=60)


def test_looking_takes_no_descriptors():
    """Each look once copied whatever was no socket, and the next one the copies, too."""
    mine = Path("/proc/self/fd")
    with socket.create_server(("127.0.0.1", 0)) as one, Path(os.devnull).open("rb"):
        before = len(list(mine.iterdir()))
        for _ in range(3):
            assert not GrpcSockets(one.getsockname()[1]).are_waiting()
        assert len(list(mine.iterdir())) == before
