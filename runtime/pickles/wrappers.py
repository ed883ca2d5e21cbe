"""Wrappers: pickles what `functools` and `typing` make of an author's functions and types.

Python pickles a cached function by its name, but a server has neither the author's modules nor
`__main__`. The other kinds hold locks or weak references, which cannot be pickled.
"""

import functools
import typing
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

_Reduced = tuple[Any, ...]


def reduced(value: Any) -> _Reduced | None:
    """How to pickle `value` by its parts; None: as it is."""
    reduce = _KINDS.get(type(value))
    return reduce(value) if reduce else None


def _cached_function(value: Any) -> _Reduced | None:
    """`@lru_cache` and `@cache`, empty; one of an installed library stays a name."""
    if _is_found_by_name(value):
        return None
    parameters = value.cache_parameters()
    kind = functools._CacheInfo  # noqa: SLF001  as `lru_cache` does
    state = dict(vars(value)) | {"cache_parameters": functools.partial(dict, **parameters)}
    return _CACHED, (value.__wrapped__, parameters["maxsize"], parameters["typed"], kind), state


def _cached_property(value: Any) -> _Reduced:
    """`@cached_property`, without the lock that it has on Python 3.11."""
    return type(value), (value.func,), {"attrname": value.attrname, "__doc__": value.__doc__}


def _weak_keys(value: Any) -> _Reduced:
    """The cache of a `@singledispatch`: its keys are classes, which live on by themselves."""
    return type(value), (dict(value),)


def _new_type(value: Any) -> _Reduced | None:
    if _is_found_by_name(value):
        return None
    return type(value), (value.__name__, value.__supertype__), {"__module__": value.__module__}


def _is_found_by_name(value: Any) -> bool:
    from cloudpickle import cloudpickle

    found = cloudpickle._lookup_module_and_qualname(value)  # noqa: SLF001  what it asks of functions
    return found is not None and not cloudpickle._is_registered_pickle_by_value(found[0])  # noqa: SLF001


_CACHED: type = type(functools.lru_cache(len))
_KINDS: dict[type, Callable[[Any], _Reduced | None]] = {
    _CACHED: _cached_function,
    functools.cached_property: _cached_property,
    WeakKeyDictionary: _weak_keys,
    typing.NewType: _new_type,
}
