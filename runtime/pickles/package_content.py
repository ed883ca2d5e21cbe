"""Package content: what `package.*` lets a pickle find in a package, and what it may call there.

A package also holds what was never meant for a pickle: helpers of tests that run programs, loaders
of other files, classes that open one. So a star gives the package's own classes and functions as
values. Made are objects of the classes whose making is not written in Python, and called are the
functions that are known to put objects together again; all else has to be named in full. No object
is changed once it has its state: a method that it was given then would be called. And what is made
of the package is handed to nothing that would run its methods, nor a function of its to one that
would call it.
"""

from collections.abc import Sequence
from enum import Enum
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

from ..errors import NotTrusted
from .harmless import DEFAULTS, DTYPES, HARMLESS
from .opcodes import UNTOLD, Use

_ASIDE = frozenset({"__main__", "_testing", "conftest", "setup", "testing", "tests"})
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
    if use.how in {"asked", "given"}:
        return _may_be_given(use) if use.how == "given" else not _asks(use.to)
    found = _found(use.module, use.name)
    if found is _MISSING or use.how in {"result", "change"}:
        return found is _MISSING and use.module != UNTOLD
    return _may_be_called(use, found)


def _is_empty_made(use: Use) -> bool:
    """Whether what a `defaultdict` is given makes an empty value and nothing else."""
    name = f"{use.module}.{use.name}"
    is_made = name in HARMLESS and use.module in {"builtins", "collections"} and name != DEFAULTS
    return is_made and use.to.replace(":", ".") == DEFAULTS


def _may_be_called(use: Use, found: Any) -> bool:
    if not isinstance(found, type):
        is_compiled = not isinstance(found, FunctionType) and use.name.startswith(_COMPILED)
        return use.how == "call" and (is_compiled or use.name in _REBUILDING)
    if issubclass(found, (Enum, BaseException)) or _is_named_tuple(found):
        return True
    if f"{use.module}.{use.name}" in DTYPES:
        return True
    steps: list[Any] = [found.__new__]
    if use.how == "call":
        steps.append(found.__init__)
        if type(found).__call__ is not type.__call__:
            return False  # a metaclass makes what it likes
    return not any(isinstance(step, FunctionType) for step in steps)


def _asks(to: str) -> bool:
    """Whether a call goes through what it is given, by methods that this may have itself."""
    if to.replace(":", ".") in HARMLESS | DTYPES or ":newObj" in to:
        return True
    kind = _found(*to.split(":", 1))
    return isinstance(kind, type) and issubclass(kind, _CONTAINERS) and not _is_named_tuple(kind)


def _may_be_given(use: Use) -> bool:
    """Whether a function that puts objects together may have a global: a class of what it makes."""
    module, name = use.to.split(":", 1)
    if f"{module}.{name}" in DTYPES:
        return (use.module.partition(".")[0], use.name) == ("pandas", "NA")
    function, given = _found(module, name), _found(use.module, use.name)
    if function is _MISSING or isinstance(function, type) or f"{module}.{name}" in HARMLESS:
        return True
    if not isinstance(given, type):
        is_value = name.startswith("_rebuild_") and not callable(given)
        return is_value or (name.endswith("_ctor") and (use.module, use.name) == _BITS)
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
