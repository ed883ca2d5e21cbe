"""Spec: what an annotation means on the wire, as a kind and a JSON Schema.

Two readers make specs: `annotation.py` from live types at start, the builder from the source
without importing it. Both put them together with the functions here, so they cannot disagree
about anything that both can see.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np

from ....data.rows.schema import BASE64, scalar
from ...array import DTYPES, Array

Kind = Literal[
    "array", "dataframe", "pydantic", "dataclass", "str", "bytes", "image", "json", "object"
]
"""dataclass is TypedDict and attrs, too; json scalars and containers with a schema; object free."""

_SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Spec:
    """A value: its kind, and its JSON Schema in a body."""

    kind: Kind
    schema: Mapping[str, Any]
    item: "Spec | None" = None  # of a list
    members: "tuple[Spec, ...]" = ()  # of a union


def _json(type_: str, **more: Any) -> Spec:
    return Spec("json", {"type": type_, **more})


_B64 = {
    "type": "object",
    "properties": {"b64": BASE64},
    "required": ["b64"],
    "additionalProperties": False,
}
IMAGE = "image/*"
_BINARY: dict[str, Any] = {"anyOf": [BASE64, _B64]}
OBJECT = Spec("object", {})
NULL = _json("null")
DATAFRAME = Spec("dataframe", {"type": "array", "items": {"type": "object"}})
ARRAY = "numpy.ndarray"

DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
DURATION = (  # ISO 8601 without years and months, which are no fixed time
    r"^[+-]?P(?=.)([0-9]{1,8}W)?([0-9]{1,9}D)?"
    r"(T(?=[0-9])([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}([.,][0-9]{1,6})?S)?)?$"
)
_SECONDS = {"minimum": -86_399_999_913_600, "maximum": 86_399_999_999_999}
_WHOLE, _NUMBER = "^-?[0-9]+$", r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$"
_PATH = _json("string", format="path")


def _number(name: str) -> Spec:
    """A NumPy scalar, by its dtype."""
    dtype = np.dtype(name)
    if dtype.kind == "b":
        return _json("boolean")
    if dtype.kind in "iu":
        whole = np.iinfo(dtype)
        return _json("integer", minimum=int(whole.min), maximum=int(whole.max))
    most = float(np.finfo(dtype).max)
    return _json("number", **({} if name == "float64" else {"minimum": -most, "maximum": most}))


NUMBERS: Mapping[str, Spec] = {f"numpy.{name}": _number(name) for name in DTYPES - {"str"}}
"""NumPy's scalars."""

NAMED: Mapping[str, Spec] = {
    "builtins.str": Spec("str", {"type": "string"}),
    "builtins.bytes": Spec("bytes", _BINARY),
    "PIL.Image.Image": Spec("image", _BINARY | {"contentMediaType": IMAGE}),
    "builtins.int": _json("integer"),
    "builtins.float": _json("number"),
    "builtins.bool": _json("boolean"),
    "builtins.NoneType": NULL,
    "builtins.dict": _json("object"),
    "builtins.list": _json("array"),
    "builtins.tuple": _json("array"),
    "builtins.set": _json("array", uniqueItems=True),
    "pandas.DataFrame": DATAFRAME,
    "pandas.core.frame.DataFrame": DATAFRAME,
    "datetime.datetime": _json("string", format="date-time"),
    "datetime.date": _json("string", format="date"),
    "datetime.time": _json("string", format="time"),
    "datetime.timedelta": Spec(
        "json",
        {"anyOf": [{"type": "string", "pattern": DURATION}, {"type": "number"} | _SECONDS]},
    ),
    "decimal.Decimal": Spec(
        "json", {"anyOf": [{"type": "string", "pattern": DECIMAL}, {"type": "number"}]}
    ),
    "pathlib.Path": _PATH,
    "pathlib.PurePath": _PATH,
    "pathlib.PosixPath": _PATH,
    "pathlib.PurePosixPath": _PATH,
    "uuid.UUID": _json("string", format="uuid"),
    "ipaddress.IPv4Address": _json("string", format="ipv4"),
    "ipaddress.IPv6Address": _json("string", format="ipv6"),
    **NUMBERS,
}
"""Types without arguments, by the name that the interpreter gives them."""

