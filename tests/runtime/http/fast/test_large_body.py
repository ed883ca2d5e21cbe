"""Large bodies of numbers come into memory that is kept, and are answered as any others."""

import asyncio
import functools
import itertools
import json
import random
import time

import numpy as np
import pytest

from modelbundle.runtime.http.fast import large_body
from modelbundle.runtime.http.fast.large_body import ALIGNMENT, KEPT, LARGE, BufferPool
from modelbundle.runtime.manifests.signature import Field, Side

from ...conftest import write_bundle, write_model
from ..ways import Way, hearing
from .corpus import Moody, post

INFER = "/v2/models/sums/infer"
LIMITS = {"max_rows": 100, "max_body": 4 << 20}
WIDTH = 1000  # numbers of a row, which are 8 kB
WIDE = Side("array", (Field("input", "float64", (None, WIDTH)),))


def ask(rows, *headers, last=None, more=0):
    """A request with so many rows of two numbers; `last` is what the last one says."""
    array = np.random.default_rng(rows).random((rows, WIDTH))
    if last is not None:
        array[-1, :2] = last
    size = array.nbytes
    tensor = {"name": "input", "datatype": "FP64", "shape": [rows, WIDTH]}
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": size}}]}).encode()
    blobs = array.tobytes() + bytes(more)
    return post(head + blobs, f"Inference-Header-Content-Length: {len(head)}", *headers, path=INFER)


def ask_json(rows):
    data = np.random.default_rng(rows).random(WIDTH * rows).tolist()
    tensor = {"name": "input", "datatype": "FP64", "shape": [rows, WIDTH], "data": data}
    return post(json.dumps({"inputs": [tensor]}).encode(), path=INFER)


