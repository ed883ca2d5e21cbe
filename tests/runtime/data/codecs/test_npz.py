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
