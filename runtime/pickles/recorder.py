"""Recorder: notes what a pickle does with the globals that it names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .effort import Effort
from .global_use import GlobalUse, Use
from .safe_globals import DEFAULTS, DTYPES, SAFE
from .stack_values import (
    ARGUMENTS,
    PERSISTENT,
    UNKNOWN,
    UNTOLD,
    CallResult,
    Entries,
    Global,
    has_parts,
    is_odd,
    odd_parts,
)

_USES = 100_000  # of a file; a model has a hundred
_IMPORT = "cloudpickle.cloudpickle.subimport"  # how code by value finds its modules
_REMAKE = "copyreg._reconstructor"  # makes an object as one of its bases, the second argument
_HASHING = frozenset({"builtins.frozenset", "builtins.set", "collections.Counter"})
_SHALLOW = _HASHING | {  # harmless, and asks nothing of the parts of a container but their hash
    "builtins.list",
    "builtins.tuple",
    "collections.deque",
}
KEYS = "builtins:hash"
"""Dictionaries and sets do so with their keys, and compare them; a call of `dict` asks for more."""
ELEMENTS = "numpy:array"
"""Looks in what it is given for elements, and for methods that make an array of it."""
ITEMS = "items"
"""How a dictionary is filled: by its class, whatever is in it."""
CLASS = "__class__"
"""An attribute that some classes set, as any other, when they get their state."""
_OF_CLASS = (
    _REMAKE,
    "numpy.ma.core._mareconstruct",
    *(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")),
)
_OF_ENTRIES = ("builtins.dict", Entries)
_COMPILED = ("__pyx_unpickle", "newObj")  # how Cython's begin


@dataclass(frozen=True, slots=True)
class Recorder:
    """Adds uses to `used`; looking at the parts of values counts as `effort`.

    All methods raise ValueError for more of either than a model has.
    """

    used: GlobalUse
    effort: Effort

    def called(self, maker: Any, args: tuple[Any, ...], how: Literal["call", "new"]) -> Global:
        """Record a call, and return the global that is called, if it is one."""
        known = maker if isinstance(maker, Global) else UNKNOWN
        if isinstance(maker, CallResult):
            self._add(Use("result", maker.maker.module, maker.maker.attribute))
        else:
            self._add(Use(how, known.module, known.attribute))
        if known.name == _IMPORT:
            names = (arg if isinstance(arg, str) else UNTOLD for arg in args[:ARGUMENTS])
            self.used.names.update(names)
        if known.name == _REMAKE:
            kind, base = (arg if isinstance(arg, Global) else UNKNOWN for arg in (*args, 0, 0)[:2])
            self._add(Use("new", kind.module, kind.attribute))
            self._add(Use("call", base.module, base.attribute))
            if (base.name, type(args[-1])) != _OF_ENTRIES:  # whose keys are known
                self._handed(base, args[2:])
            args = args[:2]
        self._handed(known, args)
        return known

    def changed(self, target: Any) -> None:
        """Record a change of a global, of None, or of an object that has its state already."""
        if isinstance(target, Global):
            self._add(Use("change", target.module, target.attribute))
        elif isinstance(target, CallResult) and target.is_built:
            self._add(Use("change", target.maker.module, target.maker.attribute))
        elif target is None:
            self._add(Use("change", UNTOLD, UNTOLD))

    def filled(self, target: Any, by: str = "") -> None:
        """Record that elements are put into an object: by `ITEMS`, or by methods that it has."""
        if isinstance(target, CallResult):
            self._add(Use("fill", *_kind(target), by))

    def hashed(self, values: Iterable[Any]) -> None:
        """Record the objects among the keys of a dictionary, or the elements of a set."""
        for value in values:
            if is_odd(value):
                self._asked(value, KEYS)
            elif isinstance(value, (tuple, CallResult)):
                self._look_into(value, KEYS)

    def restored(self, made: CallResult, state: Any) -> None:
        """Record that an object gets its state, and which parts of that are objects."""
        kind = _kind(made)
        self._add(Use("state", *kind))
        if made.name == DEFAULTS:  # a state could give it something else to call
            self._add(Use("change", *kind))
        if isinstance(state, CallResult):
            self._part(kind, "", state)
        elif isinstance(state, tuple):
            self._tuple(kind, state)
        else:
            self._parts(kind, state if isinstance(state, Entries) else {"": state})

    def _tuple(self, kind: tuple[str, str], state: tuple[Any, ...]) -> None:
        """Attributes and slots, as of a class with `__slots__`, or what a class makes of it."""
        if len(state) != 2 or not isinstance(state[1], Entries):  # noqa: PLR2004
            self._parts(kind, {str(place): part for place, part in enumerate(state)})
            return
        for part in state:
            self._parts(kind, part if isinstance(part, Entries) else {"": part})
        for name in state[1]:
            self._add(Use("slot", *kind, str(name)))

    def _parts(self, kind: tuple[str, str], parts: Mapping[Any, Any]) -> None:
        self.effort.look_at(len(parts))
        for name, part in parts.items():
            if name == CLASS:
                self._add(Use("slot", *kind, CLASS))
            self._part(kind, str(name), part)

    def _part(self, kind: tuple[str, str], name: str, part: Any) -> None:
        if is_odd(part) or isinstance(part, Global):
            self._add(Use("part", *kind, name))
        elif any(self._steps(part)):
            self._add(Use("inside", *kind, name))

    def _add(self, use: Use) -> None:
        self.used.uses.add(use)
        if len(self.used.uses) > _USES:
            raise ValueError(f"more than {_USES} different calls")

    def _handed(self, maker: Global, args: tuple[Any, ...]) -> None:
        """Record arguments that the called function may call, or whose methods it may run."""
        to = f"{maker.module}:{maker.attribute}"
        is_deep = maker.name in SAFE | DTYPES and maker.name not in _SHALLOW
        if len(args) > ARGUMENTS:
            self._add(Use("asked", UNTOLD, UNTOLD, to))
        self.effort.look_at(min(len(args), ARGUMENTS))
        for arg in args[:ARGUMENTS]:
            if isinstance(arg, Global):
                self._add(Use("given", arg.module, arg.attribute, to))
            elif is_odd(arg):
                self._asked(arg, to)
            elif is_deep and has_parts(arg):
                self._add(Use("asked", UNTOLD, UNTOLD, to))
            elif maker.name in _HASHING:
                self._look_into(arg, KEYS)
            elif maker.name not in _SHALLOW:
                self._look_into(arg, to)

    def _asked(self, made: CallResult, to: str) -> None:
        is_shaped = made.is_built and made.maker is not PERSISTENT
        how: Literal["shaped", "asked"] = "shaped" if is_shaped else "asked"
        kind = _kind(made) if to == KEYS else (made.maker.module, made.maker.attribute)
        self._add(Use(how, *kind, to))

    def _look_into(self, argument: Any, to: str) -> None:
        """Record the same for the elements of an argument, which the function may iterate."""
        for part in self._steps(argument):
            if part is not None:
                self._asked(part, to)

    def _steps(self, value: Any) -> Iterable[CallResult | None]:
        for part in odd_parts(value):
            self.effort.look_at(1)
            yield part


def _kind(made: CallResult) -> tuple[str, str]:
    """The class of an object, as far as its maker says: itself, or the first argument."""
    kind = made.maker
    if kind.name in _OF_CLASS or kind.attribute.startswith(_COMPILED):
        kind = made.args[0] if made.args and isinstance(made.args[0], Global) else UNKNOWN
    return kind.module, kind.attribute
