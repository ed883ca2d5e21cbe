"""The access log."""

import asyncio
import io
import json

from modelbundle.runtime.http.access_log import FLUSH_AT, AccessLog
from modelbundle.runtime.http.request.exchange import Exchange
from modelbundle.runtime.printable import printable


class Stream(io.RawIOBase):
    """Remembers what each write was."""

    def __init__(self):
        self.writes = []

    def write(self, data):
        self.writes.append(bytes(data))
        return len(data)


def exchange(path="/predict", status=200):
    made = Exchange({"headers": [], "method": "POST", "path": path})
    made.status = status
    return made


def written(count, path="/predict", status=200, **options):
    stream = Stream()

    async def write():
        log = AccessLog(stream, **options)
        for _ in range(count):
            log.write(exchange(path, status))
        log.flush()

    asyncio.run(write())
    return stream.writes


def test_many_lines_are_one_write_and_no_write_is_torn_by_a_pipe():
    writes = written(100)
    assert 1 < len(writes) < 20
    assert all(len(data) <= FLUSH_AT and data.endswith(b"\n") for data in writes)
    lines = b"".join(writes).splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == 100


def test_probes_that_went_well_are_written_for_debugging_only():
    assert b"".join(written(3, "/readyz")) == b""
    assert b"".join(written(3, "/readyz", with_probes=True)).count(b"/readyz") == 3


def test_a_probe_that_failed_is_written():
    assert b"".join(written(3, "/readyz", 503)).count(b"/readyz") == 3


def test_a_long_path_is_cut():
    (data,) = written(1, "/" + "a" * 8000)
    assert len(json.loads(data)["path"]) == 1024


def test_a_reader_that_is_gone_stops_nobody():
    class Closed(Stream):
        def write(self, data):
            raise BrokenPipeError

    async def write():
        log = AccessLog(Closed())
        log.write(exchange())
        log.flush()

    asyncio.run(write())


def test_control_characters_are_written_out():
    assert printable("/a\r\n\x1b[0m\u202e\x9b") == r"/a\r\n\x1b[0m\u202e\x9b"
    assert printable("/åse?") == "/åse?"
