"""The build reads a service from its source, the server from live types: both must see the same."""

import ast
import sys
import textwrap
import uuid
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.bundler.building.service.syntax import module
from modelbundle.runtime.services.service_class import ServiceClass

SHAPES = '''
import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import ipaddress
import pathlib
import typing as t
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from annotated_types import Gt, Interval, Len
from dataclasses import dataclass, field
from typing import Annotated, Any, Generator, Iterable, List, Literal, NamedTuple, NewType, Optional, TypedDict, Union

import attr
import attrs
import modelbundle
import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic
from modelbundle import Array, api as endpoint
from PIL import Image
from pydantic import BaseModel, Field

THRESHOLD = 0.5
WIDTH = 8
Rows = Annotated[np.ndarray, Array("float32", (None, WIDTH))]
Number = Union[int, float]
UserId = NewType("UserId", int)
T = t.TypeVar("T")

class Color(enum.Enum):
    RED = "red"
    GREEN = "green"

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2

@dataclass
class Point:
    x: float
    y: float = 0.0
    kind: t.ClassVar[str] = "point"

@dataclasses.dataclass(kw_only=True)
class Named(Point):
    name: str = "p"
    tags: list[str] = field(default_factory=list)
    hidden: int = field(default=1, init=False)
    level: Level = Level.LOW

class Plain(Named):
    extra: int = 3

@dataclass
class Fixed(Point):
    x: t.ClassVar[float] = 1.0
    _: dataclasses.KW_ONLY
    seed: dataclasses.InitVar[int]
    scale: "dataclasses.InitVar[float]" = 2.0

@dataclass
class Tree:
    value: int
    children: "list[Tree]"

class Applicant(BaseModel):
    """A person."""

    age: int = Field(ge=0)
    city: str = "Oslo"
    income: Optional[float] = None
    tags: Annotated[List[str], Field(default_factory=list)]
    country: str = Field("NO", alias="countryCode")
    _secret: int = 1
    model_config = pydantic.ConfigDict(extra="ignore")

class Student(Applicant):
    school: str
    age: int = 20

class Box(BaseModel, t.Generic[T]):
    value: T

class Options(TypedDict, total=False):
    top: t.Required[int]
    color: Color
    share: Annotated[float, Interval(ge=0, le=1)]

Name = Annotated[str, Field(max_length=8, pattern="^[a-z]"), Len(1)]

class Place(NamedTuple):
    lat: float
    lon: float = 0.0
    near: "Optional[Place]" = None

class Home(Place):
    street = "no field"

@dataclass
class Pair(t.Generic[T]):
    left: T
    right: Name = "a"

@attrs.define
class Spot:
    x: int
    _secret: float = attrs.field(default=0.5, validator=attrs.validators.ge(0))
    tags: list[str] = attrs.field(factory=list, kw_only=True)
    hidden: int = attrs.field(init=False, default=3)
    upper: str = attrs.field(converter=str.upper, default="A", kw_only=True)
    width: np.int16 = attrs.field(kw_only=True)
    near: "Optional[Spot]" = None

    @width.default
    def _width(self):
        return 2

@attr.frozen
class Far(Spot):
    far: bool = True

@attrs.define
class Bare:
    x: int = 1
    y = attrs.field(default=2)

class Stranger:
    pass
'''

# Imported one by one, as an author would: a star would hide what is undefined.
IMPORTS = "from shapes import (\n    {}\n)\n".format(
    ", ".join(sorted(module.bindings(ast.parse(SHAPES).body, "")))
)

