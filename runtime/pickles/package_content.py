"""Package content: the globals of a package that an entry `package.*` allows, and their use.

A package also holds what was never meant for a pickle: helpers of tests that run programs, loaders
of other files, classes that open one. So a star gives the package's own classes and functions as
values. Made are objects of the classes whose making is not written in Python, and called are the
functions that are known to put objects together again; all else has to be named in full. No object
is changed once it has its state: a method that it was given then would be called. And what is made
of the package is handed to nothing that would run its methods, unless it has none but its class's
own, nor a function of its to one that would call it.
"""

from collections.abc import Sequence
from enum import Enum
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..errors import NotTrusted
from .global_use import Use
from .safe_globals import DEFAULTS, DTYPES, SAFE
from .stack_values import PERSISTENT, UNTOLD

_ASIDE = frozenset({"__main__", "_testing", "conftest", "setup", "testing", "tests"})
_OLD_READERS = frozenset({"joblib.numpy_pickle_compat"})  # its arrays lie in files of any name
_FREEING = frozenset({"lightgbm.basic", "xgboost.core"})  # `__del__` frees what `__setstate__` made
_BITS = ("numpy.random._pickle", "__bit_generator_ctor")
_CONTAINERS = (bytearray, bytes, dict, frozenset, list, set, str, tuple)
_TENSORS = ("tensor", "tensor_v2", "tensor_v3", "sparse_tensor", "nested_tensor", "qtensor")
_MORE_TENSORS = ("parameter", "meta_tensor_no_storage", "device_tensor_from_numpy")
_INDEXES = ("Index", "DatetimeIndex", "IntervalIndex", "PeriodIndex", "TimedeltaIndex")
_REBUILDING = frozenset(
    {
        *(f"_rebuild_{kind}" for kind in (*_TENSORS, *_MORE_TENSORS)),  # torch._utils
        *(f"__{kind}_ctor" for kind in ("bit_generator", "generator", "randomstate")),  # numpy
        *(f"_new_{kind}" for kind in _INDEXES),  # pandas
        "_mareconstruct",  # numpy's masked arrays, as a search of parameters has them
    }
)
_COMPILED = ("__pyx_unpickle", "newObj", "_unpickle_block")  # how Cython's begin
_MISSING = object()


def is_aside(module: str) -> bool:
    """Whether a module is for the package's own tests, or to be started."""
    parts = module.split(".")
    if module in _OLD_READERS:
        return True
    return bool(_ASIDE.intersection(parts)) or any(part.startswith("test_") for part in parts)


def owner(module: str, name: str) -> str | None:
    """The module that a global really comes from: "?" for what belongs to none, as a module.

    None where it cannot be imported: source that a model carries, which its author named.
    """
    found = _found(module, name)
    if found is _MISSING:
        return None
    if isinstance(found, ModuleType) or ("." in name and not isinstance(found, type)):
        return "?"  # a method may do anything with its object; one is never needed to make one
    known = getattr(found, "__module__", None)
    if type(found).__name__ == "ufunc":
        return known or module
    return known if isinstance(known, str) else "?"


def may_be_used(use: Use) -> bool:
    """Whether a star is enough for what a pickle does with a global of the package."""
    if use.how == "given" and DEFAULTS in {f"{use.module}.{use.name}", use.to.replace(":", ".")}:
        return _is_empty_made(use)
    if use.how == "given":
        return _may_be_given(use)
    if use.how in {"asked", "shaped"}:
        return not _asks(use.to) and _may_be_asked(use)
    found = _found(use.module, use.name)
    if found is _MISSING or use.how in {"result", "change"}:
        return found is _MISSING and use.module != UNTOLD
    return _may_be_called(use, found)


def _is_empty_made(use: Use) -> bool:
    """Whether what a `defaultdict` is given makes an empty value and nothing else."""
    name = f"{use.module}.{use.name}"
    is_made = name in SAFE and use.module in {"builtins", "collections"} and name != DEFAULTS
    return is_made and use.to.replace(":", ".") == DEFAULTS


