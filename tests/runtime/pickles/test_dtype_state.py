"""Dtypes of a pickle: numpy believes their state, so it has to be one of numpy's own."""

import pickle

import numpy as np
import pytest

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.pickles.policy import Policy
from modelbundle.runtime.pickles.scanning import scan

NOTHING = Policy("allow-listed")
EVERYTHING = Policy("allow-listed", frozenset({"numpy.*"}))


class Forged:
    """Pickled as a call, with a state where there is one."""

    def __init__(self, make, arguments, state=None):
        self.reduced = (make, arguments) if state is None else (make, arguments, state)

    def __reduce__(self):
        return self.reduced


def dtype(name, *, order="|", whole=None, fields=None, size=-1, alignment=-1, flags=0, copy=True):
    names = tuple(fields) if fields else None
    state = (3, order, whole, names, fields, size, alignment, flags)
    return Forged(np.dtype, (name, False, copy), state)


def structure(fields, size=8, flags=16):
    return dtype("V8", fields=fields, size=size, alignment=1, flags=flags)


NUMBER = dtype("i8", order="<")
OBJECT = dtype("O8", flags=63)
FORGED = [
    dtype("O8", flags=0),
    dtype("O8", flags=62),
    dtype("O8", flags=1),
    dtype("i8", order="<", flags=1),
    dtype("i8", order="<", flags=4),
    dtype("i8", order="<", copy=False),
    dtype("i8", order="<", size=1 << 40),
    dtype("V8", size=1 << 40, alignment=1),
    dtype("V8", size=-8, alignment=1),
    dtype("V8", size=8, alignment=3),
    dtype("V8", size=8, alignment=1, flags=2),
    structure({"a": (NUMBER, 1 << 28)}),
    structure({"a": (NUMBER, -8)}),
    structure({"a": (NUMBER, 1)}),
    structure({"a": (OBJECT, 0)}),
    structure({"a": (OBJECT, 0), "b": (NUMBER, 0)}, flags=27),
    structure({"a": (dtype("O8", flags=0), 0)}),
    structure({"a": (np.dtype, 0)}),
    dtype("V8", whole=(NUMBER, (1 << 20,)), size=8, alignment=8),
    dtype("V8", whole=(NUMBER, (-1,)), size=8, alignment=8),
    dtype("V8", whole=(OBJECT, (1,)), size=8, alignment=8),
    dtype("V8", order="!", size=8, alignment=1),
    dtype("i8", order="<", whole=(NUMBER, ()), size=8, alignment=8),
    dtype("V8", whole=(NUMBER, (1.0,)), size=8, alignment=8),
    Forged(np.dtype, ("V8", False, True), (5, "|", None, None, None, 8, 1, 0)),
    Forged(np.dtype, ("V8", False, True), (3, "|", None, ["a"], {"a": (NUMBER, 0)}, 8, 1, 0)),
    Forged(np.dtype, ("V8", False, True), (3, "|", None, ("b",), {"a": (NUMBER, 0)}, 8, 1, 0)),
    Forged(np.dtype, ("V8", False, True), (3, "|", None, ("a",), {"a": (NUMBER, 0.0)}, 8, 1, 0)),
    Forged(np.dtype, ("V8", False, True), (3, "|", None, ("a",), {1: (NUMBER, 0)}, 8, 1, 0)),
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_dtype_that_numpy_does_not_write_is_refused(tmp_path, forged, protocol):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(forged, protocol))
    assert scan(path).complete
    for policy in (NOTHING, EVERYTHING):
        with pytest.raises(NotTrusted, match=r"changes.*`numpy.dtype`"):
            policy.load(path)


@pytest.mark.parametrize(
    "arguments",
    [((1,), "O", b"A" * 8), ((1,), "i8", b"A" * 8, -800), ((1,), "i8", b"A" * 8, 0, (1 << 40,))],
)
def test_an_array_is_made_of_no_bytes_of_the_files(tmp_path, arguments):
    path = tmp_path / "model.pkl"
    for kind in (np.ndarray, np.dtypes.VoidDType):
        path.write_bytes(pickle.dumps(Forged(kind, arguments), 4))
        for policy in (NOTHING, EVERYTHING):
            with pytest.raises(NotTrusted):
                policy.load(path)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_dtype_load(tmp_path, protocol):
    aligned = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    union = np.dtype({"names": ["a", "b"], "formats": ["i4", "i8"], "offsets": [0, 0]})
    kinds = [
        "?",
        "f2",
        ">f4",
        "c16",
        "g",
        "S3",
        "U0",
        "U5",
        "V5",
        "M8[ns]",
        "m8[s]",
        aligned,
        union,
    ]
    kinds += [[("a", "O"), ("b", "U3")], [("a", "f4", (2, 3))], [("a", "O", (2,))]]
    kinds += [[(("title", "a"), "f8")], np.dtype("f8", metadata={"a": 1})]
    arrays = [np.zeros(2, kind) for kind in kinds]
    arrays += [
        np.array([1, {}], object),
        np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    ]
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(arrays, protocol))
    loaded = EVERYTHING.load(path)
    assert [native(each) for each in loaded] == [native(each) for each in arrays]


def native(array):
    return array.dtype.newbyteorder("=")


def test_a_scalar_of_objects_is_not_taken_out_of_an_array_without_one(tmp_path):
    """numpy reads addresses there, and the first use of such a value ends the process."""
    scalar = np._core.multiarray.scalar
    objects = np.dtype([("a", "O"), ("b", "O")])
    path = tmp_path / "a.pkl"
    for kind in (objects, Forged(np.dtype, ("O,O",))):
        path.write_bytes(pickle.dumps(Forged(scalar, (kind, np.zeros(0, objects)))))
        for policy in (NOTHING, EVERYTHING):
            with pytest.raises(NotTrusted, match=r"numpy\.dtype"):
                policy.load(path)
    values = [np.float64(2), np.str_("a"), np.bool_(True), np.datetime64("2020-01-01", "s")]
    values.append(np.zeros(1, [("a", "i8"), ("b", "U3")])[0])
    path.write_bytes(pickle.dumps(values, 5))
    assert NOTHING.load(path) == values