ATOMS = (  # noqa: SIM905  # a table is easier to read
    "int float str bool bytes None dict list tuple set Any object np.ndarray Rows Number UserId "
    "npt.NDArray[np.float32] npt.NDArray[Any] np.ndarray[Any,np.dtype[np.int64]] pd.DataFrame "
    "Image.Image Color Level Point Named Plain Fixed Tree Applicant Student Box Options Stranger "
    'dt.datetime dt.date dt.timedelta decimal.Decimal pathlib.Path uuid.UUID ipaddress.IPv4Address T "Point" Place Home '
    "Spot Far Bare np.float32 np.half np.bool_ np.uint8 np.int64 list[np.float64] Annotated[np.int8,Gt(0)] "
    "Pair Pair[int] Name Annotated[int,Gt(0)] Annotated[List[int],Len(min_length=1,max_length=3)] "
    "dict[Color,int] dict[uuid.UUID,int] Annotated[Optional[float],Field(gt=0.5,multiple_of=0.5)] "
    '\'list["Applicant"]\' Literal["a",1,None] '
    'Annotated[int,"note"] Annotated[npt.NDArray[np.int32],Array(shape=(None,2))] List Mapping '
    "Annotated[np.ndarray,Array()] np.ndarray[Any,Any] Sequence frozenset[int] t.Optional[Point]"
).split()
DEFAULTS = ("", " = None", " = 3", " = -1.5", ' = "a"', " = THRESHOLD", " = True", " = ()")


def _wrapped(inner):
    return st.one_of(
        inner.map("list[{}]".format),
        inner.map("List[{}]".format),
        inner.map("Sequence[{}]".format),
        inner.map("tuple[{}, ...]".format),
        inner.map("dict[str, {}]".format),
        inner.map("t.Mapping[int, {}]".format),
        inner.map("Optional[{}]".format),
        inner.map("Annotated[{}, 1]".format),
        st.tuples(inner, inner).map(lambda pair: f"tuple[{pair[0]}, {pair[1]}]"),
        st.tuples(inner, inner).map(lambda pair: f"Union[{pair[0]}, {pair[1]}]"),
    )


ANNOTATIONS = st.recursive(st.sampled_from(ATOMS), _wrapped, max_leaves=4)
RETURNS = st.one_of(
    ANNOTATIONS,
    ANNOTATIONS.map("Iterator[{}]".format),
    ANNOTATIONS.map("AsyncIterator[{}]".format),
    ANNOTATIONS.map("Generator[{}, None, None]".format),
)
PARAMETERS = st.lists(
    st.tuples(st.one_of(st.just(""), ANNOTATIONS.map(": {}".format)), st.sampled_from(DEFAULTS)),
    max_size=3,
)
BODIES = st.sampled_from(("return 1", "yield 1"))


@pytest.fixture
def project(tmp_path):
    """A project whose modules are forgotten afterwards."""
    (tmp_path / "shapes.py").write_text(SHAPES)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def both(project: Path, source: str, name: str = "Sample"):
    """The routes as the build and as the server see them."""
    file = f"service_{uuid.uuid4().hex}"
    (project / f"{file}.py").write_text(source)
    target = f"{file}:{name}"
    static = read_service(project, target).routes
    return static, ServiceClass.load(target, project).routes


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(PARAMETERS, RETURNS, BODIES), min_size=1, max_size=3))
def test_any_annotations_read_alike(project, methods):
    lines = [IMPORTS, "@modelbundle.service", "class Sample:"]
    for number, (parameters, returns, body) in enumerate(methods):
        given = "".join(f", p{i}{a}{d}" for i, (a, d) in enumerate(parameters) if not d)
        given += "".join(f", p{i}{a}{d}" for i, (a, d) in enumerate(parameters) if d)
        lines += [
            "    @endpoint",
            f"    def m{number}(self{given}) -> {returns}:",
            f"        {body}",
        ]
    static, live = both(project, "\n".join(lines) + "\n")
    assert static == live


