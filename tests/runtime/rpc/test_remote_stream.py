"""A stream in the front: every part in its order, then its end, and whoever leaves is told of."""

import asyncio

import orjson
import pytest

from modelbundle.runtime.errors import DeadlineExceeded, InvalidInput
from modelbundle.runtime.rpc.remote_stream import RemoteStream
from modelbundle.runtime.rpc.window import PARTS, SIZE

LINES, BYTES = "application/x-ndjson", "application/octet-stream"


class Stream:
    """One, and what its link was told."""

    def __init__(self, kind=LINES, seconds=60.0):
        self.taken, self.lefts = [], 0
        self.parts = RemoteStream(kind, seconds, lambda *some: self.taken.append(some), self.left)

    def left(self):
        self.lefts += 1


def run(scenario):
    async def main():
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(main())


@pytest.mark.parametrize("is_early", [True, False])
def test_parts_come_in_their_order_and_then_the_end(is_early):
    """Whether somebody waits for them already, or not yet."""

    async def scenario():
        stream = Stream()

        async def collect():
            return [part async for part in stream.parts]

        collecting = asyncio.create_task(collect()) if not is_early else None
        for part in (b"1", b"", b"3"):
            stream.parts.put(part)
            await asyncio.sleep(0)
        stream.parts.end()
        stream.parts.end(InvalidInput("too late"))
        assert await (collecting or collect()) == [b"1", b"", b"3"]
        with pytest.raises(StopAsyncIteration):
            await anext(stream.parts)
        await stream.parts.aclose()
        assert stream.lefts == 0

    run(scenario)


@pytest.mark.parametrize("kind", [LINES, BYTES])
def test_an_error_comes_after_what_came_before_it(kind):
    async def scenario():
        stream = Stream(kind)
        stream.parts.put(b"1")
        stream.parts.end(InvalidInput("no more."))
        assert await anext(stream.parts) == b"1"
        if kind == LINES:
            assert orjson.loads(await anext(stream.parts)) == {"error": "no more."}
        else:
            with pytest.raises(InvalidInput, match=r"no more\."):
                await anext(stream.parts)
        with pytest.raises(StopAsyncIteration):
            await anext(stream.parts)

    run(scenario)


def test_a_part_that_does_not_come_in_its_time_is_the_end():
    async def scenario():
        stream = Stream(BYTES, seconds=0.0)
        with pytest.raises(DeadlineExceeded):
            await anext(stream.parts)
        assert stream.lefts == 1
        await stream.parts.aclose()
        assert stream.lefts == 1

    run(scenario)


def test_who_leaves_wants_nothing_of_what_has_come():
    async def scenario():
        stream = Stream()
        stream.parts.put(b"1")
        await stream.parts.aclose()
        stream.parts.put(b"2")
        assert stream.lefts == 1
        with pytest.raises(RuntimeError, match="mine"):
            await stream.parts.athrow(RuntimeError("mine"))
        assert stream.lefts == 1

    run(scenario)


@pytest.mark.parametrize(("size", "some"), [(1, PARTS // 2), (SIZE // 4, 2), (2 * SIZE, 1)])
def test_the_service_is_told_that_there_is_room_again(size, some):
    """After half of what may be under way, in parts or in bytes."""

    async def scenario():
        stream = Stream()
        for _ in range(2 * some):
            stream.parts.put(bytes(size))
        for turn in (1, 2):
            for _ in range(some):
                assert len(stream.taken) == turn - 1
                await anext(stream.parts)
            assert stream.taken == [(some, some * size)] * turn

    run(scenario)
