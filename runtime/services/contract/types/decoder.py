"""ValueDecoder: converts a JSON value to the Python type of an annotation."""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import orjson

from ....data.rows.column import describe
from ....errors import InvalidInput
from ...array import Array
from . import iso_duration
from .spec import DECIMAL, NAMED, OBJECT, Spec, choice, fixed, generic, named, strictness, union

Read = Callable[[Any, str], Any]
"""Called with a value and its place in the body, for errors ("instances[3].age")."""

_EXACT = 2**53  # larger integers are not exact as floats
_DECIMAL = re.compile(DECIMAL, re.ASCII)
_WHOLE = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class ValueDecoder:
    """The JSON Schema of a value, and the function that reads it.

    `read` raises InvalidInput with the place, the expected and the actual value. `note` is for
    csv, which has neither dtypes nor shapes of its own.
    """

    spec: Spec
    read: Read
    note: Array | None = None


def refused(where: str, expected: str, got: Any) -> InvalidInput:
    """The error for a value that is of another type."""
    return InvalidInput(f"{where}: expected {expected}, got {describe(got)}.")


def _any(value: Any, where: str) -> Any:  # noqa: ARG001
    return value


def _exactly(expected: str, *types: type) -> Read:
    def read(value: Any, where: str) -> Any:
        if type(value) not in types:
            raise refused(where, expected, value)
        return value

    return read


def _int(value: Any, where: str) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT:
        return int(value)  # JavaScript writes 2.0 as 2
    raise refused(where, "a whole number", value)


def _float(value: Any, where: str) -> float:
    if type(value) is float or (type(value) is int and abs(value) < 2**1023):
        return float(value)
    raise refused(where, "a number", value)


def _parsed(expected: str, parse: Callable[[str], Any]) -> Read:
    def read(value: Any, where: str) -> Any:
        try:
            return parse(value)
        except (TypeError, ValueError, AttributeError):
            raise refused(where, expected, value) from None

    return read


def _decimal(value: Any, where: str) -> Decimal:
    """A number by its shortest decimal form, which JSON writers use.

    Exponents are limited, because 1e999999999 does not fit into memory.
    """
    text = repr(value) if type(value) in {int, float} else value
    if type(text) is not str or _DECIMAL.fullmatch(text) is None:
        raise refused(where, "a decimal number", value)
    return Decimal(text)


def _span(value: Any, where: str) -> dt.timedelta:
    try:
        if type(value) in {int, float}:
            return dt.timedelta(seconds=value)
        return iso_duration.parse(value)
    except (TypeError, ValueError, OverflowError):
        raise refused(where, "an ISO 8601 duration, or seconds", value) from None


def _path(make: Callable[[str], PurePath]) -> Read:
    def read(value: Any, where: str) -> PurePath:
        if type(value) is not str or "\0" in value:
            raise refused(where, "a path", value)
        return make(value)

    return read


def _address(expected: str, make: Callable[[str], IPv4Address | IPv6Address]) -> Read:
    def parse(text: str) -> IPv4Address | IPv6Address:
        if type(text) is not str:  # a number is an address as well
            raise TypeError(text)
        return make(text)

    return _parsed(expected, parse)


ANYTHING = ValueDecoder(OBJECT, _any)

_READ: Mapping[str, Read] = {
    "builtins.str": _exactly("a string", str),
    "builtins.int": _int,
    "builtins.float": _float,
    "builtins.bool": _exactly("true or false", bool),
    "builtins.NoneType": _exactly("null", type(None)),
    "builtins.dict": _exactly("an object", dict),
    "builtins.list": _exactly("a list", list),
    "datetime.datetime": _parsed("an ISO 8601 time", dt.datetime.fromisoformat),
    "datetime.date": _parsed("an ISO 8601 date", dt.date.fromisoformat),
    "datetime.time": _parsed("an ISO 8601 time of day", dt.time.fromisoformat),
    "datetime.timedelta": _span,
    "decimal.Decimal": _decimal,
    "pathlib.Path": _path(Path),
    "pathlib.PurePath": _path(PurePath),
    "pathlib.PosixPath": _path(Path),
    "pathlib.PurePosixPath": _path(PurePosixPath),
    "uuid.UUID": _parsed("a UUID", uuid.UUID),
    "ipaddress.IPv4Address": _address("an IPv4 address", IPv4Address),
    "ipaddress.IPv6Address": _address("an IPv6 address", IPv6Address),
}
PLAIN: Mapping[str, ValueDecoder] = {
    name: ValueDecoder(NAMED[name], read) for name, read in _READ.items() if name in NAMED
}
"""Types without arguments, by the name that the interpreter gives them."""