SAMPLES = {
    "batchable": """
        @endpoint(batchable=True, max_batch_size=8, latency_budget="25ms")
        def predict(self, rows: Rows) -> np.ndarray:
            '''Predict.

            More.
            '''
        @endpoint(batchable=True, idempotent=True)
        async def score(self, items: list[Applicant]) -> list[float]: ...
        @endpoint(batchable=True, route="/v1/frame")
        def frame(self, frame: pd.DataFrame): ...
        @endpoint(batchable=True)
        def pictures(self, pictures: list[Image.Image]) -> list[str]: ...
    """,
    "streams": """
        @endpoint
        def lines(self, text: str) -> t.Iterable[str]:
            yield text
        @endpoint
        async def tokens(self, text: str, top: int = 3) -> AsyncIterator[Point]:
            yield Point(1.0)
        @endpoint
        def later(self, text: str) -> Iterator[bytes]:
            return iter(())
        @endpoint
        def pauses(self) -> Iterator[None]:
            return iter(())
        @endpoint
        def inner(self, text: str) -> str:
            def generator():
                yield 1
            return text
    """,
    "keywords": """
        @endpoint
        def both(self, a: int, *, b: str = "x", c: list[int] | None = None) -> None: ...
        @endpoint
        def nothing(self): ...
    """,
    "bare names": """
        @endpoint
        def bare(self, a: t.Tuple, b: t.Dict, c: t.Mapping, d: list[t.Tuple]) -> tuple[()]: ...
        @endpoint
        def stream(self) -> collections.abc.Iterator:
            return iter(())
    """,
    "one of several answers": """
        @endpoint
        def rows(self) -> Optional[np.ndarray]: ...
        @endpoint
        def any(self) -> pd.DataFrame | Image.Image | str | bytes | None: ...
    """,
    "headers or none": """
        @endpoint
        def ask(self, a: int, headers: modelbundle.Headers | None = None) -> int: ...
        @endpoint
        def quoted(self, a: int, headers: "Optional['modelbundle.Headers']" = None) -> int: ...
    """,
    "defaults that JSON has no words for": """
        @endpoint
        def ask(self, a: float = 1e400, b: float = float("nan"), c: int = 1 << 64) -> float: ...
        @endpoint
        def large(self, a: int = 18446744073709551616) -> Literal[18446744073709551616]: ...
    """,
    "a generator behind a decorator": """
        def traced(method):
            @functools.wraps(method)
            def inner(*given, **named):
                return method(*given, **named)
            return inner
        @endpoint
        @traced
        def parts(self, n: int):
            yield n
        @endpoint
        @traced
        async def more(self, n: int) -> AsyncIterator[int]:
            yield n
    """,
    "nested class": """
        class Reply(BaseModel):
            ok: bool
        @endpoint
        def ask(self, point: Point | None = None) -> Reply: ...
    """,
}


