"""What a pickle hands over: objects with methods of its own making, and pickles within pickles."""

import pickle
import struct

import pytest

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.pickles.policy import Policy

from .attack import PLAIN, RUN, STARS, called, check, found, made, text, touches


def asks_for_an_array(path):
    return called(found("numpy", "broadcast"), made(PLAIN, __array__=touches(path)))


def makes_a_parameter(path):
    rebuild = found("torch._utils", "_rebuild_parameter")
    return called(rebuild, made(PLAIN, detach=touches(path)), b"\x88", b"}")


def asks_for_an_array_in_a_dictionary(path):
    asked = made(PLAIN, __array__=touches(path), dtype=b"N")
    data = b"}" + text("data") + asked + b"s"
    rebuild = found("pandas.core.indexes.base", "_new_Index")
    return called(rebuild, found("pandas", "Index"), data)


def unpickles_another(path):
    inner = b"\x80\x04" + called(found(*RUN), text(f"touch {path}")) + b"."
    state = b"(B" + struct.pack("<I", len(inner)) + inner + b"\x89t"
    module = "torch.utils.data.datapipes.datapipe"
    wrapper = found(module, "_IterDataPipeSerializationWrapper")
    return called(wrapper, opcode=b"\x81") + state + b"b"


def unpickles_what_is_named_later(path):
    return b"(" + unpickles_another(path) + found(*RUN) + b"t"


def is_ended(path):
    file = made(PLAIN, closed=b"\x89", close=touches(path), seek=found("numpy", "shape"))
    return made(("scipy.io._netcdf", "netcdf_file"), fp=file, mode=text("r"), _mm_buf=b"N") + b"0N"


ATTACKS = [
    asks_for_an_array,
    asks_for_an_array_in_a_dictionary,
    makes_a_parameter,
    unpickles_another,
    unpickles_what_is_named_later,
    is_ended,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_star_hands_no_object_to_what_asks_it(tmp_path, attack):
    check(attack, tmp_path)


def test_what_is_in_a_container_is_not_asked_either(tmp_path):
    path = tmp_path / "model.pkl"
    item = made(("sklearn.svm", "SVC"))
    ordered = called(found("collections", "OrderedDict")) + text("a") + item + b"s"
    array = pickle.dumps([None], 2)[2:-1]
    for container in (
        ordered,
        b"](" + item + b"e",
        b"(" + item + b"l",
        b"\x8f(" + item + b"\x90",
        b"(" + item + b"\x91",
        b"]" + ordered + b"a",
        b"(" + array + b"(" + item + b"tt",
    ):
        for function in (found("builtins", "str"), found("pandas.core.indexes.base", "_new_Index")):
            path.write_bytes(b"\x80\x04" + called(function, container) + b".")
            with pytest.raises(NotTrusted, match=r"run methods|hands objects"):
                STARS.load(path)


def test_old_arrays_of_joblib_name_no_files(tmp_path):
    kind = ("joblib.numpy_pickle_compat", "NDArrayWrapper")
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04" + made(kind, filename=text("/etc/passwd")) + b".")
    with pytest.raises(NotTrusted, match="NDArrayWrapper"):
        STARS.check(path)


def test_a_pickle_within_one_has_what_is_named_in_full(tmp_path):
    import torch

    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(torch.ones(2)))
    named = {"torch.storage._load_from_bytes", "torch.FloatStorage"}
    assert Policy("allow-listed", STARS.allowed | named).load(path).tolist() == [1, 1]
