"""Both ways through a server, in this process, over pairs of connected sockets."""

import asyncio
import contextlib
import re
import socket

import uvicorn
from uvicorn.server import ServerState

from modelbundle.runtime.http.app import create_app
from modelbundle.runtime.plan import Plan

_OWN = re.compile(rb"(?m)^(date|x-request-id): (?!own)[^\r]*\r\n")


class Way:
    """A bundle's application that takes one of the ways; for the running loop."""

    def __init__(self, bundle, **more):
        self.application = create_app(Plan.read(bundle), **more)
        self.state = ServerState()
        self.config = uvicorn.Config(
            self.application, ws="none", log_config=None, access_log=False, proxy_headers=False
        )

    async def start(self):
        await self.application._load()
        self.config.load()
        self.protocol = self.application.protocol()
        self.config.timeout_keep_alive = self.application.plan.settings.limits.keep_alive

    async def stop(self):
        await self.application._host.stop()

    async def connect(self):
        """The client's end of a connection, and the protocol at the other."""
        client, server = socket.socketpair()
        client.setblocking(False)
        _, protocol = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: self.protocol(self.config, self.state, {}), server
        )
        return client, protocol

    async def converse(self, pieces):
        """What the server says to `pieces`, each of which it gets by itself, until it closes."""
        client, _ = await self.connect()
        with client:
            listening = asyncio.create_task(self.listen(client))
            async with asyncio.timeout(90):  # beyond any deadline that it may have
                await self.say(client, pieces)
                return await listening

    async def say(self, client, pieces):
        """Send them, until it has heard enough."""
        with contextlib.suppress(OSError):
            for piece in pieces:
                await asyncio.get_running_loop().sock_sendall(client, piece)
                for _ in range(3):
                    await asyncio.sleep(0)

    async def listen(self, client):
        """All that comes until the end."""
        heard = b""
        with contextlib.suppress(OSError):
            while data := await asyncio.get_running_loop().sock_recv(client, 1 << 16):
                heard += data
        return heard


@contextlib.contextmanager
def hearing(bundles):
    """What each way says to pieces of bytes, without what may differ: `hear(pieces)`."""
    with asyncio.Runner() as runner:
        ways = [Way(bundle) for bundle in bundles]
        for way in ways:
            runner.run(way.start())
        yield lambda pieces: [comparable(runner.run(way.converse(pieces))) for way in ways]
        for way in ways:
            runner.run(way.stop())


def comparable(heard):
    """Without what differs from answer to answer: the date, and ids that the client did not give."""
    return _OWN.sub(b"", heard)
