"""npy without trust in a byte of it."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modelbundle.runtime.data.codecs import npy
from modelbundle.runtime.errors import BadPayload

DTYPES = st.sampled_from(["<f4", ">f8", "|b1", "<i8", "|u1", "<U3", "|S2", ">i2", "<f2"])


@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0)), st.booleans())
def test_what_numpy_writes_is_read(array, is_fortran):
    array = np.asarray(array, order="F" if is_fortran else "C")
    file = io.BytesIO()
    np.save(file, array)
    read = npy.loads(file.getvalue())
    assert (read.shape, read.dtype) == (array.shape, array.dtype.newbyteorder("="))
    assert read.tobytes() == array.astype(read.dtype).tobytes()


@given(hnp.arrays(DTYPES, hnp.array_shapes()))
def test_what_is_written_numpy_reads(array):
    read = np.load(io.BytesIO(npy.dumps(array)), allow_pickle=False)
    assert read.tobytes() == array.tobytes()


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_way(data):
    for body in (data, npy.MAGIC + data, npy.MAGIC + b"\x01\x00" + data):
        try:
            npy.loads(body)
        except BadPayload:
            continue


def header(text, data=b"", length=None):
    raw = text.encode()
    size = len(raw) if length is None else length
    return npy.MAGIC + b"\x01\x00" + size.to_bytes(2, "little") + raw + data


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not npy"),
        (b"\x93NUMPY", "not npy"),
        (npy.MAGIC + b"\x09\x00" + b"  " * 9, "version 9"),
        (header(GOOD, b"1234567"), "announces 8 bytes of data, the body has 7"),
        (header(GOOD, b"123456789"), "announces 8 bytes of data, the body has 9"),
        (header(GOOD, length=60000), "longer than the body"),
        (header(GOOD.replace("<f4", "|O")), "not one of a plain array"),
        (header(GOOD.replace("'<f4'", "[('a', '<f4')]")), "not one of a plain array"),
        (header(GOOD.replace("(2,)", "(" + "1," * 40 + ")")), "beyond any limit"),
        (header(GOOD.replace("(2,)", "(99999999999999999,)")), "beyond any limit"),
        (header(GOOD.replace("(2,)", "(" + "9" * 5000 + ",)")), "beyond any limit"),
        (header(GOOD.replace("(2,)", "(1, 1000000000, 0)")), "beyond any limit"),
        (header(GOOD.replace("(2,)", "(-1,)")), "not one of a plain array"),
        (header(GOOD.replace("<f4", "<f5"), b"1234567890"), "is not known"),
        (header(GOOD.replace("(2,)", "(" * 3000 + ")" * 3000)), "not one of a plain array"),
    ],
)
def test_a_wrong_header_is_named(body, said):
    with pytest.raises(BadPayload, match=said):
        npy.loads(body)


def test_a_pickle_inside_is_never_run(tmp_path):
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadPayload):
        npy.loads(file.getvalue())
    with pytest.raises(BadPayload):
        npy.loads(pickle.dumps([1]))