def listing(name: str, item: ValueDecoder | None, make: Callable[[list[Any]], Any]) -> ValueDecoder:
    """`list[X]`, `set[X]`, `tuple[X, ...]`; `make` converts the list."""

    def read(value: Any, where: str) -> Any:
        if type(value) is not list:
            raise refused(where, "a list", value)
        read_item = item.read if item else _any
        items = [read_item(each, f"{where}[{index}]") for index, each in enumerate(value)]
        try:
            return make(items)
        except TypeError:
            raise InvalidInput(f"{where}: a set cannot hold lists or objects.") from None

    return ValueDecoder(generic(name, [item.spec]) if item else named(name), read)


def mapping(name: str, key: ValueDecoder, item: ValueDecoder) -> ValueDecoder:
    """`dict[str, X]`; keys that are no strings are spelled as such in JSON."""
    read_key = _key(key)

    def read(value: Any, where: str) -> Any:
        if type(value) is not dict:
            raise refused(where, "an object", value)
        return {
            read_key(each, where): item.read(inner, f"{where}.{each}")
            for each, inner in value.items()
        }

    return ValueDecoder(generic(name, [key.spec, item.spec]), read)


def _key(key: ValueDecoder) -> Read:
    if key.spec == NAMED["builtins.int"]:
        return _parsed("a whole number as a key", _spelled)

    def read(name: str, where: str) -> Any:
        try:
            return key.read(name, f"{where}, a key")
        except InvalidInput:
            try:  # an Enum or a Literal may be of numbers
                return key.read(orjson.loads(name), where)
            except (ValueError, InvalidInput):
                pass
            raise

    return read


def _spelled(name: str) -> int:
    if _WHOLE.fullmatch(name) is None:  # `int` would accept spaces and underscores
        raise ValueError(name)
    return int(name)


def tupled(items: Sequence[ValueDecoder]) -> ValueDecoder:
    """`tuple[X, Y]`."""

    def read(value: Any, where: str) -> Any:
        if type(value) is not list or len(value) != len(items):
            raise refused(where, f"a list of {len(items)}", value)
        pairs = enumerate(zip(items, value, strict=True))
        return tuple(item.read(each, f"{where}[{index}]") for index, (item, each) in pairs)

    return ValueDecoder(fixed([item.spec for item in items]), read)


def either(members: Sequence[ValueDecoder]) -> ValueDecoder:
    """`X | Y | None`: the strictest member that accepts the value.

    Of several records the one that knows most of an object's keys comes first: a pydantic model
    ignores what it does not know, and may need nothing at all.
    """
    members = sorted(members, key=lambda member: strictness(member.spec))
    real = [member for member in members if member.spec != NAMED["builtins.NoneType"]]
    has_null = len(real) < len(members)

    def read(value: Any, where: str) -> Any:
        if value is None and has_null:
            return None
        faults: list[InvalidInput] = []
        for member in _by_keys(real, value) if type(value) is dict else real:
            try:
                made = member.read(value, where)
                return made if len(real) == 1 else _with_a_key(made, value, where)
            except InvalidInput as fault:
                faults.append(fault)
        inside = [fault for fault in faults if fault.detail.startswith((f"{where}.", f"{where}["))]
        if len(faults) == 1 or (len(inside) == 1 and where):
            raise (inside or faults)[0]
        raise refused(where, "one of " + ", ".join(map(_word, members)), value)

    return ValueDecoder(union([member.spec for member in members]), read)


def _by_keys(members: Sequence[ValueDecoder], value: Mapping[str, Any]) -> list[ValueDecoder]:
    def known(member: ValueDecoder) -> int:
        return len(value.keys() & member.spec.schema.get("properties", {}).keys())

    return sorted(members, key=known, reverse=True)


def _with_a_key(made: Any, value: Any, where: str) -> Any:
    """`made`; refuse a pydantic model that took none of an object's keys: another was meant."""
    if value and type(value) is dict and not getattr(made, "model_fields_set", True):
        raise refused(where, f"fields of {type(made).__name__}", value)
    return made


def _word(member: ValueDecoder) -> str:
    schema = member.spec.schema
    if "enum" in schema:
        return ", ".join(map(repr, schema["enum"]))
    return str(schema.get("title") or schema.get("type") or member.spec.kind)


def _kind(value: Any) -> type:
    """True == 1, but not in JSON, where 1.0 is 1."""
    return float if type(value) is int else type(value)


def chosen(values: Sequence[Any], make: Callable[[Any], Any] = lambda value: value) -> ValueDecoder:
    """`Literal[...]` or an Enum; `make` converts the JSON value."""

    def read(value: Any, where: str) -> Any:
        for each in values:
            if each == value and _kind(each) is _kind(value):
                return make(each)
        raise refused(where, "one of " + ", ".join(map(repr, values)), value)

    return ValueDecoder(choice(values), read)
