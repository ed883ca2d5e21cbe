"""Real servers on loopback that answer as a test wants them to."""

import asyncio
import json
import threading
from contextlib import contextmanager

import pytest

from modelbundle.bundler.benching.subject.bench_request import BenchRequest

RIGHT = b'{"predictions":[1]}'


def answer(body=RIGHT, status=200, *, head=b""):
    length = b"content-length: %d\r\n" % len(body)
    return b"HTTP/1.1 %d X\r\n%s%s\r\n%s" % (status, length, head, body)


class Peer:
    """A server; `behave(number, connection)` gives the bytes for each request, None for silence.

    An empty answer closes the connection.
    """

    def __init__(self, behave):
        self.behave = behave
        self.requests = []
        self.connections = 0
        self.port = 0

    def handle(self, transport, request):
        self.requests.append(request)
        said = self.behave(len(self.requests) - 1, transport)
        if said is None:
            return
        transport.write(said)
        if not said or b"connection: close" in said:
            transport.close()


class Talk(asyncio.Protocol):
    def __init__(self, peer):
        self.peer = peer
        self.data = b""

    def connection_made(self, transport):
        self.transport = transport
        self.peer.connections += 1

    def data_received(self, data):
        self.data += data
        head, end, rest = self.data.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or b"0")
        if len(rest) >= length:
            self.data = b""
            self.peer.handle(self.transport, head + end + rest)


@contextmanager
def served(behave):
    peer, ready = Peer(behave), threading.Event()
    loop = asyncio.new_event_loop()

    async def serve():
        server = await loop.create_server(lambda: Talk(peer), "127.0.0.1", 0)
        peer.port = server.sockets[0].getsockname()[1]
        ready.set()
        return server

    def run():
        server = loop.run_until_complete(serve())
        loop.run_forever()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(90)
    try:
        yield peer
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(90)


@pytest.fixture(name="peer")
def peer_here():
    """Serve with `behave` until the block ends."""
    return served


@pytest.fixture
def bench_request():
    return BenchRequest(b'{"instances":[[0]]}', answer=RIGHT)


@pytest.fixture
def say():
    return answer


@pytest.fixture
def openapi():
    """The bytes of an answer to /openapi.json with one route and its samples."""

    def document(inputs, outputs):
        post = {
            "requestBody": {"content": {"application/json": {"example": {"instances": inputs}}}},
            "responses": {
                "200": {"content": {"application/json": {"example": {"predictions": outputs}}}}
            },
        }
        return answer(json.dumps({"paths": {"/predict": {"post": post}}}).encode())

    return document
