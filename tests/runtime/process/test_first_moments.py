"""The first moments of a server of several fronts: one may be ready while another loads."""

import asyncio

from ..conftest import Sums, wait_until
from .conftest import BODY

ASKED = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
ARE_YOU_READY = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
EARLY, POLLING = 150, 100  # connections


class Staggered(Sums):
    """Is loaded later by each process that comes, as on a machine with little to do it with."""

    def __getstate__(self):
        return {"some": "state"}

    def __setstate__(self, state):
        import os
        import time
        from pathlib import Path

        name = Path(os.environ["TURNS"])
        time.sleep(0.2)
        try:
            name.mkdir()
        except FileExistsError:
            time.sleep(0.3)


class Clients:
    """Connections from before a server is ready, and others that come again and again."""

    def __init__(self, port):
        self.port = port
        self.is_told = asyncio.Event()
        self.early = []
        self.answers = []  # to requests that were sent after somebody had heard that it is ready

    async def run(self):
        async with asyncio.timeout(60):
            await self._connect()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                for streams in self.early:
                    tasks.create_task(self._send_once_told(*streams))
                for _ in range(POLLING):
                    tasks.create_task(self._poll())

    async def _connect(self):
        while len(self.early) < EARLY:
            try:
                self.early.append(await asyncio.open_connection("127.0.0.1", self.port))
            except ConnectionError:  # it does not listen yet
                await asyncio.sleep(0.01)

    async def _listen(self):
        while not self.is_told.is_set():
            if b" 200 " in await self._ask(ARE_YOU_READY):
                self.is_told.set()

    async def _send_once_told(self, reader, writer):
        await self.is_told.wait()
        self.answers.append(await _answer(reader, writer, ASKED))

    async def _poll(self):
        """Until a few have been answered that came last."""
        for _ in range(5):
            while True:
                was_told = self.is_told.is_set()
                answer = await self._ask(ASKED)
                if was_told:
                    break
            self.answers.append(answer)

    async def _ask(self, request):
        return await _answer(*await asyncio.open_connection("127.0.0.1", self.port), request)


async def _answer(reader, writer, request):
    try:
        writer.write(request)
        return await reader.readline()
    finally:
        writer.close()


def test_nobody_is_told_to_wait_once_a_server_says_that_it_is_ready(make_bundle, servers, tmp_path):
    environment = {"TURNS": str(tmp_path / "turn")}
    options = ("--workers=2", "--isolation=thread")
    server = servers.start(make_bundle(Staggered()), *options, wait=False, env=environment)
    clients = Clients(server.port)
    asyncio.run(clients.run())
    assert set(clients.answers) == {b"HTTP/1.1 200 OK\r\n"}, server.log()
    assert len(clients.answers) == EARLY + 5 * POLLING
    wait_until(lambda: "Serving" in server.log())
