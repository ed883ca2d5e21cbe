import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.rpc.frame import (
    AT_ONCE,
    MOST_BODY,
    BadFrame,
    Frame,
    FrameKind,
    FrameReader,
)

SIZES = st.one_of(st.integers(0, 200), st.sampled_from([AT_ONCE - 24, AT_ONCE, 3 * AT_ONCE + 7]))
FRAMES = st.builds(
    lambda kind, number, head, size: Frame(
        kind, number, head, bytes(size % 251 for _ in range(size))
    ),
    st.sampled_from(FrameKind),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=50),
    SIZES,
)


def read(reader, data, pieces):
    """The frames in `data`, which comes in pieces of these sizes, over and over."""
    found, start, turn = [], 0, 0
    while start < len(data):
        room = reader.room()
        assert len(room), "there is always room for what comes next"
        size = min(len(room), pieces[turn % len(pieces)], len(data) - start)
        room[:size] = data[start : start + size]
        found += reader.read(size)
        start, turn = start + size, turn + 1
    return found


@given(
    st.lists(FRAMES, max_size=8),
    st.lists(st.integers(1, 2 * AT_ONCE), min_size=1, max_size=5),
)
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(frames, pieces):
    data = b"".join(piece for frame in frames for piece in frame.pieces())
    assert read(FrameReader(), data, pieces) == frames


@given(st.binary(min_size=24, max_size=200))
def test_no_bytes_at_all_do_worse_than_a_bad_frame(data):
    reader = FrameReader()
    try:
        for frame in read(reader, data, [7]):
            assert isinstance(frame.kind, FrameKind)
    except BadFrame:
        pass


def test_a_size_that_nobody_would_send_is_no_frame():
    header = struct.pack("<B3xIQQ", FrameKind.ANSWER, 0, MOST_BODY + 1, 1)
    with pytest.raises(BadFrame):
        read(FrameReader(), header, [24])


class Huge(bytes):
    def __len__(self):
        return MOST_BODY + 1


def test_only_a_service_takes_a_call_of_any_size_which_a_front_has_let_in():
    header = Frame(FrameKind.CALL, 1, b"", Huge()).pieces()[0]
    service = FrameReader(takes_calls=True)
    assert read(service, header, [24]) == []
    assert len(service.room()) == MOST_BODY + 1
    with pytest.raises(BadFrame):
        read(FrameReader(), header, [24])
    answer = struct.pack("<B3xIQQ", FrameKind.ANSWER, 0, MOST_BODY + 1, 1)
    with pytest.raises(BadFrame):
        read(FrameReader(takes_calls=True), answer, [24])


def test_what_the_other_end_would_not_take_is_not_sent():
    with pytest.raises(ValueError, match="too large"):
        Frame(FrameKind.ANSWER, 1, b"", Huge()).pieces()
