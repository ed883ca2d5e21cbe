"""A zip of a stranger's is arrays, or one refusal."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.runtime.data.codecs import npy, npz
from modelbundle.runtime.errors import BadPayload, PayloadTooLarge

ARRAY = npy.dumps(np.arange(12.0).reshape(3, 4))
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def zipped(method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("x.npy", ARRAY)
    return file.getvalue()


@pytest.mark.parametrize("method", METHODS[2:])
def test_what_numpy_does_not_write_is_not_unfolded(method):
    with pytest.raises(BadPayload, match="neither stored nor deflated"):
        npz.loads(zipped(method), 1 << 20)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(METHODS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_damaged_zip_is_refused_and_raises_nothing_else(method, changes):
    data = bytearray(zipped(method))
    for place, byte in changes:
        data[place % len(data)] = byte
    try:
        found = npz.loads(bytes(data), 1 << 20)
    except (BadPayload, PayloadTooLarge):
        return
    assert all(isinstance(array, np.ndarray) for array in found.values())


def of(*names, array=ARRAY):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, array)
    return file.getvalue()


def test_as_many_arrays_as_a_body_may_have(monkeypatch):
    monkeypatch.setattr(npz, "MOST_ARRAYS", 2)
    assert set(npz.loads(of("a.npy", "b"), 1 << 20)) == {"a", "b"}
    for names in ((), ("a", "b", "c")):
        with pytest.raises(BadPayload, match="from 1 to 2 arrays"):
            npz.loads(of(*names), 1 << 20)


def test_two_arrays_have_two_names():
    with pytest.raises(BadPayload, match="have one name"):
        npz.loads(of("a.npy", "a"), 1 << 20)


def test_arrays_are_no_larger_than_they_may_be():
    data = of("a.npy", "b.npy")
    assert len(npz.loads(data, 2 * len(ARRAY))) == 2
    with pytest.raises(PayloadTooLarge):
        npz.loads(data, 2 * len(ARRAY) - 1)


@pytest.mark.parametrize("change", [-1, 1])
def test_an_array_is_as_long_as_the_zip_announces(change):
    """What is inflated ends at the size that was compared with the limit."""
    data = of("a.npy")
    size = len(ARRAY).to_bytes(4, "little")
    assert data.count(size) >= 2
    with pytest.raises(BadPayload):
        npz.loads(data.replace(size, (len(ARRAY) + change).to_bytes(4, "little")), 1 << 20)


def test_objects_are_never_unpickled():
    file = io.BytesIO()
    np.savez(file, a=np.array([{}], object))
    with pytest.raises(BadPayload):
        npz.loads(file.getvalue(), 1 << 20)
