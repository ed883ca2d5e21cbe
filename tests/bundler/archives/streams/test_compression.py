"""Around a tar: what was written comes back, and what was never a tar does not go off."""

import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.bundler.archives.streams import compression
from modelbundle.bundler.archives.streams.compression import Compressor, Decompressor
from modelbundle.bundler.errors import InvalidArchive

RAW, LAST = 0 << 1, 1


def compressed(pieces):
    out = io.BytesIO()
    sink = Compressor(out)
    for piece in pieces:
        sink.write(piece)
    sink.close()
    return out.getvalue()


def decompressed(data, piece=1 << 16):
    reader, buffer, out = Decompressor(io.BytesIO(data), "`a`"), bytearray(piece), b""
    while count := reader.readinto(memoryview(buffer)):
        out += buffer[:count]
    return out


def frame(window, data):
    """One frame that says which memory it wants: RFC 8878, sections 3.1.1.1 and 3.1.1.2."""
    descriptor = (window - 10) << 3
    header = compression.MAGIC + bytes([0, descriptor])
    return header + (len(data) << 3 | RAW | LAST).to_bytes(3, "little") + data


@settings(max_examples=20)
@given(st.lists(st.lists(st.binary(max_size=200), max_size=4), max_size=3))
def test_what_was_written_comes_back_from_any_number_of_frames(frames):
    data = b"".join(map(compressed, frames))
    assert decompressed(data, piece=97) == b"".join(b"".join(pieces) for pieces in frames)


def test_what_the_compressor_gives_before_its_end_is_written_too():
    noise = os.urandom(6 << 20)
    assert decompressed(compressed([noise, noise[:1000]]), piece=1 << 20) == noise + noise[:1000]


def test_more_than_it_may_grow_to_is_refused(monkeypatch):
    bomb = compressed([bytes(8 << 20)])
    assert len(bomb) * 1000 < 7 << 20, "it is no bomb"
    assert len(decompressed(bomb, piece=1 << 20)) == 8 << 20
    monkeypatch.setattr(compression, "_FREE", 1 << 20)
    with pytest.raises(InvalidArchive, match="become more than 1,048,576"):
        decompressed(bomb, piece=1 << 20)
    noise = os.urandom(2 << 20)
    assert decompressed(compressed([noise]), piece=1 << 20) == noise


def test_a_frame_gets_no_more_memory_than_a_frame_may_have():
    assert decompressed(frame(27, b"a tar")) == b"a tar"
    with pytest.raises(InvalidArchive, match="cannot be decompressed"):
        decompressed(frame(28, b"a tar"))


def test_damage_is_told():
    data = bytearray(compressed([b"a tar"]))
    data[-1] ^= 1  # of the checksum
    with pytest.raises(InvalidArchive, match="`a` cannot be decompressed"):
        decompressed(bytes(data))
