"""Large bodies are read in another process, with the same result."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest

from modelbundle.runtime.data.payload import CSV, JSON, NPY, Codec
from modelbundle.runtime.errors import InvalidInput, Overloaded, RequestError
from modelbundle.runtime.remote.decoder import LARGE, Decoder
from modelbundle.runtime.signature import OBJECTS, Field, Side

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


def test_only_what_is_large_and_what_can_be_told_in_numbers():
    """JSON of any kind would have to be parsed once more."""
    decoder = Decoder({"a": Codec(INPUTS["floats"][0]), "b": Codec(OBJECTS)})
    assert decoder.takes("a", LARGE)
    assert not decoder.takes("a", LARGE - 1)
    assert not decoder.takes("b", LARGE)


def test_a_body_that_takes_the_process_with_it_is_not_read_here():
    """Its client may try again; the next body has a new process."""

    async def scenario(decoder):
        body = orjson.dumps({"instances": [[1, 2]]})
        await decoder.decode("floats", body, JSON)
        first = decoder._process._child.pid
        os.kill(first, signal.SIGSTOP)
        reading = [asyncio.ensure_future(decoder.decode("floats", body, JSON)) for _ in range(3)]
        await asyncio.sleep(0.05)
        os.kill(first, signal.SIGKILL)
        for each in reading:
            with pytest.raises(Overloaded, match="send it again"):
                await each
        assert (await decoder.decode("floats", body, JSON)).tolist() == [[1.0, 2.0]]
        assert decoder._process._child.pid != first

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


def test_nothing_is_left_behind():
    """No descriptor, and no process."""

    async def scenario(decoder):
        await decoder.decode("floats", b'{"instances":[]}', JSON)
        return decoder._process._child.pid

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