LISTS = frozenset(
    (
        "builtins.list",
        "builtins.set",
        "builtins.frozenset",
        "collections.abc.Sequence",
        "collections.abc.MutableSequence",
        "collections.abc.Iterable",
        "collections.abc.Collection",
    )
)
SETS = frozenset(("builtins.set", "builtins.frozenset"))
DICTS = frozenset(("builtins.dict", "collections.abc.Mapping", "collections.abc.MutableMapping"))
STREAMS = frozenset(
    f"collections.abc.{name}"
    for name in ("Iterator", "Generator", "AsyncIterator", "AsyncGenerator")
)
"""Types of results that are streamed."""

CANONICAL: Mapping[str, str] = {
    "numpy.bool_": "numpy.bool",
    "numpy.half": "numpy.float16",
    "numpy.single": "numpy.float32",
    "numpy.double": "numpy.float64",
    "numpy.int_": "numpy.int64",
    "numpy.uint": "numpy.uint64",
    "typing.List": "builtins.list",
    "typing.Dict": "builtins.dict",
    "typing.Set": "builtins.set",
    "typing.FrozenSet": "builtins.frozenset",
    "typing.Tuple": "builtins.tuple",
    "numpy.typing.NDArray": ARRAY,
    "numpy._typing.NDArray": ARRAY,
    "pathlib._local.Path": "pathlib.Path",  # Python 3.13
    "pathlib._local.PurePath": "pathlib.PurePath",
    "pathlib._local.PosixPath": "pathlib.PosixPath",
    "pathlib._local.PurePosixPath": "pathlib.PurePosixPath",
} | {
    f"typing.{name.rpartition('.')[2]}": name
    for name in LISTS | DICTS | STREAMS | {"collections.abc.AsyncIterable"}
    if name.startswith("collections.abc.")
}
"""Names that `typing`, NumPy and some versions of Python have for the same types."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a record or one parameter of a method."""

    name: str
    spec: Spec
    required: bool = True
    default: Any = None

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema, with the default if that is a plain value."""
        known = not self.required and self.default is not None
        plain = known and is_scalar(self.default)
        return dict(self.spec.schema) | ({"default": self.default} if plain else {})


def is_scalar(value: Any) -> bool:
    """Whether a value may stand in a schema: no NaN, nothing infinite, no number beyond 64 bits."""
    if type(value) is int:
        return -(2**63) <= value < 2**64
    return type(value) in _SCALARS and (type(value) is not float or isfinite(value))


def named(name: str) -> Spec:
    """A type without arguments, by its name; a free object if it is unknown."""
    name = CANONICAL.get(name, name)
    if name == ARRAY:
        return array(Array())
    if name in DICTS:
        return NAMED["builtins.dict"]
    if name in LISTS:
        return NAMED["builtins.set" if name in SETS else "builtins.list"]
    return NAMED.get(name, OBJECT)


def generic(name: str, arguments: Sequence[Spec]) -> Spec:
    """`list[X]`, `dict[str, X]` and similar; a free object if the type is unknown."""
    name = CANONICAL.get(name, name)
    if name in LISTS and len(arguments) == 1:
        unique = {"uniqueItems": True} if name in SETS else {}
        return Spec("json", {"type": "array", "items": arguments[0].schema} | unique, arguments[0])
    if name in DICTS and len(arguments) == 2:  # noqa: PLR2004
        key, value = arguments
        schema = {"type": "object", "additionalProperties": value.schema}
        return Spec("json", schema | _keyed(key.schema))
    return named(name)


def _keyed(key: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of the keys of an object, if their type restricts them."""
    if key in ({"type": "integer"}, {"type": "number"}):
        return {"propertyNames": {"pattern": _WHOLE if key["type"] == "integer" else _NUMBER}}
    if "enum" in key:
        names = [each if type(each) is str else json.dumps(each) for each in key["enum"]]
        return {"propertyNames": {"enum": names}}
    return {"propertyNames": key} if key.get("type") == "string" and len(key) > 1 else {}


