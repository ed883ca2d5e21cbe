"""Frames: what Python's reader drops at the end of one is not what a reader of opcodes sees."""

import pickle
import struct
from contextlib import suppress

import joblib
import numpy as np
import pytest

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.pickles.policy import Policy
from modelbundle.runtime.pickles.scanning import scan

STARS = Policy("allow-listed", frozenset({"numpy.*"}))
SIZE = 20_000  # bytes: more than Python's file keeps, so that the reader takes the frame at once


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def framed(size, body):
    return b"\x95" + struct.pack("<Q", size) + body


def saves(path):
    """A call that writes a file; `numpy.*` gives the function as a value, never to be called."""
    array = pickle.dumps(np.zeros(1), 3)[2:-1]
    return text("numpy") + text("save") + b"\x93(" + text(str(path)) + array + b"tR."


def across_the_end(path):
    """A text that is begun within the frame and goes on behind it."""
    inside = b"N0" * ((SIZE - 16) // 2)
    left = SIZE - len(inside) - 5
    inside += b"X" + struct.pack("<I", 40) + b"a" * left
    hidden = b"b" * (40 - left) + b"0N.".ljust(left, b"c")
    return b"\x80\x04" + framed(SIZE, inside) + hidden + b"0" + saves(path)


def within_a_frame(path):
    inside = framed(SIZE * 2, b"N." + b" " * 10)
    return b"\x80\x04" + framed(SIZE, inside.ljust(SIZE, b"N")) + b" " * SIZE + saves(path)


def behind_the_end_of_the_pickle(path):
    """In an array of objects, which joblib reads as a pickle of its own."""
    data = pickle.dumps({"x": _wrapper()}, 3)
    place = data.rindex(b"s.")
    array = pickle.dumps(np.empty(0, "O"), 3)[2:]
    decoy = framed(SIZE, (array + b"sN.").ljust(SIZE, b"c"))
    real = b"0N" + saves(path)
    return data[:place] + b"\x80\x04" + decoy + real


def _wrapper():
    from joblib.numpy_pickle import NumpyArrayWrapper

    made = NumpyArrayWrapper(np.ndarray, (0,), "C", np.dtype("O"))
    del made.numpy_array_alignment_bytes
    return made


@pytest.mark.parametrize("attack", [across_the_end, behind_the_end_of_the_pickle])
def test_what_stands_behind_a_frame_is_not_hidden(tmp_path, attack):
    canary, path = tmp_path / "canary.npy", tmp_path / "model.pkl"
    path.write_bytes(attack(canary))
    assert not scan(path).complete
    with pytest.raises(NotTrusted, match="to its end"):
        STARS.load(path)
    with pytest.raises(NotTrusted), STARS.narrowing(path, "pickle", "joblib"):
        joblib.load(path)
    assert not canary.exists()
    with suppress(Exception):
        Policy("allow").load(path) if attack is across_the_end else joblib.load(path)
    assert canary.exists(), "it is no attack"


def test_frames_stand_one_after_the_other(tmp_path):
    assert not scan(within_a_frame(tmp_path / "canary")).complete
    assert not scan(b"\x80\x04" + framed(3, b"N.")).complete
    assert scan(b"\x80\x04" + framed(2, b"N.")).complete
    assert scan(b"\x80\x04" + framed(2, b"N0") + framed(2, b"N.")).complete
    large = [bytes(200_000), "x" * 200_000, list(range(50_000))]
    assert scan(pickle.dumps(large, 5)).complete
