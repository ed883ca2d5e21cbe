"""A listening socket that lets nobody new in."""

import socket
import sys

import pytest

from modelbundle.runtime.process.sockets.accept_queue import are_waiting, turn_away

linux = pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux")


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request):
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((request.param, 0))
        sock.listen(16)
        yield sock


def connect(listener):
    return socket.create_connection(listener.getsockname()[:2], timeout=0.3)


@linux
def test_who_is_in_the_queue_is_served_and_nobody_else_comes_in(listener):
    waiting = [connect(listener) for _ in range(5)]
    turn_away(listener)
    with pytest.raises(TimeoutError):
        connect(listener)
    for client in waiting:
        server, _ = listener.accept()
        with client, server:
            client.sendall(b"question")
            assert server.recv(8) == b"question"
            server.sendall(b"answer")
            assert client.recv(8) == b"answer"
    listener.settimeout(0.1)
    with pytest.raises(TimeoutError):
        listener.accept()


@linux
def test_it_holds_in_every_process_that_shares_the_socket(listener):
    with listener.dup() as other:
        turn_away(other)
    with pytest.raises(TimeoutError):
        connect(listener)


@linux
def test_whether_somebody_waits_is_known(listener):
    assert not are_waiting(listener)
    with connect(listener):
        assert are_waiting(listener)
        server, _ = listener.accept()
        server.close()
        assert not are_waiting(listener)
