"""Requests that come in one turn of the loop are read together, and each as if it were alone."""

import asyncio
import re

import numpy as np
import pytest

from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side

from ...conftest import write_bundle, write_model
from ..ways import Way
from .corpus import post

_SIZE = re.compile(rb"x-batch-size: (\d+)")


class Kinds:
    """What pandas takes a column for, which depends on all of its values."""

    def predict(self, frame):
        return [str(frame["any"].dtype)] * len(frame)


class Exact:
    """The numbers, to the last digit."""

    def predict(self, rows):
        return [str(row.tolist()) for row in rows]


@pytest.fixture
def ask(tmp_path):
    """What a model says to bodies, to each alone and then to all at once: `ask(model, side, *bodies)`."""

    def asked(model, side, *bodies):
        write_model(tmp_path / "models" / "sums", model, inputs=side, outputs=OBJECTS)
        way = Way(write_bundle(tmp_path))
        with asyncio.Runner() as runner:
            runner.run(way.start())
            alone = [runner.run(at_once(way, [body]))[0] for body in bodies]
            together = runner.run(at_once(way, bodies))
            runner.run(way.stop())
        return alone, together

    return asked


async def at_once(way, bodies):
    """What is said to each of these bodies, which a server finds in one turn of its loop."""
    clients = [(await way.connect())[0] for _ in bodies]
    for client, body in zip(clients, bodies, strict=True):
        client.send(post(b'{"instances": [%b]}' % body, "X-Timing: 1", "Connection: close"))
    async with asyncio.timeout(90):
        heard = [await way.listen(client) for client in clients]
    for client in clients:
        client.close()
    return heard


def said(heard):
    """The bodies of answers."""
    return [each.partition(b"\r\n\r\n")[2] for each in heard]


def sizes(heard):
    """How many rows were in the batch of each."""
    return [int(found[1]) if (found := _SIZE.search(each)) else 0 for each in heard]


def test_values_of_several_kinds_are_each_what_they_are_alone(ask):
    side = Side("columns", (Field("any", "object", (None,)),))
    bodies = [
        b"[1]",
        b"[2.5]",
        b'["x"]',
        b"[true]",
        b"[3], [4]",
        b"[null], [5]",
        b"[9223372036854775808]",
    ]
    alone, together = ask(Kinds(), side, *bodies)
    assert said(alone) == said(together)
    assert len(set(said(together))) > 3
    assert sizes(together) == [3, 3, 1, 1, 3, 3, 1]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64"])
def test_numbers_are_read_alike_however_many_come(ask, dtype):
    """By either parser, of which one takes only some of these bodies."""
    side = Side("array", (Field("x", dtype, (None, 2)),))
    bodies = [
        b"[9007199254740993, 1]",
        b"[2, 3.0]" + b" " * 200,
        b"[4, 5], [6, 7]",
        b"[8, 9]" + b" " * 200,
        b"[8e0, 9]",
    ]
    alone, together = ask(Exact(), side, *bodies)
    assert said(alone) == said(together)
    first = "9007199254740992.0, 1.0" if dtype == "float64" else "9007199254740993, 1"
    assert said(together)[0] == b'{"predictions":["[%b]"]}' % first.encode()
    assert sizes(together) == [6] * 5


def test_whoever_is_wrong_is_told_so_and_nobody_else_is(ask):
    side = Side("array", (Field("x", "int8", (None, 2)),))
    wrong = [b'[1, "x"]', b"[1]", b"[128, 1]", b"[1, 2], [3]", b"[1, 2", b""]
    right = [b"[1, 2]", b"[3, 4], [5, 6]"]
    alone, together = ask(Exact(), side, *wrong, *right)
    assert said(alone) == said(together)
    refused = [each.split()[1] for each in together]
    assert refused == [b"422", b"422", b"422", b"422", b"400", b"200", b"200", b"200"]
    assert sizes(together) == [0] * len(wrong) + [3, 3]


def test_rows_of_free_sizes_are_never_stacked_with_others(ask):
    side = Side("array", (Field("x", "float32", (None, None)),))
    alone, together = ask(Exact(), side, b"[1]", b"[1, 2]", b"[3, 4]", b"[1, 2], [3]")
    assert said(alone) == said(together)
    assert sizes(together) == [1, 2, 2, 0]
    assert np.array_equal([each.split()[1] for each in together], [b"200", b"200", b"200", b"422"])
