import io
import os
import pickle
import pickletools
import zipfile
from collections import OrderedDict

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.pickles.policy import Policy, scan


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def fired(tmp_path):
    return tmp_path / "fired"


@pytest.fixture(params=range(pickle.HIGHEST_PROTOCOL + 1))
def canary(request, tmp_path, fired):
    path = tmp_path / "canary.pkl"
    path.write_bytes(pickle.dumps([1, {"a": Canary(fired)}], protocol=request.param))
    return path


def test_a_scan_names_the_globals_and_fires_nothing(canary, fired):
    seen = scan(canary)
    assert seen.complete
    assert "posix.mkdir" in seen.globals
    assert not fired.exists()


@pytest.mark.parametrize("compress", [0, "gzip", "zlib", "bz2", "lzma", "xz"])
def test_joblib_files_are_followed_past_their_raw_arrays(tmp_path, fired, compress):
    path = tmp_path / "model.joblib"
    arrays = [np.arange(5.0), np.zeros((0, 2)), np.array(["a", {}], dtype=object), np.ones(3, "i2")]
    joblib.dump([arrays, Canary(fired)], path, compress=compress)
    seen = scan(path)
    assert seen.complete
    assert seen.format == "joblib"
    assert "posix.mkdir" in seen.globals
    assert not fired.exists()


def test_a_torch_archive_is_opened(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(OrderedDict(a=torch.ones(2)), tmp_path / "w.pt")
    seen = scan(tmp_path / "w.pt")
    assert (seen.complete, seen.format) == (True, "zip")
    assert "torch._utils._rebuild_tensor_v2" in seen.globals
    torch.save({"a": torch.ones(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert "torch._utils._rebuild_tensor_v2" in scan(tmp_path / "old.pt").globals


def test_a_name_made_at_run_time_is_told_as_unknown():
    assert scan(b"\x80\x04\x8c\x02os\x94\x93.").complete is False
    assert scan(b"\x80\x04)R\x8c\x02os\x93.").globals == ()
    assert scan(b"\x80\x04]\x8c\x02os\x93.").globals == ("?.?",)


@given(st.binary(max_size=200))
def test_any_bytes_are_looked_at_without_an_accident(data):
    scan(data)
    scan(b"\x80\x04" + data)
    scan(b"\x78\x9c" + data)
    scan(b"\x1f\x8b" + data)
    scan(b"PK\x03\x04" + data)


VALUES = st.recursive(
    st.none() | st.integers() | st.text() | st.binary() | st.floats(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.dictionaries(st.text(), inner)
        | st.frozensets(st.text())
    ),
)


@given(value=VALUES, protocol=st.integers(0, 5))
def test_plain_values_ask_for_nothing(value, protocol):
    seen = scan(pickle.dumps(value, protocol))
    assert seen.complete
    assert protocol < 4 or seen.globals == ()


@given(value=VALUES, cut=st.integers(0, 400))
def test_a_truncated_pickle_is_not_complete(value, cut):
    data = pickle.dumps([value, OrderedDict()], 4)
    assert scan(data[:cut]).complete is (cut >= len(data))


def test_bombs_are_cheap():
    doubling = b"\x80\x04)" + b"2\x86" * 400 + b"."
    assert scan(doubling).complete
    assert not scan(b"\x80\x04" + b"]0" * 600_000 + b"N.").complete
    assert not scan(b"\x80\x04\x8e" + (1 << 60).to_bytes(8, "little") + b".").complete
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(100 << 20))
    assert not scan(file.getvalue()).complete


def test_long_strings_are_stepped_over():
    data = pickle.dumps([bytes(5 << 20), bytearray(3 << 20), "x" * (2 << 20), OrderedDict()], 5)
    assert scan(data).globals == ("builtins.bytearray", "collections.OrderedDict") or scan(
        data
    ).globals == ("collections.OrderedDict",)


def test_the_policy_narrows(canary, fired, tmp_path):
    for policy in (Policy("deny"), Policy("allow-listed", frozenset({"os.*", "posix.rmdir"}))):
        with pytest.raises(NotTrusted):
            policy.load(canary)
    assert not fired.exists()
    names = frozenset(scan(canary).globals)
    Policy("allow-listed", names).load(canary)
    assert fired.exists()


def test_a_package_is_allowed_with_a_star(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(np.arange(3)))
    policy = Policy("allow-listed", frozenset({"numpy.*", "_codecs.encode"}))
    assert policy.load(path).tolist() == [0, 1, 2]


def test_no_prefix_of_a_damaged_pickle_runs_under_a_list(tmp_path, fired):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([Canary(fired), list(range(300))])[:-20])
    with pytest.raises(NotTrusted, match="to its end"):
        Policy("allow-listed", frozenset({"posix.mkdir"})).load(path)
    assert not fired.exists()


def test_the_scan_agrees_with_the_standard_disassembler():
    data = pickle.dumps({"a": np.arange(3), "b": OrderedDict(x=1), "c": {1, 2}}, 5)
    pickletools.dis(data, out=io.StringIO())
    assert scan(data).globals == tuple(
        sorted({"numpy._core.numeric._frombuffer", "numpy.dtype", "collections.OrderedDict"})
    )