def _may_be_called(use: Use, found: Any) -> bool:
    if not isinstance(found, type):
        is_compiled = not isinstance(found, FunctionType) and use.name.startswith(_COMPILED)
        return use.how == "call" and (is_compiled or use.name in _REBUILDING)
    if _keeps(found):
        return True
    if f"{use.module}.{use.name}" in DTYPES:
        return True
    if issubclass(found, (np.dtype, np.ndarray)) or _is_ended(found):
        return False  # numpy has functions for theirs, of which we know what they are given
    steps: list[Any] = [found.__new__]
    if use.how == "call":
        steps.append(found.__init__)
        if type(found).__call__ is not type.__call__:
            return False  # a metaclass makes what it likes
    return not any(isinstance(step, FunctionType) for step in steps)


def _keeps(kind: Any) -> bool:
    """Whether a class does nothing with what it is given but keep it."""
    if not isinstance(kind, type):
        return False
    return issubclass(kind, (Enum, BaseException)) or _is_named_tuple(kind)


def _is_ended(kind: type) -> bool:
    """Whether code of the class's runs when nobody needs an object of it any more."""
    own = [base for base in kind.__mro__ if isinstance(vars(base).get("__del__"), FunctionType)]
    return any(base.__module__ not in _FREEING for base in own)


def _may_be_asked(use: Use) -> bool:
    """Whether a call may have an object, and run methods of it: those of its class alone.

    What a pickle gives attributes to may have any function under the name of a method.
    """
    to = _found(*use.to.split(":", 1))
    if to is _MISSING or _keeps(to):
        return True
    if (use.module, use.name) == (PERSISTENT.module, PERSISTENT.attribute):
        return use.to.partition(":")[2].startswith("_rebuild_")
    if use.how == "shaped":
        return use.module == _BITS[0]
    return use.name in _REBUILDING or use.name.startswith(_COMPILED)


def _asks(to: str) -> bool:
    """Whether a call goes through what it is given, by methods that this may have itself."""
    if to.replace(":", ".") in SAFE | DTYPES or ":newObj" in to:
        return True
    kind = _found(*to.split(":", 1))
    return isinstance(kind, type) and issubclass(kind, _CONTAINERS) and not _is_named_tuple(kind)


def _may_be_given(use: Use) -> bool:
    """Whether a function that puts objects together may have a global: a class of what it makes."""
    module, name = use.to.split(":", 1)
    if f"{module}.{name}" in DTYPES:
        return (use.module.partition(".")[0], use.name) == ("pandas", "NA")
    function, given = _found(module, name), _found(use.module, use.name)
    if function is _MISSING or _keeps(function) or f"{module}.{name}" in SAFE:
        return True
    is_class = isinstance(given, type)
    if isinstance(function, type):
        return is_class or not callable(given)
    return _may_be_made_with(use, given) if is_class else _may_be_value(use, name, given)


def _may_be_value(use: Use, name: str, given: Any) -> bool:
    is_value = name.startswith("_rebuild_") and not callable(given)
    return is_value or (name.endswith("_ctor") and (use.module, use.name) == _BITS)


def _may_be_made_with(use: Use, given: type) -> bool:
    name = use.to.partition(":")[2]
    if f"{use.module}.{use.name}" == "numpy.ndarray":
        return True
    wanted = {"_new_": "Index", "__": "BitGenerator", "_mare": "MaskedArray", "_rebuild_": ""}
    for beginning, base in wanted.items():
        if name.startswith(beginning) and not name.startswith(_COMPILED):
            return not base or any(kind.__name__ == base for kind in given.__mro__)
    return may_be_used(Use("new", use.module, use.name))


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), Sequence)


def _found(module: str, name: str) -> Any:
    """What a module has under that name.

    Raises:
        NotTrusted: when the module, of a package that is allowed, fails or leaves while imported.
    """
    try:
        found: Any = import_module(module)
    except ImportError:
        return _MISSING
    except (Exception, SystemExit) as error:
        raise NotTrusted(
            f"`{module}`, which the pickle asks for, cannot be imported: "
            f"{type(error).__name__}: {error}."
        ) from error
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