def array(note: Array) -> Spec:
    """An ndarray: lists of numbers, as deep as its shape."""
    schema = scalar(note.dtype) if note.dtype else {}
    if note.shape is None:
        return Spec("array", {"type": "array"})
    for size in reversed(note.shape):
        exact = {} if size is None else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema} | exact
    return Spec("array", schema)


def fixed(items: Sequence[Spec]) -> Spec:
    """`tuple[X, Y]`."""
    size = len(items)
    prefix = [item.schema for item in items]
    return _json("array", prefixItems=prefix, minItems=size, maxItems=size)


def union(members: Sequence[Spec]) -> Spec:
    """`X | Y | None`."""
    if any(member.kind == "object" for member in members):
        return OBJECT
    members = sorted(members, key=strictness)
    schemas: list[Any] = []
    for member in members:
        schemas += [member.schema] if member.schema not in schemas else []
    if len(schemas) == 1:
        return members[0]
    return Spec("json", {"anyOf": schemas}, members=tuple(members))


def strictness(member: Spec) -> tuple[int, str, str]:
    """The order in which a union tries its members: stricter ones first.

    Not the order of the source: `typing` caches `list[X | Y]` for `list[Y | X]`, so that the order
    at run time may be that of another line of the program.
    """
    schema = member.schema
    ranks = ("enum" in schema, "format" in schema, schema.get("type") == "integer")
    rank = ranks.index(True) if True in ranks else len(ranks)
    last = schema.get("type") == "null" or member.kind == "object"
    rank += 2 if last else member.kind in {"bytes", "image"}
    return rank, json.dumps(schema, default=str), member.kind


def choice(values: Sequence[Any]) -> Spec:
    """`Literal["a", "b"]`, or the values of an Enum."""
    plain = all(map(is_scalar, values))
    return Spec("json", {"enum": list(values)}) if plain else OBJECT


def record(kind: Kind, title: str, fields: Sequence[FieldSpec], *, is_closed: bool = True) -> Spec:
    """A dataclass, a TypedDict or a pydantic model; `is_closed`: other keys are refused."""
    is_pydantic = kind == "pydantic"
    schema: dict[str, Any] = {
        "type": "object",
        "title": title,
        "properties": {
            field.name: _with_texts(field.schema) if is_pydantic else field.schema
            for field in fields
        },
        "required": [field.name for field in fields if field.required],
    }
    return Spec(kind, schema | ({"additionalProperties": False} if is_closed else {}))


def _with_texts(schema: Any) -> Any:
    """A schema in which bytes are text: pydantic takes it as it is, and does not read base64."""
    if schema == _BINARY:
        return {"type": "string"}
    if isinstance(schema, list):
        return list(map(_with_texts, schema))
    if not isinstance(schema, Mapping):
        return schema
    made = {key: _with_texts(each) for key, each in schema.items()}
    if made != schema and isinstance(made.get("anyOf"), list):
        listed = made["anyOf"]  # bytes or a text are twice the same now
        made["anyOf"] = [each for at, each in enumerate(listed) if each not in listed[:at]]
    return made


def named_tuple(title: str, fields: Sequence[FieldSpec]) -> Spec:
    """A NamedTuple: its values in their order, or by their names."""
    least = sum(field.required for field in fields)
    listed = {
        "type": "array",
        "prefixItems": [field.schema for field in fields],
        "minItems": least,
        "maxItems": len(fields),
    }
    by_name = dict(record("dataclass", title, fields).schema)
    return Spec("json", {"title": title, "anyOf": [listed, by_name]})


def unfinished(kind: Kind, title: str) -> Spec:
    """A record inside itself: the schema stops there."""
    return Spec(kind, {"type": "object", "title": title})
