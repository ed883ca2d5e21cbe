"""A service that answers nothing by itself, and the front's link to it."""

import asyncio
import time
from contextlib import asynccontextmanager

import orjson

from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.models.operation import Call
from modelbundle.runtime.rpc.call_channel import CallChannel
from modelbundle.runtime.rpc.connection import Connection
from modelbundle.runtime.rpc.frame import FrameKind
from modelbundle.runtime.rpc.service_link import ServiceLink


class Service:
    """The other end: notes what comes, and answers nothing by itself."""

    def __init__(self, settings):
        self.channel = CallChannel.create()
        self.kills = []
        self.is_ended = asyncio.Event()
        self.link = ServiceLink(self.channel, self.kill, settings)
        self.frames = asyncio.Queue()
        self.connection = None

    def kill(self, *why):
        self.kills.append(why)
        self.is_ended.set()

    async def begin(self, generation=1):
        ready = asyncio.Event()
        self.link.on_change = ready.set
        self.link.born(generation)
        self.connection = Connection(self.frames.put_nowait, lambda _: None)
        stream = self.channel.knock(generation)
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self.connection, sock=stream)
        ready.clear()
        self.say(FrameKind.READY, 0, [])
        async with asyncio.timeout(90):
            await ready.wait()

    def say(self, kind, number=0, head=None, body=b""):
        self.connection.send(kind, number, b"" if head is None else orjson.dumps(head), body)

    async def heard(self, kind):
        async with asyncio.timeout(90):
            while (frame := await self.frames.get()).kind != kind:
                pass
        return frame

    def ask(self, body=b"", *, seconds=60.0, is_idempotent=False):
        call = Call(body, "text/plain", "", time.monotonic() + seconds)
        return asyncio.create_task(self.link.call(0, call, is_idempotent=is_idempotent))

    async def take(self):
        frame = await self.heard(FrameKind.CALL)
        self.channel.taken[0] = frame.number
        return frame

    def answer(self, frame):
        self.say(FrameKind.ANSWER, frame.number, ["text/plain", 1], frame.body * 2)

    def die(self, generation):
        self.connection.close()
        self.link.died(generation, "was killed by SIGSEGV")


@asynccontextmanager
async def service(**settings):
    made = Service(ServeSettings(**settings))
    made.link.start(asyncio.get_running_loop())
    try:
        await made.begin()
        yield made
    finally:
        await made.link.stop(0.01)
        made.channel.close()


def run(scenario, **settings):
    async def main():
        async with service(**settings) as each:
            await scenario(each)

    asyncio.run(main())