LAST = ask(1, "Connection: close")
ALL = {
    "large": ask(20),
    "larger": ask(60),
    "just large": ask(LARGE // 8 // WIDTH + 1),
    "small": ask(3),
    "json": ask_json(9),
    "the model raises": ask(20, last=(-1, 0)),
    "the model says NaN": ask(20, last=(-4, 0)),
    "NaN": ask(20, last=(np.nan, 0)),
    "infinite": ask(20, last=(0, -np.inf)),
    "too many bytes": ask(20, more=8),
    "too many rows": ask(120),
    "an id": ask(20, "X-Request-Id: own-1"),
    "for gzip": ask(20, "Accept-Encoding: gzip"),
    "expect": ask(20, "Expect: 100-continue"),
    "a bad length": ask(20).replace(b"Content-Length: 1", b"Content-Length: 1x", 1),
    "the bundle's own": post(json.dumps({"instances": [[0.5] * WIDTH]}).encode()),
}


@pytest.fixture(scope="module")
def hear(tmp_path_factory):
    """What both ways say to pieces of bytes, without what may differ: `hear(pieces)`."""
    bundles = []
    for http in ("fast", "asgi"):
        directory = tmp_path_factory.mktemp(http)
        write_model(directory / "models" / "sums", Moody(), inputs=WIDE)
        bundles.append(write_bundle(directory, serve={"http": http} | LIMITS))
    with hearing(bundles) as hear:
        yield hear


@pytest.mark.parametrize("name", ALL)
def test_both_ways_say_the_same_again_and_again(hear, name):
    fast, asgi = hear([ALL[name]] * 4 + [LAST])
    assert fast == asgi


@pytest.mark.parametrize("seed", range(25))
def test_any_requests_in_any_pieces_get_the_same_answers_in_order(hear, seed):
    chance = random.Random(seed)
    names = chance.choices(sorted(ALL), k=4)
    raw = b"".join(ALL[name] for name in names) + LAST
    cuts = {chance.randrange(len(raw)) for _ in range(chance.randrange(6))}
    heads = {raw.find(b"\r\n\r\n", place) + chance.randrange(8) for place in cuts}
    places = sorted({0, len(raw), *cuts, *heads})
    fast, asgi = hear([raw[start:stop] for start, stop in itertools.pairwise(places)])
    assert fast == asgi


@pytest.fixture
def fast(tmp_path):
    """One way, in a loop of its own: `fast(work, **serve)` runs `work(way)`."""

    def run(work, model=None, **serve):
        write_model(tmp_path / "models" / "sums", model or Moody(), inputs=WIDE)
        way = Way(write_bundle(tmp_path, serve=LIMITS | serve))

        async def whole():
            await way.start()
            try:
                async with asyncio.timeout(90):
                    return await work(way)
            finally:
                await way.stop()

        return asyncio.run(whole())

    return run


def test_more_than_may_be_in_memory_is_refused_and_the_connection_goes_on(fast):
    async def work(way):
        said = await way.converse([ALL["large"], LAST])
        return said, way.application.fast_path.budget.used

    said, used = fast(work, limits={"max_in_flight": 150_000})
    assert said.startswith(b"HTTP/1.1 503")
    assert b"Too many bytes are being received" in said
    assert said.count(b"HTTP/1.1 200") == 1
    assert used == 0


def test_what_finds_no_room_on_the_way_takes_no_memory_either(fast):
    """Its budget is another's from then on, so what had come of it goes at once."""
    raw = ALL["large"]  # 160 kB

    async def work(way):
        loop = asyncio.get_running_loop()
        late, protocol = await way.connect()
        early, _ = await way.connect()
        budget = way.application.fast_path.budget
        with late, early:
            for client, size in ((late, 40_000), (early, 130_000)):
                before = budget.used
                await loop.sock_sendall(client, raw[:size])
                while budget.used < before + size - 1000:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            body = protocol.transport.get_protocol()
            room = len(body._room)
            await loop.sock_sendall(late, raw[40_000:-1])
            while body._is_kept:  # noqa: ASYNC110
                await asyncio.sleep(0)
            left = len(body._room)
            said = []
            for client, rest in ((late, raw[-1:]), (early, raw[130_000:])):
                await loop.sock_sendall(client, rest)
                said.append((await loop.sock_recv(client, 4096))[:12])
        return room, left, said, budget.used

    room, left, said, used = fast(work, limits={"max_in_flight": 210_000})
    assert room >= 160_000
    assert left <= 1 << 14
    assert said == [b"HTTP/1.1 503", b"HTTP/1.1 200"]
    assert used == 0


@pytest.mark.parametrize("more", [b"", ALL["small"], ALL["just large"]])
def test_what_has_come_along_with_a_large_body_is_the_next_request(fast, more):
    """All of it in one piece, whose first head nobody has seen before."""

    async def work(way):
        client, protocol = await way.connect()
        loop, said = asyncio.get_running_loop(), b""
        with client:
            protocol.data_received(ALL["just large"] + more + LAST)
            while piece := await loop.sock_recv(client, 1 << 16):
                said += piece
        return said

    assert fast(work).count(b"HTTP/1.1 200") == (3 if more else 2)


def test_who_leaves_in_the_middle_leaves_nothing_behind(fast):
    async def work(way):
        client, protocol = await way.connect()
        with client:
            await asyncio.get_running_loop().sock_sendall(client, ALL["large"][:150_000])
        while not protocol.transport.is_closing() or protocol._coming is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        fast_path = way.application.fast_path
        return fast_path.budget.used, fast_path.open

    assert fast(work) == (0, 0)


def test_who_is_too_slow_is_told_so(fast):
    async def work(way):
        return await way.converse([ALL["small"] + ALL["large"][:150_000]])

    said = fast(work, limits={"receive_timeout": 0.2})
    assert said.startswith(b"HTTP/1.1 200")
    assert said.count(b"HTTP/1.1 408") == 1


class Held(Moody):
    """Answers when a file is there."""

    def __init__(self, gate):
        self.gate = gate

    def predict(self, rows):
        while not self.gate.exists():
            time.sleep(0.001)
        return super().predict(rows)


@pytest.mark.parametrize("name", ["small", "large"])
def test_who_is_too_slow_behind_another_request_keeps_no_memory_from_others(fast, name, tmp_path):
    """It is told when it is its turn."""

    async def work(way):
        client, protocol = await way.connect()
        loop, said = asyncio.get_running_loop(), b""
        budget = way.application.fast_path.budget
        with client:
            protocol.data_received(ALL["small"])
            first = budget.used
            protocol.data_received(ALL[name][:15_000])
            used = [budget.used - first]
            while not protocol._farewell:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            used.append(budget.used - first)
            (tmp_path / "gate").touch()
            while piece := await loop.sock_recv(client, 1 << 16):
                said += piece
        return said, [*used, budget.used]

    model = Held(tmp_path / "gate")
    said, (coming, late, after) = fast(work, model=model, limits={"receive_timeout": 0.2})
    assert [said[9:12], said.count(b"HTTP/1.1"), said.count(b" 408 ")] == [b"200", 2, 1]
    assert coming > 14_000
    assert (late, after) == (0, 0)


# --- the memory ---


def in_a_loop(test):
    """Run it where there are timers."""

    @functools.wraps(test)
    def run(**fixtures):
        asyncio.run(test(**fixtures))

    return run


@in_a_loop
async def test_memory_is_given_to_others_when_nobody_looks_at_it():
    buffers = BufferPool()
    first = buffers.take(200_000, 77)
    kept = np.frombuffer(first[77:], np.uint8)
    assert kept.ctypes.data % ALIGNMENT == 0
    second = buffers.take(200_000, 0)
    second[:] = bytes(200_000)
    first[:] = b"x" * 200_000
    address = kept.ctypes.data
    assert not any(second)
    del first
    third = np.frombuffer(buffers.take(160, 77)[77:], np.uint8)
    assert third.ctypes.data != address
    del kept, third
    again = np.frombuffer(buffers.take(200_000, 77)[77:], np.uint8)
    assert again.ctypes.data == address
    assert set(again.tobytes()) == set(b"x")  # fresh pages could be there, too, and have zeros


@in_a_loop
async def test_only_so_much_is_kept_and_not_for_ever(monkeypatch):
    monkeypatch.setattr(large_body, "_IDLE", 0.01)
    buffers = BufferPool()
    taken = [buffers.take(KEPT // 4, 0) for _ in range(6)]
    assert sum(map(len, buffers._arrays)) <= KEPT
    assert all(len(each) == KEPT // 4 for each in taken)
    del taken
    giant = buffers.take(2 * KEPT, 0)
    assert len(giant) == 2 * KEPT
    assert not buffers._arrays
    buffers.take(LARGE, 0)
    assert buffers._arrays
    async with asyncio.timeout(90):
        while buffers._arrays:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@in_a_loop
async def test_what_is_used_from_time_to_time_is_kept_and_goes_as_often_as_it_comes():
    buffers = BufferPool()
    for _ in range(2):
        buffers.take(LARGE, 0)
        timer = buffers._timer
        assert timer is not None
        buffers._release()  # as the timer does: it was used since that was set
        assert buffers._arrays
        assert buffers._timer is not timer
        buffers.take(LARGE, 0)
        buffers._release()
        assert buffers._arrays
        buffers._release()
        assert not buffers._arrays
        assert buffers._timer is None


@in_a_loop
async def test_what_is_too_small_makes_room_for_what_is_larger():
    buffers = BufferPool()
    buffers.take(KEPT // 2, 0)
    buffers.take(KEPT // 2 + LARGE, 0)[:1] = b"x"
    assert len(buffers._arrays) == 1
    assert buffers.take(KEPT // 2 + LARGE, 0)[:1] == b"x"
