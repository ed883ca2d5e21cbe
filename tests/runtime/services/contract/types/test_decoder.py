"""Every kind of value: what is encoded for a client is decoded to what it was."""

import datetime as dt
import enum
import ipaddress
import json
import pathlib
import uuid
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)

import attrs
import numpy as np
import pytest
from annotated_types import Gt, Interval, Len
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, RootModel

from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.services.array import Array
from modelbundle.runtime.services.contract.answer import AnswerWriter
from modelbundle.runtime.services.contract.types.annotation import decoder


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float | None = None


@dataclass
class Tree:
    value: int
    children: "list[Tree]"


class Person(BaseModel):
    age: int
    tags: list[str] = []


class Options(TypedDict):
    top: int
    color: NotRequired[Color]
    share: NotRequired[Annotated[float, Interval(ge=0, le=1)]]


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Place(NamedTuple):
    lat: float
    lon: float = 0.0
    name: str | None = None


class Codes(RootModel[list[int]]):
    pass


class Measured(BaseModel):
    count: int = 0
    share: float = 0.0
    is_new: bool = False
    label: str = ""
    at: dt.datetime | None = None
    price: Decimal | None = None
    lasts: dt.timedelta | None = None
    file: bytes = b""


class Lenient(BaseModel):
    model_config = ConfigDict(strict=False)
    count: int


T = TypeVar("T")


@dataclass
class Pair(Generic[T]):
    left: T
    right: int = 0


@attrs.define
class Spot:
    x: int = attrs.field(validator=attrs.validators.ge(-(2**53)))
    _note: str = attrs.field(default="", validator=attrs.validators.max_len(3))
    kind: str = attrs.field(default="A", converter=str.upper)
    tags: list[str] = attrs.field(factory=list, kw_only=True)


@attrs.frozen
class Chosen:
    mode: str = attrs.field(validator=attrs.validators.in_(["a", "b"]))


def scalars(dtype):
    """Values of NumPy's own type of that name."""
    kind, name = np.dtype(dtype), np.dtype(dtype).type
    if kind.kind == "b":
        return st.booleans().map(name)
    if kind.kind in "iu":
        return st.integers(int(np.iinfo(kind).min), int(np.iinfo(kind).max)).map(name)
    return st.floats(width=8 * kind.itemsize, allow_nan=False, allow_infinity=False).map(name)


Loose = namedtuple("Loose", "x y", defaults=[1])  # noqa: PYI024
Percent = NewType("Percent", Annotated[int, Gt(0), Field(le=100)])


