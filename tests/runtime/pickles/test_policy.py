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
from modelbundle.runtime.pickles.global_use import Use
from modelbundle.runtime.pickles.policy import Policy
from modelbundle.runtime.pickles.scanning import scan


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
    import torch

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


LISTED = Policy(
    "allow-listed", frozenset({"numpy.*", "joblib.*", "collections.OrderedDict", "torch.*"})
)


def with_raw_array(fired, dtype):
    """A joblib file whose array of objects pretends to be of raw bytes."""
    from joblib.numpy_pickle import NumpyArrayWrapper

    hidden = pickle.dumps(Canary(fired), protocol=4)
    hidden += b"N" * (-len(hidden) % 8)
    wrapper = NumpyArrayWrapper(np.ndarray, (len(hidden) // 8,), "C", dtype)
    del wrapper.numpy_array_alignment_bytes
    around = pickle.dumps({"x": wrapper}, protocol=3)
    place = around.rindex(b"s.")
    return around[:place] + hidden + around[place:]


def test_objects_in_the_fields_of_an_array_are_followed(tmp_path, fired):
    dtype = np.dtype([("a", "O")])
    seen = scan(with_raw_array(fired, dtype))
    assert "posix.mkdir" in seen.globals
    path = tmp_path / "model.joblib"
    plain = np.zeros(3, [("a", "i8"), ("b", "f4", (2,))])
    joblib.dump([plain, np.zeros(2, dtype), np.zeros(1, "M8[s]")], path)
    assert scan(path).complete


def test_a_dtype_whose_flag_contradicts_its_fields_is_not_understood(fired):
    for kind in ("O", "i8"):
        dtype = np.dtype([("a", kind)])
        honest = with_raw_array(fired, dtype)
        forged = honest.replace(b"K%ct" % dtype.flags, b"K%ct" % (dtype.flags ^ 1))
        assert forged != honest
        assert not scan(forged).complete


def legacy(*pickles):
    return pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"".join(pickles)


def test_every_pickle_of_torchs_old_format_is_followed_whatever_its_protocol(fired):
    plain = [pickle.dumps(each, 2) for each in (1001, {}, 1, [])]
    assert scan(legacy(*plain)).complete
    for place in range(4):
        hidden = [*plain[:place], pickle.dumps(Canary(fired), 0), *plain[place + 1 :]]
        assert scan(legacy(*hidden)).globals == ("posix.mkdir",)
    assert not scan(legacy(*plain[:2])).complete
    behind = legacy(*plain, pickle.dumps(Canary(fired), 2))
    assert scan(behind).globals == (), "torch takes it for numbers"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy.testing", "_private.utils.os.mkdir"),
        ("numpy.testing._private.utils", "os.mkdir"),
        ("numpy.testing._private.utils", "os"),
        ("numpy.testing._private.utils", "partial"),
        ("torch", "os.mkdir"),
        ("joblib.numpy_pickle", "os.mkdir"),
    ],
)
def test_what_an_allowed_package_has_imported_is_not_its_own(tmp_path, fired, module, name):
    path = tmp_path / "a.pkl"
    text = b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, name))
    argument = pickle.dumps(str(fired), 4)[2:-1]
    path.write_bytes(b"\x80\x04" + text + b"\x93" + argument + b"\x85R.")
    with pytest.raises(NotTrusted, match=name):
        LISTED.load(path)
    assert not fired.exists()


def test_what_no_scan_has_seen_is_refused_when_it_is_asked_for(tmp_path, fired, monkeypatch):
    """In joblib's unpickler and in torch's, and in this thread alone."""
    import torch

    blind = Policy("allow-listed")
    monkeypatch.setattr(Policy, "check", lambda *_: None)
    path = tmp_path / "model"
    joblib.dump([np.ones(2), Canary(fired)], path)
    with pytest.raises(NotTrusted, match=r"posix\.mkdir"), blind.narrowing(path):
        joblib.load(path)
    for new in (True, False):
        torch.save(Canary(fired), path, _use_new_zipfile_serialization=new)
        with pytest.raises(NotTrusted, match=r"posix\.mkdir"), blind.narrowing(path):
            torch.load(path, weights_only=False)
    assert not fired.exists()
    joblib.dump(Canary(fired), path)
    joblib.load(path)
    assert fired.exists(), "nobody is narrowed afterwards"


def test_plain_values_and_arrays_need_no_list(tmp_path):
    from scipy.sparse import csr_matrix

    values = [{1, 2}, 1j, b"x", OrderedDict(a=[np.float64(2)]), np.array(["a", None], dtype=object)]
    path = tmp_path / "a"
    path.write_bytes(pickle.dumps([*values, csr_matrix(np.eye(2))], 5))
    assert Policy("allow-listed").load(path)[:2] == values[:2]
    joblib.dump(values, path)
    with Policy("allow-listed").narrowing(path):
        assert joblib.load(path)[:2] == values[:2]


def test_names_of_python_2_are_known_by_those_of_today(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(OrderedDict(a=range(3)), 2))
    policy = Policy("allow-listed", frozenset({"collections.OrderedDict", "builtins.range"}))
    assert policy.load(path) == OrderedDict(a=range(3))


def test_types_that_another_kind_of_file_names_are_held_against_the_list():
    policy = Policy("allow-listed", frozenset({"numpy.*"}))
    policy.check_names(["numpy.int8", "builtins.dict"], [])
    for name in ("posix.mkdir", "numpy.testing.assert_equal", "numpy.os"):
        with pytest.raises(NotTrusted, match=name):
            policy.check_names(["numpy.int8", name], [])
    with pytest.raises(NotTrusted, match=r"numpy\.save"):
        policy.check_names(["numpy.save"], [Use("call", "numpy", "save")])
    Policy("allow").check_names(["posix.mkdir"], [Use("call", "posix", "mkdir")])


def test_a_package_within_a_package_is_allowed_by_the_star_of_either():
    for star in ("sklearn.*", "sklearn.svm.*"):
        Policy("allow-listed", frozenset({star})).check_found("sklearn.svm", "SVC")
    for star in ("sklearn.svm.SVC.*", "sklearn.linear_model.*", "skl.*", "sklearn", "*"):
        with pytest.raises(NotTrusted, match=r"sklearn\.svm\.SVC"):
            Policy("allow-listed", frozenset({star})).check_found("sklearn.svm", "SVC")


@pytest.mark.parametrize("name", ["os", "os.mkdir", "Path"])
def test_what_a_package_has_imported_is_no_value_of_its_own_either(tmp_path, name):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02cjoblib.numpy_pickle\n" + name.encode() + b"\n.")
    assert scan(path).uses == frozenset()
    with pytest.raises(NotTrusted, match=rf"joblib\.numpy_pickle\.{name}"):
        LISTED.load(path)
    path.write_bytes(b"\x80\x02cjoblib.numpy_pickle\nNumpyPickler\n.")
    assert LISTED.load(path).__name__ == "NumpyPickler"
