"""Arrays between the opcodes: a scan steps over what their reader does, and over nothing else."""

import io
import pickle
import re
import struct
import tarfile
import zipfile
from contextlib import suppress

import joblib
import numpy as np
import pytest
from joblib.numpy_pickle import NumpyArrayWrapper

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.frameworks import pickle_file
from modelbundle.runtime.pickles.policy import Policy
from modelbundle.runtime.pickles.scanning import TORCH_LEGACY, scan

from . import attack
from .test_restoring import hashed, shown

STARS = Policy("allow-listed", frozenset({"numpy.*", "torch.*"}))


def text(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


def found(name):
    return text("module") + text(name) + b"\x93"


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.fixture
def hidden(canary):
    command = text(f"touch {canary}")
    return text("torch.utils.collect_env") + text("run") + b"\x93" + command + b"\x85R0"


def parts(shape, dtype="u1", protocol=3, **more):
    """What stands before and after the bytes of an array."""
    wrapper = NumpyArrayWrapper(np.ndarray, shape, "C", np.dtype(dtype))
    del wrapper.numpy_array_alignment_bytes
    vars(wrapper).update(more)
    data = pickle.dumps({"x": wrapper}, protocol)
    place = data.rindex(b"s.")
    return data[:place], data[place:]


def test_who_reads_no_arrays_is_given_none(tmp_path, hidden, canary):
    before, after = parts((len(hidden),))
    path = tmp_path / "model.pkl"
    path.write_bytes(before + hidden + after)
    assert scan(path).complete
    assert scan(path).format == "joblib"
    with pytest.raises(NotTrusted):
        STARS.load(path)
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.write(path, "model/data.pkl")
    assert not scan(tmp_path / "model.pt").complete
    with pytest.raises(NotTrusted), STARS.narrowing(path, "zip", "torch"):
        pytest.fail("it was let through")
    assert not canary.exists()
    with suppress(Exception):
        Policy("allow").load(path)
    assert canary.exists(), "it is no attack"


def test_an_array_within_a_frame_is_read_from_behind_it(tmp_path, hidden, canary):
    before, after = parts((len(hidden),))
    body = before[2:] + hidden + after
    frame = b"\x80\x04\x95" + struct.pack("<Q", len(body)) + body
    path = tmp_path / "model.joblib"
    path.write_bytes(frame + bytes(len(hidden)))
    assert not scan(path).complete
    with pytest.raises(NotTrusted), STARS.narrowing(path, "pickle", "joblib"):
        joblib.load(path)
    assert not canary.exists()
    with suppress(Exception):
        joblib.load(path)
    assert canary.exists(), "it is no attack"


@pytest.mark.parametrize("protocol", [0, 1])
def test_an_array_is_made_in_one_way(protocol):
    assert scan(b"".join(parts((0,)))).complete
    assert not scan(b"".join(parts((0,), protocol=protocol))).complete
    called = text("joblib.numpy_pickle") + text("NumpyArrayWrapper") + b"\x93"
    assert not scan(b"\x80\x04" + called + b"(NNNNtR.").complete


@pytest.mark.parametrize("shape", [[1], (-1,), (-1, -1), (1.0,), (True,), (1, "1"), None])
def test_an_array_has_a_shape_that_joblib_writes(shape):
    before, after = parts(shape)
    assert not scan(before + b"N" + after).complete
    before, after = parts((1, 1))
    assert scan(before + b"N" + after).complete


def test_a_dtype_is_of_one_size_and_kind():
    for dtype, said, forged in (
        ("V8", b"K\x08K\x01K\x00t", b"K\x01K\x01K\x00t"),
        ("V8", b"V8", b"i4"),
        ("O", b"K?t", b"K>t"),
        ("O", b"O8", b"|O"),
    ):
        before, after = parts((0,), dtype)
        raw = pickle.dumps(np.empty(0, "O"), 4) if dtype == "O" else b""
        assert scan(before + raw + after).complete
        assert said in before
        assert not scan(before.replace(said, forged) + raw + after).complete


def test_padding_is_what_the_file_says(tmp_path):
    class Pipe(io.FileIO):
        def tell(self):
            raise io.UnsupportedOperation

    path = tmp_path / "model.joblib"
    with Pipe(path, "w") as file:
        joblib.dump([np.arange(300)], file)
    assert scan(path).complete
    before, after = parts((0,), numpy_array_alignment_bytes=b"\x10")
    assert not scan(before + after).complete
    assert not scan(before + b"\x00" + after).complete


def test_a_dtype_of_dtypes_is_looked_at_once():
    levels = b""
    for level in range(60):
        part = b"h" + bytes([100 + level])
        field = part + b"K\x00\x86"
        fields = b"}(" + b"".join(text(name) + field for name in "ab") + b"u"
        names = text("a") + text("b") + b"\x86"
        levels += b"cnumpy\ndtype\n" + text("V2") + b"\x89\x88\x87R"
        if level:
            levels += b"(K\x03" + text("|") + b"N" + names + fields + b"K\x02K\x01K\x00tb"
        else:
            levels += b"(K\x03" + text("|") + b"NNNK\x02K\x01K\x00tb"
        levels += b"q" + bytes([101 + level]) + b"0"
    before, after = parts((0,), "V2")
    place = before.index(b"cnumpy\ndtype")
    end = before.index(b"b", before.index(b"K\x02K\x01K\x00t")) + 1
    data = before[:2] + levels + before[2:place] + b"h\xa0" + before[end:] + after
    assert scan(data).complete


def test_calls_of_everything_with_everything_are_cheap():
    names = b"".join(found(f"a{number}") for number in range(200))
    data = b"\x80\x04(" + names + b"tq\x000"
    data += b"".join(found(f"b{number}") + b"h\x00R0" for number in range(2000)) + b"N."
    assert not scan(data).complete


def test_a_tar_that_begins_as_torchs_old_format_is_none():
    file = io.BytesIO()
    name = (TORCH_LEGACY + b"N." * 4).decode("utf-8", "surrogateescape")
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo(name))
    assert scan(TORCH_LEGACY + b"N." * 4).complete
    assert not scan(file.getvalue()).complete