@pytest.mark.parametrize("body", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("first", ["", "from __future__ import annotations\n"], ids=["", "later"])
def test_samples_read_alike(project, body, first):
    source = f"{first}{IMPORTS}@modelbundle.service\nclass Sample:\n" + textwrap.indent(
        textwrap.dedent(body), "    "
    )
    static, live = both(project, source)
    assert static == live
    orjson.dumps([route.to_json() for route in live])  # as the server's processes tell each other


RECORDS = """
from __future__ import annotations
import enum
import modelbundle
from dataclasses import dataclass
from typing import Annotated, Literal, NotRequired, Required, TypedDict

class Part(TypedDict, total=False):
    a: Required[int]
    b: Annotated[NotRequired[str], 1]
    c: int
class Whole(Part):
    d: NotRequired[Part]
    e: list[Whole]
class Typed(enum.Enum):
    ONE: int = 1
    TWO: int = 2
@dataclass
class Row:
    whole: Whole
    typed: Typed = Typed.ONE

@modelbundle.service
class Sample:
    @modelbundle.api
    def ask(self, row: Row, whole: Whole) -> Typed: ...
"""


def test_records_of_postponed_annotations_read_alike(project):
    static, live = both(project, RECORDS)
    assert static == live
    whole = static[0].input["schema"]["properties"]["whole"]
    assert whole["required"] == ["a", "e"]
    assert static[0].output["schema"] == {"enum": [1, 2]}


@pytest.mark.parametrize(
    "definition",
    [
        "class Kind(enum.Enum):\n    A, B = 1, 2",
        "class Kind(enum.Enum):\n    A = 1\n    if enum:\n        B = 2",
        "class Kind(int, enum.Enum):\n    A = '1'\n    B = 2",
    ],
)
def test_members_of_an_enum_that_only_running_it_tells_are_left_open(project, definition):
    body = f"import enum\n{definition}\n"
    body += (
        "@modelbundle.service\nclass Sample:\n    @endpoint\n    def a(self, k: Kind) -> int: ...\n"
    )
    static, live = both(project, IMPORTS + body)
    assert static[0].input["schema"]["properties"] == {"k": {}}
    assert live[0].input["schema"]["properties"] == {"k": {"enum": [1, 2]}}


def test_a_field_may_be_called_as_its_type(project):
    body = "from datetime import date\n@dataclass\nclass Row:\n    date: date\nPoint: int\n"
    body += "@modelbundle.service\nclass Sample:\n    @endpoint\n    def a(self, r: Row, p: Point): ...\n"
    static, live = both(project, IMPORTS + body)
    assert static == live
    row = static[0].input["schema"]["properties"]["r"]["properties"]
    assert row == {"date": {"type": "string", "format": "date"}}


def test_fields_of_a_record_below_an_if_leave_it_open(project):
    body = "@dataclass\nclass Row:\n    a: int\n    if True:\n        b: int = 0\n"
    body += "@modelbundle.service\nclass Sample:\n    @endpoint\n    def a(self, r: Row): ...\n"
    static, live = both(project, IMPORTS + body)
    assert static[0].input["schema"] == {"type": "object", "title": "Row"}
    assert live[0].input["schema"]["properties"].keys() == {"a", "b"}


STRICT = """
import pydantic
class Called(BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")
    a: int
class Listed(BaseModel):
    model_config = {"extra": "forbid"}
    a: int
class Behind(BaseModel, extra="forbid"):
    a: int
class Below(Behind):
    b: int = 0
class Open(Below):
    model_config = pydantic.ConfigDict(extra="allow")
"""


def test_models_that_refuse_other_keys_read_alike(project):
    """Clients are told of that, or they would send what is refused."""
    names = ("Called", "Listed", "Behind", "Below", "Open")
    parameters = ", ".join(f"{name.lower()}: {name}" for name in names)
    source = f"{IMPORTS}{STRICT}@modelbundle.service\nclass Sample:\n    @endpoint\n"
    static, live = both(project, f"{source}    def ask(self, {parameters}) -> None: ...\n")
    assert static == live
    (route,) = static
    closed = {
        name
        for name, schema in route.input["schema"]["properties"].items()
        if schema.get("additionalProperties") is False
    }
    assert closed == {"called", "listed", "behind", "below"}


def test_inherited_overridden_and_imported_read_alike(project):
    """Bases in other files, a re-export, relative imports, and an API that is one no more."""
    package = project / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("from .types import Item\n")
    (package / "types.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Item:\n    sku: str\n"
    )
    (package / "base.py").write_text(
        "import modelbundle as mb\nfrom . import Item\n"
        "class Base:\n"
        "    @mb.api\n    def first(self, item: Item) -> Item: ...\n"
        "    @mb.api\n    def second(self, n: int) -> int: ...\n"
        "    @mb.api\n    def third(self, n: int) -> int: ...\n"
    )
    source = (
        "from __future__ import annotations\nfrom shop.base import Base\nimport shop.types as types\n"
        "from modelbundle import service, api\n"
        "@service()\nclass Sample(Base):\n"
        "    def second(self, n: int) -> int: ...\n"
        "    @api(route='/3')\n    def third(self, n: types.Item) -> 'list[types.Item]': ...\n"
        "    @api\n    def fourth(self) -> dict[str, types.Item]: ...\n"
    )
    static, live = both(project, source)
    assert [route.path for route in static] == ["/first", "/3", "/fourth"]
    assert static == live


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = ...` is Python 3.12's")
def test_type_statements_read_alike(project):
    body = "type Score = float | None\n@modelbundle.service\nclass Sample:\n"
    body += "    @endpoint\n    def a(self, s: Score, t: Score | int) -> list[Score]: ...\n"
    static, live = both(project, IMPORTS + body)
    assert static == live


NEW_SYNTAX = {
    "alias with parameters": (
        "type Swapped[A, B] = dict[B, A]\ntype Unused[A] = dict[str, int]\ntype Itself[A] = A",
        "a: Swapped[int, str], b: Unused[float], c: Itself[list[int]], d: Itself, e: Swapped",
    ),
    "aliases of aliases": (
        "type One[A] = list[A] | None\ntype Two[B] = dict[str, One[B]]",
        "a: Two[One[int]], b: list[Two[Point]], c: One[Two[str] | int]",
    ),
    "recursive": (
        """
type Json = None | bool | float | str | list[Json] | dict[str, Json]
type Odd = int | list[Even]
type Even = str | list[Odd]
type Deep[A] = A | list[Deep[A]]
""",
        "a: Json, b: Odd, c: list[Even], d: Deep[int], e: Deep",
    ),
    "any number of parameters": (
        "type Many[*Ts] = tuple[*Ts]\ntype Made[**P] = list[t.Callable[P, int]]",
        "a: Many[int, str], b: Many, c: Made[int], d: tuple[int, *tuple[str, ...]]",
    ),
    "arrays": (
        "type Of[D: np.generic] = npt.NDArray[D]",
        "a: Of[np.float32], b: Annotated[Of[np.int8], Array(shape=(None, 2))]",
    ),
    "generic classes": (
        """
@dataclass
class Crate[T]:
    value: T
    many: dict[str, list[T]]
class Small(Crate[int]): ...
class Keys[T](TypedDict):
    a: T
    b: t.NotRequired[int]
class Spare[T](NamedTuple):
    a: T
    b: int = 0
class Model[T](BaseModel):
    a: T
    b: int = 0
@attrs.define
class Spun[T]:
    a: T
""",
        "a: Crate[int], b: Crate, c: Small, d: Keys[int], e: Spare, f: Model, g: Spun[int]",
    ),
}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are Python 3.12's")
@pytest.mark.parametrize(("before", "parameters"), NEW_SYNTAX.values(), ids=NEW_SYNTAX)
def test_type_parameters_read_alike(project, before, parameters):
    """Of aliases, classes, methods, and the service itself."""
    source = f"{IMPORTS}{before}\n@modelbundle.service\nclass Sample[S]:\n    @endpoint\n"
    source += f"    def first[T: int](self, x: T, y: list[S], {parameters}) -> list[T]: ...\n"
    static, live = both(project, source)
    assert static == live


@pytest.mark.skipif(sys.version_info < (3, 13), reason="defaults are Python 3.13's")
def test_defaults_of_type_parameters_and_read_only_keys_read_alike(project):
    source = IMPORTS + (
        "type Rest[A, B = int] = dict[A, B]\n"
        "class Keys(TypedDict, total=False):\n"
        "    a: t.Required[t.ReadOnly[int]]\n    b: t.ReadOnly[t.Required[str]]\n"
        "    c: Annotated[t.Required[int], 1]\n    d: t.ReadOnly[float]\n"
        "@modelbundle.service\nclass Sample:\n"
        "    @endpoint\n    def a(self, a: Rest[str], b: Rest, c: Keys) -> Keys: ...\n"
    )
    static, live = both(project, source)
    assert static == live


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are deferred since Python 3.14")
def test_annotations_may_name_what_comes_later(project):
    source = IMPORTS + (
        "@modelbundle.service\nclass Sample:\n"
        "    @endpoint\n    def a(self, a: Later, b: list[Keys]) -> Made | None: ...\n"
        "@dataclass\nclass Later:\n    next: Later | None = None\n    made: list[Made] = ()\n"
        "class Made(NamedTuple):\n    keys: Keys\n    other: Made | None = None\n"
        "class Keys(TypedDict):\n    model: Model\n"
        "class Model(BaseModel):\n    spun: Spun\n"
        "@attrs.define\nclass Spun:\n    x: int\n    more: list[Spun] = ()\n"
    )
    static, live = both(project, source)
    assert static == live