NUMBERS = st.integers(-(2**53), 2**53)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.builds(Point, NUMBERS, st.none() | FLOATS)
TREES = st.recursive(
    st.builds(Tree, NUMBERS, st.just([])),
    lambda inner: st.builds(Tree, NUMBERS, st.lists(inner, max_size=3)),
    max_leaves=5,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DECIMALS = st.decimals(-(10**40), 10**40, allow_nan=False, allow_infinity=False)
VALUES = {
    int: NUMBERS,
    float: FLOATS,
    bool: st.booleans(),
    str: TEXT,
    bytes: st.binary(),
    None: st.none(),
    list[int]: st.lists(NUMBERS),
    set[int]: st.sets(NUMBERS),
    frozenset[str]: st.frozensets(TEXT),
    tuple[int, str]: st.tuples(NUMBERS, TEXT),
    tuple[float, ...]: st.lists(FLOATS).map(tuple),
    dict[str, list[int]]: st.dictionaries(TEXT, st.lists(NUMBERS)),
    dict[int, str]: st.dictionaries(NUMBERS, TEXT),
    int | str | None: NUMBERS | TEXT | st.none(),
    Literal["a", 1, True]: st.sampled_from(["a", 1, True]),
    Color: st.sampled_from(Color),
    dt.datetime: st.datetimes(timezones=st.just(dt.UTC)),
    dt.date: st.dates(),
    dt.time: st.times(),
    uuid.UUID: st.uuids(),
    Point: POINTS,
    Tree: TREES,
    Person: st.builds(Person, age=NUMBERS, tags=st.lists(TEXT)),
    list[Person]: st.lists(st.builds(Person, age=NUMBERS)),
    Options: st.fixed_dictionaries({"top": NUMBERS}, optional={"color": st.sampled_from(Color)}),
    dict[str, Point | None]: st.dictionaries(TEXT, POINTS | st.none()),
    dict[Color, int]: st.dictionaries(st.sampled_from(Color), NUMBERS),
    dict[Level, int]: st.dictionaries(st.sampled_from(Level), NUMBERS),
    dict[uuid.UUID, Decimal]: st.dictionaries(st.uuids(), DECIMALS),
    Decimal: DECIMALS,
    dt.timedelta: st.timedeltas(),
    ipaddress.IPv4Address: st.ip_addresses(v=4),
    ipaddress.IPv6Address: st.ip_addresses(v=6),
    HttpUrl: st.just(HttpUrl("http://localhost/a?b=c")),
    pathlib.Path: st.just(pathlib.Path("a/b.txt")),
    Place: st.builds(Place, FLOATS, FLOATS, st.none() | TEXT),
    Percent: st.integers(1, 100),
    Annotated[str, Field(max_length=3, pattern="^a")]: st.sampled_from(["a", "ab", "abc"]),
    Annotated[list[int], Len(1, 2)]: st.lists(NUMBERS, min_size=1, max_size=2),
    Literal[Color.RED, 3]: st.sampled_from([Color.RED, 3]),
    Codes: st.builds(Codes, st.lists(NUMBERS)),
    Pair[int]: st.builds(Pair, NUMBERS, NUMBERS),
    Spot: st.builds(Spot, NUMBERS, st.just("ab"), st.just("B"), tags=st.lists(TEXT)),
    list[Spot]: st.lists(st.builds(Spot, NUMBERS)),
    list[np.int16]: st.lists(scalars("int16")),
    np.bool_: scalars("bool"),
    np.uint8: scalars("uint8"),
    np.int64: scalars("int64"),
    np.uint64: scalars("uint64"),
    np.float16: scalars("float16"),
    np.float32: scalars("float32"),
    np.float64: scalars("float64"),
}


@pytest.mark.parametrize("annotation", VALUES, ids=str)
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_written_is_read_back_and_keeps_its_schema(annotation, data):
    value = data.draw(VALUES[annotation])
    wire = json.loads(AnswerWriter().json(value))
    made = decoder(annotation)
    assert made.read(wire, "") == value
    if annotation is not Tree:
        import jsonschema  # takes a second, of everybody who collects tests

        jsonschema.validate(wire, dict(made.spec.schema))


JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ARRAYS = (
    np.ndarray,
    Annotated[np.ndarray, Array("float32", (None, 2))],
    Annotated[np.ndarray, Array("int8")],
)


@pytest.mark.parametrize("annotation", [*VALUES, *ARRAYS, Any], ids=str)
@settings(max_examples=40)
@given(value=JSON)
def test_any_json_is_read_or_refused_with_its_place(annotation, value):
    """Nothing else is raised, and what the schema refuses is not read."""
    made = decoder(annotation)
    try:
        made.read(value, "here")
    except InvalidInput as error:
        assert "here" in error.detail  # noqa: PT017
        assert len(error.detail) < 400  # noqa: PT017


class Cat(BaseModel):
    lives: int = 9


class Dog(BaseModel):
    name: str


class Puppy(Dog):
    toys: int = 0


class Kept(BaseModel, extra="allow"): ...


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, True, "x: expected a whole number, got true."),
        (int, 2.5, "x: expected a whole number, got 2.5."),
        (float, "1", 'x: expected a number, got the string "1".'),
        (str, None, "x: expected a string, got null."),
        (list[int], [1, "a"], 'x[1]: expected a whole number, got the string "a".'),
        (dict[int, int], {"a": 1}, 'x: expected a whole number as a key, got the string "a".'),
        (tuple[int, int], [1], "x: expected a list of 2, got a list of 1."),
        (int | list[int], "a", 'x: expected one of integer, array, got the string "a".'),
        (int | None, "a", 'x: expected a whole number, got the string "a".'),
        (Literal["a", 1], True, "x: expected one of 'a', 1, got true."),
        (Color, "green", "x: expected one of 'red', 'blue', got the string \"green\"."),
        (dt.date, "tomorrow", 'x: expected an ISO 8601 date, got the string "tomorrow".'),
        (Point, {"x": 1, "z": 2}, "x: unknown field `z`; expected `x`, `y`."),
        (list[Point], [{"y": 1}], "x[0]: field `x` is missing."),
        (Tree, {"value": 1, "children": [{"value": "a"}]}, "x.children[0].value: expected"),
        (Options, {}, "x: field `top` is missing."),
        (Options, {"top": 1, "share": 2}, "x.share: expected at most 1, got 2."),
        (Decimal, True, "x: expected a decimal number, got true."),
        (Decimal, "nan", 'x: expected a decimal number, got the string "nan".'),
        (Decimal, "1e9999999", "x: expected a decimal number, got the string"),
        (Decimal, "1e99999999999999999999", "x: expected a decimal number, got the string"),
        (dt.timedelta, "P1Y", "x: expected an ISO 8601 duration, or seconds, got the string"),
        (dt.timedelta, 1e300, "x: expected an ISO 8601 duration, or seconds, got 1e+300."),
        (pathlib.Path, "a\0", "x: expected a path"),
        (Place, ["a"], 'x[0]: expected a number, got the string "a".'),
        (Place, [], "x: expected a list of 1 to 3, got a list of 0."),
        (Place, {"lon": 1}, "x: field `lat` is missing."),
        (Loose, [], "x: expected a list of 1 to 2"),
        (Pair[int], {"left": 1, "right": "a"}, "x.right: expected a whole number"),
        (Percent, 0, "x: expected more than 0, got 0."),
        (Percent, 101, "x: expected at most 100, got 101."),
        (Annotated[str, Field(pattern="^a")], "b", "x: expected text that matches '^a'"),
        (Annotated[list[int], Len(1, 2)], [], "x: expected a length of at least 1"),
        (Annotated[float, Field(multiple_of=0.1)], 0.35, "x: expected a multiple of 0.1, got 0.35"),
        (Codes, ["a"], "x[0]: input should be a valid integer"),
        (ipaddress.IPv4Address, 5, "x: expected an IPv4 address, got 5."),
        (ipaddress.IPv6Address, "::g", "x: expected an IPv6 address"),
        (HttpUrl, "a", "x: input should be a valid URL"),
        (Literal[Color.RED], "blue", "x: expected one of 'red', got the string \"blue\"."),
        (dict[Color, int], {"green": 1}, "x, a key: expected one of 'red', 'blue'"),
        (dict[Level, int], {"3": 1}, "x, a key: expected one of 1, 2"),
        (dict[int, int], {"1_0": 1}, "x: expected a whole number as a key"),
        (Color | int, "green", "x: expected one of 'red', 'blue', integer, got"),
        (Point | list[Point], [{"x": "a"}], 'x[0].x: expected a whole number, got the string "a".'),
        (Spot, {"x": 1, "_note": "a"}, "x: unknown field `_note`; did you mean `note`?"),
        (Spot, {"x": 1, "note": "long"}, "x: Length of '_note' must be <= 3: 4"),
        (Spot, {"x": "a"}, 'x.x: expected a whole number, got the string "a".'),
        (list[Spot], [{"x": 1, "kind": 1}], "x[0]: "),
        (Chosen, {"mode": "c"}, "x: 'mode' must be in ['a', 'b'] (got 'c')"),
        (np.int8, 128, "x: expected a number that fits int8, got 128."),
        (np.int8, 1.5, "x: expected a whole number, got 1.5."),
        (np.float32, 1e39, "x: expected a number that fits float32, got 1e+39."),
        (np.float32, "a", 'x: expected a number, got the string "a".'),
        (np.bool_, 1, "x: expected true or false, got 1."),
        (set[str], [["a"]], "x[0]: expected a string, got a list of 1."),
        (
            Annotated[np.ndarray, Array("int8", (None,))],
            [1, 300],
            "x[1]: expected a whole number from",
        ),
        (np.ndarray, [[1], [1, 2]], "x[1]"),
        (Cat | Puppy, {"barks": 1}, "x.name: field is missing."),
    ],
)
def test_a_refusal_names_the_place_what_was_expected_and_what_came(annotation, value, message):
    with pytest.raises(InvalidInput) as raised:
        decoder(annotation).read(value, "x")
    assert message in raised.value.detail


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Cat | Dog, {"name": "Rex"}, Dog(name="Rex")),
        (Dog | Puppy, {"name": "Rex", "toys": 2}, Puppy(name="Rex", toys=2)),
        (Dog | Puppy, {"name": "Rex"}, Dog(name="Rex")),
        (Cat | Dog, {"lives": 1}, Cat(lives=1)),
        (Dog | dict[str, str], {"name": "Rex"}, Dog(name="Rex")),
        (Dog | dict[str, str], {"other": "Rex"}, {"other": "Rex"}),
        (Cat | dict[str, str], {"other": "Rex"}, {"other": "Rex"}),
        (Cat | Dog | None, {}, Cat()),
        (Cat | None, {"other": "Rex"}, Cat()),
        (Cat | Kept, {"other": 1}, Kept(other=1)),
    ],
)
def test_of_several_models_the_one_that_knows_most_keys_is_read(annotation, value, expected):
    """Another would ignore what it does not know, and no word of it would reach anybody."""
    assert decoder(annotation).read(value, "x") == expected


