"""Numbers with a unit or a second meaning: durations, sizes, user ids, switches."""

import re
import string
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, StrictInt, WithJsonSchema

from ....runtime.duration import seconds
from ...tag import VERSION
from .wrong import nearest, quoted, wrong

_MICROSECONDS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}
_BYTES = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}  # fmt: skip
_LENGTH = r"[0-9]{1,12}(?:\.[0-9]{1,9})? ?(?:us|ms|s|min|m|h)"
_ROOM = r"[0-9]{1,12}(?:\.[0-9]{1,9})? ?(?:B|kB|KB|MB|GB|KiB|MiB|GiB)"
_DAY = 86400.0
_LARGEST_USER = 2**31 - 2
_MOST_VERSIONS = 100


def _amount(value: object, pattern: str, example: str, units: Iterable[str]) -> str:
    """`value` if it is an amount with one of `units`; a bare number could mean anything."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong("must be an amount with its unit.", f"Write it as `{example}`.")
    if not isinstance(value, str):
        raise wrong(f"{quoted(value)} has no unit.", f"Write it as `{example}`.")
    if not re.fullmatch(pattern, value):
        listed = ", ".join(f"`{unit}`" for unit in units)
        message = f"{quoted(value)} is not an amount with its unit, one of {listed}."
        raise wrong(message, f"Write it as `{example}`.")
    return value


def length(value: object) -> float:
    """The seconds in `25ms`, `30s` or `1.5 m`; at most a day."""
    amount = round(seconds(_amount(value, _LENGTH, "30s", _MICROSECONDS)), 9)
    if amount > _DAY:
        raise wrong(f"{quoted(value)} is longer than a day.")
    return amount


def some_length(value: object) -> float:
    """Like `length`, and not nothing."""
    amount = length(value)
    if not amount:
        raise wrong(f"{quoted(value)} leaves no time at all.")
    return amount


def size(value: object) -> int:
    """The bytes in `16MiB` or `1 GB`."""
    text = _amount(value, _ROOM, "16MiB", _BYTES)
    digits = text.rstrip(string.ascii_letters)
    amount = round(float(digits) * _BYTES[text[len(digits) :]])
    if not amount:
        raise wrong(f"{quoted(value)} leaves no room at all.")
    return amount


def duration_text(amount: float) -> str:
    """`0.05` as `50ms`, the way a person writes it; exact to the microsecond."""
    count = round(amount * 1e6)
    for unit, microseconds in _MICROSECONDS.items():
        if count and count % microseconds == 0:
            return f"{count // microseconds}{unit}"
    return f"{count / 1e6:g}s"


def size_text(amount: int) -> str:
    """`16777216` as `16MiB`."""
    for unit in ("GiB", "MiB", "KiB"):
        if amount % _BYTES[unit] == 0:
            return f"{amount // _BYTES[unit]}{unit}"
    return f"{amount}B"


def user(value: object) -> str:
    """A numeric user or `user:group`, never root: names need a passwd file, root needs a reason."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    hint = "Write a number such as `65532`, or `65532:65532` with a group."
    if not re.fullmatch(r"[0-9]{1,10}(?::[0-9]{1,10})?", text):
        raise wrong(f"{quoted(value)} is not the number of a user.", hint)
    numbers = [int(part) for part in text.split(":")]
    if not numbers[0]:
        raise wrong("`0` is root; a server of models never needs that.", hint)
    if max(numbers) > _LARGEST_USER:
        raise wrong(f"{quoted(value)} is larger than any user's number.")
    return ":".join(map(str, numbers))


def versions(value: object) -> object:
    """Which versions: `all`, so many of the latest, or a list of them."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    if value == "all" or (is_count and 0 < int(str(value)) <= _MOST_VERSIONS):
        return value
    hint = 'Write `all`, a number such as `2`, or a list such as `["1.3", "1.4"]`.'
    if not isinstance(value, list | tuple) or not value:
        raise wrong(f"{quoted(value)} says no versions.", hint)
    for index, each in enumerate(value):
        if not isinstance(each, str) or not VERSION.fullmatch(each):
            raise wrong(f"{quoted(each)} is not a version.", hint, (index,))
    if len(set(value)) < len(value):
        raise wrong("A version is listed twice.", "Name each of them once.")
    return tuple(value)


def _word_or_count(words: Sequence[str], largest: int, what: str) -> BeforeValidator:
    listed = ", ".join(f"`{word}`" for word in words)

    def check(value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= largest:
            return value
        if value in words:
            return value
        hint = nearest(value, words) if isinstance(value, str) else None
        raise wrong(f"{quoted(value)} is neither {listed} nor {what}, 1 to {largest}.", hint)

    return BeforeValidator(check)


_as_length = PlainSerializer(duration_text, return_type=str, when_used="json")

Duration = Annotated[
    float,
    BeforeValidator(length),
    _as_length,
    WithJsonSchema({"type": "string", "pattern": f"^{_LENGTH}$"}),
]
SomeDuration = Annotated[
    float,
    BeforeValidator(some_length),
    _as_length,
    WithJsonSchema({"type": "string", "pattern": f"^{_LENGTH}$"}),
]
Size = Annotated[
    int,
    BeforeValidator(size),
    PlainSerializer(size_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_ROOM}$"}),
]
User = Annotated[
    str,
    BeforeValidator(user),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": _LARGEST_USER},
                {"type": "string", "pattern": "^[0-9]{1,10}(?::[0-9]{1,10})?$"},
            ]
        }
    ),
]
Count = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
ManagementPort = Annotated[
    Literal["off"] | int,
    _word_or_count(("off",), 65535, "a port"),
    WithJsonSchema(
        {"anyOf": [{"enum": ["off"]}, {"type": "integer", "minimum": 1, "maximum": 65535}]}
    ),
]
Warmup = Annotated[
    Literal["auto", "off"] | int,
    _word_or_count(("auto", "off"), 65536, "a number of rows"),
    WithJsonSchema(
        {"anyOf": [{"enum": ["auto", "off"]}, {"type": "integer", "minimum": 1, "maximum": 65536}]}
    ),
]
Versions = Annotated[
    Literal["all"] | int | tuple[str, ...],
    BeforeValidator(versions),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["all"]},
                {"type": "integer", "minimum": 1, "maximum": _MOST_VERSIONS},
                {
                    "type": "array",
                    "items": {"type": "string", "pattern": f"^{VERSION.pattern}$"},
                    "minItems": 1,
                },
            ]
        }
    ),
]
Workers = Annotated[
    Literal["auto"] | int,
    _word_or_count(("auto",), 1024, "a number of processes"),
    WithJsonSchema(
        {"anyOf": [{"enum": ["auto"]}, {"type": "integer", "minimum": 1, "maximum": 1024}]}
    ),
]
