"""The timeout of a call is for all of it, however its answer trickles."""

import asyncio
import socket
import threading
import time
from contextlib import suppress

import pytest

from modelbundle.bundler.client.wire.address import Address
from modelbundle.bundler.client.wire.async_wire import AsyncWire
from modelbundle.bundler.client.wire.question import Question
from modelbundle.bundler.client.wire.reply import Lost
from modelbundle.bundler.client.wire.sync_wire import SyncWire


@pytest.fixture
def trickling():
    """A server that sends its whole answer, a byte every twentieth of a second."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            line, _ = listener.accept()
            with line, suppress(OSError):
                line.recv(1 << 16)
                line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
                for _ in range(100):
                    line.sendall(b" ")
                    time.sleep(0.05)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield Address.of(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def test_an_answer_that_trickles_in_is_late(trickling):
    reply = SyncWire(trickling).send(Question("POST", "/predict", b"{}"), 0.5)
    assert isinstance(reply, Lost)
    assert reply.is_late


def test_so_it_is_where_it_is_awaited(trickling):
    reply = asyncio.run(AsyncWire(trickling).send(Question("POST", "/predict", b"{}"), 0.5))
    assert isinstance(reply, Lost)
    assert reply.is_late