def test_numbers_are_read_alike_however_they_are_spelled():
    """JavaScript writes 1.0 as 1."""
    assert decoder(int).read(2.0, "") == 2
    assert type(decoder(float).read(2, "")) is float
    for rows in ([[1, 2]], [[1.0, 2.0]]):
        assert decoder(np.ndarray).read(rows, "").dtype == np.float64


def test_values_that_json_may_spell_in_several_ways():
    """A decimal is what its shortest form says, and a whole number is exact."""
    assert decoder(Decimal).read(0.1, "") == Decimal("0.1")
    assert decoder(Decimal).read("1.10", "").as_tuple().exponent == -2
    assert decoder(dt.timedelta).read(1.5, "") == decoder(dt.timedelta).read("PT1.5S", "")
    assert decoder(Place).read({"lat": 1, "name": "a"}, "") == Place(1.0, 0.0, "a")
    assert decoder(Literal[2]).read(2.0, "") == 2
    assert decoder(int).read(2**70, "") == decoder(Any).read(2**70, "") == 2**70


def test_numpys_scalars_are_of_their_own_type():
    assert type(decoder(np.float32).read(1, "")) is np.float32
    assert type(decoder(np.uint64).read(2**64 - 1, "")) is np.uint64
    assert type(decoder(np.bool_).read(True, "")) is np.bool_