def test_joblibs_array_class_has_no_other_name():
    """By which a scan would not know it, and see another program than joblib runs."""
    before, after = parts((9,))
    before = before.replace(b"\x80\x03", b"\x80\x04")
    own = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n"
    other = text("joblib") + text("numpy_pickle.NumpyArrayWrapper") + b"\x93"
    hidden = b"0" + text("os") + text("getpid") + b"\x93)R" + b"0."
    around = b"\x8e" + struct.pack("<Q", len(hidden))
    assert "os.getpid" in scan(before + around + hidden + after).globals
    disguised = before.replace(own, other)
    assert disguised != before
    assert not scan(disguised + around + hidden + after).complete


def test_an_array_gets_its_state_once(tmp_path, canary):
    """What a second one does not say stays as the first one said it, for joblib."""
    path = tmp_path / "model.joblib"
    padded, _ = parts((2,), numpy_array_alignment_bytes=16)
    plain, _ = parts((2,))
    wrapper, state = b"h\x03", plain[plain.index(b"}q\x04") :]
    hidden = (
        b"cos\nmkdir\nX" + struct.pack("<I", len(str(canary))) + str(canary).encode() + b"\x85R0."
    )
    again = wrapper + state + b"\x01_C" + bytes([len(hidden)])  # joblib takes four for the array
    path.write_bytes(padded + b"\x00ab0" + again + hidden + b"0.")
    joblib.load(path)
    assert canary.exists()
    assert not scan(path).complete


def test_a_dtype_gets_its_state_once():
    before, after = parts((0,), "V8")
    state = before[before.index(b"(K\x03") : before.index(b"tq\x11b") + 4]
    assert scan(before + after).complete
    assert not scan(before.replace(state, state + state) + after).complete


class Called:
    """A call of `function` with an array of one object."""

    def __init__(self, function):
        self.function = function

    def __reduce__(self):
        return self.function, (np.array(["here"], dtype=object),)


def with_nested(path, function, nested):
    """Write what joblib does for such a call, with another pickle for the array."""
    joblib.dump(Called(function), path, protocol=2)
    data = path.read_bytes()
    *_, begin = (match.start() for match in re.finditer(rb"\x80[\x02-\x05]", data))
    path.write_bytes(data[:begin] + nested + data[data.rindex(b"\x85") :])


@pytest.mark.parametrize(("function", "element"), [(str, shown), (set, hashed)])
def test_objects_in_an_array_are_known_to_be_there(tmp_path, canary, function, element):
    path = tmp_path / "model.joblib"
    nested = pickle.dumps(np.array(["here"], dtype=object), 2)
    with_nested(path, function, nested.replace(attack.text("here"), element(canary)))
    with pytest.raises(NotTrusted, match="has something run methods"):
        pickle_file.load(path, "joblib", {}, attack.STARS)
    assert not canary.exists()
    with suppress(Exception):
        joblib.load(path)
    assert canary.exists(), "it is no attack"


@pytest.mark.parametrize(("array", "is_one"), [(np.array([1], dtype=object), True), ([1], False)])
def test_what_is_called_an_array_of_objects_is_one(tmp_path, array, is_one):
    with_nested(tmp_path / "model.joblib", list, pickle.dumps(array, 2))
    assert scan(tmp_path / "model.joblib").complete is is_one
