"""Large bodies are read in another process, with the same result."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest

from modelbundle.runtime.data.media import CSV, JSON, NPY
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import (
    InvalidInput,
    Overloaded,
    PredictionFailed,
    RequestError,
)
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side
from modelbundle.runtime.plan import Plan
from modelbundle.runtime.remote.decoder import LARGE, Decoder

from ..conftest import Sums
from .test_parity import INPUTS

CODECS = {name: Codec(side, nan_as_null=True) for name, (side, _) in INPUTS.items()}


def run(scenario):
    """Run `scenario(decoder)`, and end the process."""

    async def main():
        decoder = Decoder(CODECS)
        try:
            return await scenario(decoder)
        finally:
            decoder.stop()

    return asyncio.run(main())


def plain(value):
    """Something that can be compared with ==."""
    if isinstance(value, dict):
        return [(name, plain(part)) for name, part in value.items()]
    if isinstance(value, list):
        return orjson.loads(orjson.dumps(value))
    if isinstance(value, np.ndarray):
        return [repr(value.tolist()), value.dtype.str, value.shape, value.flags.writeable]
    return value


async def outcome(reading):
    """The batch, or the error."""
    try:
        return plain(await reading)
    except RequestError as error:
        return type(error), error.detail


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_whatever_is_sent_is_read_as_it_would_be_here():
    """All layouts and dtypes; errors are those of the codec, to the word."""

    async def scenario(decoder):
        for name, (_, pieces) in INPUTS.items():
            for body in [*map(orjson.dumps, ({"instances": piece} for piece in pieces)), b"{]"]:
                here = await outcome(asyncio.to_thread(CODECS[name].decode, body, JSON))
                assert await outcome(decoder.decode(name, body, JSON)) == here

    run(scenario)


def test_many_at_once_and_of_other_types():
    """Each gets its own."""

    async def scenario(decoder):
        async def read(number):
            body = b"%d,2\n3,4" % number
            batch = await decoder.decode("floats", body, CSV)
            assert batch.tolist() == [[number, 2.0], [3.0, 4.0]]

        await asyncio.gather(*map(read, range(50)))
        with pytest.raises(RequestError):
            await decoder.decode("floats", b"what?", NPY)

    run(scenario)


def test_only_what_would_keep_others_waiting():
    """CSV takes longer to read than JSON, npy nearly no time."""
    decoder = Decoder(CODECS)
    assert [decoder.takes(LARGE, kind) for kind in (JSON, CSV, NPY)] == [True, True, False]
    assert [decoder.takes(LARGE - 1, kind) for kind in (JSON, CSV, "")] == [False, True, False]
    assert not decoder.takes(1000, CSV)


def test_rows_of_any_json_come_as_json():
    """The front does not look inside."""
    rows = [{"a": [1, {"b": None}]}, "x:y", 2**63, 1.5, [], "\N{SNOWMAN}"]

    async def scenario(decoder):
        name = next(name for name, (side, _) in INPUTS.items() if side == OBJECTS)
        batch = await decoder.decode(name, orjson.dumps({"instances": rows}), JSON)
        assert {type(row) for row in batch} == {orjson.Fragment}
        assert orjson.loads(orjson.dumps(batch)) == rows
        assert table.key(OBJECTS, batch) != table.key(OBJECTS, batch)
        with pytest.raises(InvalidInput, match="levels deep"):
            await decoder.decode(name, b'{"instances":[%b]}' % (b"[" * 99 + b"]" * 99), JSON)

    run(scenario)


def test_bodies_of_clients_that_left_are_not_read():
    """None of them is even sent to the process."""

    async def scenario(decoder):
        body = orjson.dumps({"instances": [[1, 2]]})
        await decoder.decode("floats", body, JSON)
        process = decoder._reader.process
        os.kill(process._child.pid, signal.SIGSTOP)
        reading = [asyncio.ensure_future(decoder.decode("floats", body, JSON)) for _ in range(20)]
        await asyncio.sleep(0.05)
        for each in reading:
            each.cancel()
        staying = asyncio.ensure_future(decoder.decode("floats", body, JSON))
        await asyncio.sleep(0.05)
        assert not process._link._waiting
        os.kill(process._child.pid, signal.SIGCONT)
        assert (await staying).tolist() == [[1.0, 2.0]]

    run(scenario)


def test_a_body_that_takes_the_process_with_it_is_not_read_here():
    """Its client may try again; the next body has a new process."""

    async def scenario(decoder):
        body = orjson.dumps({"instances": [[1, 2]]})
        await decoder.decode("floats", body, JSON)
        first = decoder._reader.process._child.pid
        os.kill(first, signal.SIGSTOP)
        reading = [asyncio.ensure_future(decoder.decode("floats", body, JSON)) for _ in range(3)]
        await asyncio.sleep(0.05)
        os.kill(first, signal.SIGKILL)
        for each in reading:
            with pytest.raises(Overloaded, match="send it again"):
                await each
        assert (await decoder.decode("floats", body, JSON)).tolist() == [[1.0, 2.0]]
        assert decoder._reader.process._child.pid != first

    run(scenario)


@pytest.mark.parametrize("program", ["/bin/false", "/there/is/no/such"])
def test_where_no_process_can_be_had_bodies_are_read_here(program, monkeypatch, caplog):
    """Said once, in the log."""
    monkeypatch.setattr(sys, "executable", program)

    async def scenario(decoder):
        body = orjson.dumps({"instances": [[1, 2]]})
        for _ in range(3):
            assert (await decoder.decode("floats", body, JSON)).tolist() == [[1.0, 2.0]]
        with pytest.raises(InvalidInput):
            await decoder.decode("floats", b"{}", JSON)

    run(scenario)
    assert caplog.text.count("Large bodies are read by the server itself") == 1


def test_a_process_that_could_not_begin_is_tried_again_after_a_while(monkeypatch, caplog):
    python = sys.executable
    monkeypatch.setattr(sys, "executable", "/bin/false")

    async def scenario(decoder):
        body = orjson.dumps({"instances": [[1, 2]]})
        assert (await decoder.decode("floats", body, JSON)).tolist() == [[1.0, 2.0]]
        monkeypatch.setattr(sys, "executable", python)
        assert (await decoder.decode("floats", body, JSON)).tolist() == [[1.0, 2.0]]
        assert not decoder._reader.process.has_served, "not so soon"
        decoder._reader.rests_until = 0.0
        assert (await decoder.decode("floats", body, JSON)).tolist() == [[1.0, 2.0]]
        assert decoder._reader.process.has_served

    run(scenario)
    assert caplog.text.count("Large bodies are read by the server itself") == 1


def test_what_a_process_has_is_finished_and_what_comes_later_is_for_one_that_knows_more(
    make_bundle,
):
    plan = Plan.read(make_bundle(Sums()))
    codecs = {"floats": CODECS["floats"]}
    body = orjson.dumps({"instances": [[1, 2]]})

    async def main():
        decoder = Decoder(codecs, plan=plan)
        await decoder.decode("floats", body, JSON)
        first = decoder._reader.process
        os.kill(first._child.pid, signal.SIGSTOP)
        reading = [asyncio.ensure_future(decoder.decode("floats", body, JSON)) for _ in range(3)]
        await asyncio.sleep(0)
        codecs["added"] = CODECS["floats"]
        decoder.learn(plan)
        assert (await decoder.decode("added", body, JSON)).tolist() == [[1.0, 2.0]]
        os.kill(first._child.pid, signal.SIGCONT)
        assert [each.tolist() for each in await asyncio.gather(*reading)] == [[[1.0, 2.0]]] * 3
        assert first.is_over
        decoder.learn(plan)
        assert decoder._reader.process is None, "it had nothing to finish"
        decoder.stop()

    before = descriptors()
    asyncio.run(main())
    assert descriptors() == before


def test_a_process_that_hangs_is_replaced(monkeypatch):
    async def scenario(decoder):
        body = orjson.dumps({"instances": [[1, 2]]})
        await decoder.decode("floats", body, JSON)
        monkeypatch.setattr("modelbundle.runtime.remote.decoder.HANG", 0.2)
        os.kill(decoder._reader.process._child.pid, signal.SIGSTOP)
        with pytest.raises(Overloaded, match="send it again"):
            await decoder.decode("floats", body, JSON)
        while not decoder._reader.process.is_over:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        monkeypatch.setattr("modelbundle.runtime.remote.decoder.HANG", 30.0)
        assert (await decoder.decode("floats", body, JSON)).tolist() == [[1.0, 2.0]]

    run(scenario)


def test_nothing_is_left_behind():
    """No descriptor, and no process."""

    async def scenario(decoder):
        await decoder.decode("floats", b'{"instances":[]}', JSON)
        return decoder._reader.process._child.pid

    run(scenario)
    before = descriptors()
    pid = run(scenario)
    assert descriptors() == before
    assert not Path(f"/proc/{pid}").exists()


def test_a_client_that_leaves_leaves_the_others_alone():
    """Its body is read for nothing."""

    async def scenario(decoder):
        body = orjson.dumps({"instances": [[1, 2]]})
        await decoder.decode("floats", body, JSON)
        leaving = asyncio.ensure_future(decoder.decode("floats", body, JSON))
        staying = asyncio.ensure_future(decoder.decode("floats", body, JSON))
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await staying).tolist() == [[1.0, 2.0]]

    run(scenario)


def test_side_of_the_codec_is_told_whole():
    """Nullable fields too."""
    side = Side("array", (Field("x", "float32", (None, 2), True),))
    decoder = Decoder({"/p": Codec(side)})

    async def main():
        batch = await decoder.decode("/p", b'{"instances":[[1,null]]}', JSON)
        decoder.stop()
        return batch

    assert np.isnan(asyncio.run(main())[0, 1])


def test_answers_are_written_whatever_becomes_of_the_process():
    """Elsewhere, and here where it dies; a body that hangs keeps none of them waiting."""

    async def scenario(decoder):
        body, output = orjson.dumps({"instances": [[1, 2]]}), np.array([[1.0, 2.0]])
        await decoder.decode("floats", body, JSON)
        os.kill(decoder._reader.process._child.pid, signal.SIGSTOP)
        reading = asyncio.ensure_future(decoder.decode("floats", body, JSON))
        assert await decoder.encode("floats", output, "") == CODECS["floats"].encode(output)
        told = await decoder.encode("floats", output, "text/csv")
        assert (told.content_type, told.body) == (CSV, CODECS["floats"].encode(output, CSV).body)
        writer = decoder._writer.process
        os.kill(writer._child.pid, signal.SIGSTOP)
        writing = asyncio.ensure_future(decoder.encode("floats", output, ""))
        while not writer._link._sent:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        os.kill(writer._child.pid, signal.SIGKILL)
        assert await writing == CODECS["floats"].encode(output)
        os.kill(decoder._reader.process._child.pid, signal.SIGCONT)
        assert (await reading).tolist() == [[1.0, 2.0]]
        with pytest.raises(PredictionFailed, match="not a finite number"):
            await decoder.encode("strict", np.array([[np.nan]]), "")

    CODECS["strict"] = Codec(CODECS["floats"].inputs)
    run(scenario)
