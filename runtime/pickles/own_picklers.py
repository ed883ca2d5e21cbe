"""Own picklers: has other picklers, a model's own and joblib's, write an author's code by value.

They would write classes and functions by name, which a server cannot import. While a model is
saved, they ask our pickler how to reduce a value for which they have no rule.
"""

import io
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

PLAIN: dict[str, type[Any]] = {
    name: getattr(pickle, name) for name in ("Pickler", "_Pickler")
}  # the latter, in Python, is joblib's
_ASIDE = frozenset({"dill", "multiprocessing"})  # they know what to do

_Reduce = Callable[[Any, Any], Any]


@contextmanager
def taught(kind: type[Any], ours: type[Any]) -> Iterator[None]:
    """Have all subclasses of `pickle.Pickler` in this thread reduce code as the pickler `kind`.

    Those of `ours` do so already.
    """
    every = {each for plain in PLAIN.values() for each in _subclasses(plain)}
    found = {each for each in every if _is_plain(each, ours)}
    own = {each: vars(each).get("reducer_override") for each in found}
    theirs = {each: getattr(each, "reducer_override", None) for each in found}
    reduce = _reducer(kind, ours)
    try:
        for each, override in theirs.items():
            each.reducer_override = _first(override, reduce)
        yield
    finally:
        for each, override in own.items():
            if override is None:
                del each.reducer_override
            else:
                each.reducer_override = override


def watched(plain: type[Any], kind: type[Any]) -> type[Any]:
    """A subclass of `plain` that reduces code as the pickler `kind`, in this thread."""
    return type(plain.__name__, (plain,), {"reducer_override": _first(None, _reducer(kind, kind))})


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def _is_plain(kind: type[Any], ours: type[Any]) -> bool:
    tops = {each.__module__.partition(".")[0] for each in kind.__mro__}
    return not tops & _ASIDE and not issubclass(kind, ours)


def _first(theirs: _Reduce | None, ours: _Reduce) -> _Reduce:
    """A `reducer_override` that asks `theirs` first, and in this thread `ours`."""
    thread = threading.get_ident()

    def reducer_override(self: Any, value: Any) -> Any:
        found = theirs(self, value) if theirs else NotImplemented
        if found is not NotImplemented or threading.get_ident() != thread:
            return found
        return ours(self, value)

    return reducer_override


def _reducer(kind: type[Any], ours: type[Any]) -> _Reduce:
    """How a pickler of `kind` reduces a value in the place of another pickler."""
    helpers: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # each knows what it has met

    def reduced(pickler: Any, value: Any) -> Any:
        if isinstance(pickler, ours) or type(value) in getattr(pickler, "dispatch_table", ()):
            return NotImplemented
        helper = helpers.get(pickler)
        if helper is None:
            helper = helpers[pickler] = kind(io.BytesIO())
        found = helper.reducer_override(value)
        reduce = helper.dispatch_table.get(type(value))
        return reduce(value) if found is NotImplemented and reduce else found

    return reduced