def test_rows_of_any_shape_are_nested_as_deeply_as_arrays_are_and_no_deeper():
    for depth, is_taken in ((64, True), (65, False), (1000, False)):
        rows = 1.0
        for _ in range(depth):
            rows = [rows]
        if is_taken:
            assert decoder(np.ndarray).read(rows, "instances").ndim == depth
            continue
        with pytest.raises(InvalidInput, match="instances: nested more than 64 levels deep"):
            decoder(np.ndarray).read(rows, "instances")


def test_an_array_keeps_the_dtype_of_npy_unless_its_author_names_one():
    rows = np.ones((2, 2), np.float32)
    assert decoder(np.ndarray).read(rows, "").dtype == np.float32
    exact = decoder(Annotated[np.ndarray, Array("float64", (None, 2))])
    assert exact.read(rows, "").dtype == np.float64


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"count": 3}, 3),
        ({"count": 3.0}, 3),
        ({"count": 2**70}, 2**70),
        ({"share": 1}, 1.0),
        ({"at": "2026-01-02T03:04:05"}, dt.datetime.fromisoformat("2026-01-02T03:04:05")),
        ({"at": "2026-01-02"}, dt.datetime.fromisoformat("2026-01-02")),
        ({"price": "1.50"}, Decimal("1.50")),
        ({"lasts": 1.5}, dt.timedelta(seconds=1.5)),
        ({"lasts": "PT2S"}, dt.timedelta(seconds=2)),
        ({"file": b"\xff\x00"}, b"\xff\x00"),
    ],
)
def test_a_pydantic_model_takes_what_its_schema_says(given, value):
    assert getattr(decoder(Measured).read(given, ""), *given) == value


@pytest.mark.parametrize(
    "given",
    [
        {"count": "3"},
        {"count": True},
        {"count": 3.5},
        {"share": "1.5"},
        {"is_new": 1},
        {"is_new": "yes"},
        {"label": 3},
        {"at": 1700000000},
    ],
)
def test_a_pydantic_model_takes_no_more(given):
    """Left alone, pydantic would make a number of a text, and a time of a number."""
    (name,) = given
    with pytest.raises(InvalidInput, match=f"^row.{name}: input should be a valid"):
        decoder(Measured).read(given, "row")
    with pytest.raises(InvalidInput):
        decoder(Codes).read(["1"], "")


def test_a_pydantic_model_that_says_so_takes_more():
    assert decoder(Lenient).read({"count": "3"}, "").count == 3
