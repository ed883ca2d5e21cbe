"""Stack values: what is on the stack of a pickle machine, as far as the analysis needs them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from . import raw_array
from .safe_globals import SAFE

_PLAIN = ("builtins.", "copyreg.", "datetime.", "decimal.", "fractions.", "numpy.", "_codecs.")
ARGUMENTS = 256  # of one call
UNTOLD = "?"
_ODD = object()  # a key that is no text


@dataclass(frozen=True, slots=True)
class Global:
    """A global that a pickle names."""

    module: str
    attribute: str

    @property
    def name(self) -> str:
        """As "module.name"."""
        return f"{self.module}.{self.attribute}"


UNKNOWN = Global(UNTOLD, UNTOLD)
PERSISTENT = Global(UNTOLD, "persistent")  # what the reader of a file knows under a name


@dataclass(slots=True)
class Listed:
    """A list or a set: those of its elements that may be more than numbers and text."""

    held: list[Any] = field(default_factory=list)


class Entries(dict[Any, Any]):
    """A dictionary: its values by their text keys, and its elements as in `Listed`."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Any] = []


@dataclass(slots=True)
class CallResult:
    """The result of a call that was not made."""

    maker: Global
    args: tuple[Any, ...]
    state: Any = None
    is_built: bool = False
    holds_objects: bool | None = None  # of a dtype, once somebody has asked
    held: list[Any] = field(default_factory=list)  # what was put into it
    takes_safe: bool | None = None  # whether its arguments name safe globals only, once asked

    @property
    def name(self) -> str:
        """The name of the called global."""
        return self.maker.name

    @property
    def is_plain(self) -> bool:
        """Whether it is a value of Python or numpy, whose methods are safe."""
        name = self.name
        if self.is_built and not name.startswith("numpy."):
            return name == raw_array.NAME
        known = name in SAFE and (name.startswith((*_PLAIN, "collections.", "uuid.")))
        if known and self.takes_safe is None:
            named = [arg for arg in self.args[:ARGUMENTS] if isinstance(arg, Global)]
            self.takes_safe = all(arg.name in SAFE for arg in named)
        return known and bool(self.takes_safe)


def hold(target: Any, values: Iterable[Any]) -> None:
    """Record the parts put into `target`, unless they are plain."""
    if isinstance(target, (Listed, Entries, CallResult)):
        target.held += [value for value in values if _may_hold(value)]


def odd_parts(value: Any) -> Iterator[CallResult | None]:
    """The parts of `value`, at any depth, that are not plain; yields None for each step."""
    waiting, seen = _parts(value), {id(value)}
    while waiting:
        part = waiting.pop()
        if id(part) in seen or not _may_hold(part):
            yield None
            continue
        seen.add(id(part))
        if is_odd(part):
            yield part
            continue
        yield None
        waiting += _parts(part)


def is_odd(value: Any) -> bool:
    """Whether it is an object of a class, whose methods may do anything."""
    return isinstance(value, CallResult) and not value.is_plain


def _parts(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, CallResult):
        return [*value.held, *value.args, value.state]
    return list(value.held) if isinstance(value, (Listed, Entries)) else []


def _may_hold(value: Any) -> bool:
    return isinstance(value, (CallResult, Listed, Entries, tuple))


def has_parts(value: Any) -> bool:
    """Whether it may contain more than numbers, text and globals."""
    if isinstance(value, tuple) and len(value) <= ARGUMENTS:
        return any(isinstance(part, (tuple, dict, CallResult, Listed)) for part in value)
    return isinstance(value, (tuple, dict, Listed))


def update(target: Any, items: list[Any]) -> None:
    """Put alternating keys and values into `target`."""
    hold(target, items)
    if isinstance(target, dict):
        pairs = zip(items[::2], items[1::2], strict=True)
        target.update((name if isinstance(name, str) else _ODD, value) for name, value in pairs)
