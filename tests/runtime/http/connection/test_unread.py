"""Servers that are kept from running while a request comes, which came in time all the same."""

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

BODY = b'{"instances": [[1, 2]]}'
REQUEST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
LIMITS = {"keep_alive": 0.5, "receive_timeout": 0.5}


@pytest.fixture(scope="module")
def server(make_server):
    return make_server(limits=LIMITS, workers=1)


@contextmanager
def stopped(server):
    """Its processes do not run until what they have to wait for is long past."""
    parent = server.process.pid
    pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for pid in pids:
        os.kill(int(pid), signal.SIGSTOP)
    yield
    time.sleep(1.0)
    for pid in pids:
        os.kill(int(pid), signal.SIGCONT)


def answer(sock):
    received = b""
    while b"}" not in received:
        data = sock.recv(1 << 16)
        assert data, f"closed after {received!r}"
        received += data
    return received


def test_a_connection_on_which_a_request_lies_is_not_idle(server):
    with server.connect() as sock:
        sock.sendall(REQUEST)
        assert b"[3.0]" in answer(sock)
        with stopped(server):
            sock.sendall(REQUEST)
        assert b"[3.0]" in answer(sock)


def test_what_has_come_in_time_is_not_late(server):
    with server.connect() as sock:
        sock.sendall(REQUEST[:20])
        time.sleep(0.1)  # it is read
        with stopped(server):
            sock.sendall(REQUEST[20:])
        assert b"[3.0]" in answer(sock)


def test_who_says_nothing_is_still_cut(server):
    with server.connect() as sock:
        with stopped(server):
            pass
        assert sock.recv(1) == b""
    with server.connect() as sock:
        sock.sendall(REQUEST[:20])
        assert b"408" in sock.recv(1 << 16)
