"""Package content: the globals of a package that an entry `package.*` allows, and their use.

A package also has functions and classes that are no part of a model: test helpers that run
programs, loaders of other files, classes that open files. So `package.*` allows

- the package's own classes and functions as values;
- objects of its classes if their construction is not written in Python;
- calls of the functions that are known to reconstruct objects.

Everything else must be named in full. The state of an object is set only once, because it might
replace a method that is called later. An object of the package is an argument only of calls that
run none of its methods, unless all its methods are those of its class; a function of the package
only of calls that do not call it.
"""

from collections.abc import Sequence
from enum import Enum
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..errors import NotTrusted
from . import restoring
from .global_use import Use
from .recorder import ELEMENTS, KEYS
from .safe_globals import DEFAULTS, DTYPES, SAFE
from .stack_values import PERSISTENT, UNTOLD

_ASIDE = frozenset({"__main__", "_testing", "conftest", "setup", "testing", "tests"})
_OLD_READERS = frozenset({"joblib.numpy_pickle_compat"})  # its arrays lie in files of any name
_FREEING = frozenset({"lightgbm.basic.Booster", "xgboost.core.Booster"})  # what their state made
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
    """Whether a module belongs to the package's tests, or is a script."""
    parts = module.split(".")
    if module in _OLD_READERS:
        return True
    return bool(_ASIDE.intersection(parts)) or any(part.startswith("test_") for part in parts)


def owner(module: str, name: str) -> str | None:
    """The module that defines a global; "?" for an object without one, such as a module.

    None if it cannot be imported: the source code comes with the model, and its author named it.
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
    """Whether `package.*` allows a use of a global of the package."""
    if use.how == "given":
        is_of_defaults = DEFAULTS in {f"{use.module}.{use.name}", use.to.replace(":", ".")}
        return _is_empty_made(use) if is_of_defaults else _may_be_given(use)
    if use.how in {"asked", "shaped"} and use.to not in {KEYS, ELEMENTS}:
        return not _asks(use.to) and _may_be_asked(use)
    found = _found(use.module, use.name)
    if found is _MISSING or use.how in {"result", "change"}:
        return found is _MISSING and use.module != UNTOLD
    is_made = use.how in {"call", "new"}
    return _may_be_called(use, found) if is_made else restoring.may_be(use, found)


def _is_empty_made(use: Use) -> bool:
    """Whether the factory of a `defaultdict` only makes an empty value."""
    name = f"{use.module}.{use.name}"
    is_made = name in SAFE and use.module in {"builtins", "collections"} and name != DEFAULTS
    return is_made and use.to.replace(":", ".") == DEFAULTS


def _may_be_called(use: Use, found: Any) -> bool:
    if not isinstance(found, type):
        is_compiled = not isinstance(found, FunctionType) and use.name.startswith(_COMPILED)
        return use.how == "call" and (is_compiled or use.name in _REBUILDING)
    if issubclass(found, Enum) and found.__new__ is Enum.__new__:
        # Without members it would make an enumeration, with methods of the pickle's choosing.
        return bool(found.__members__)
    if _keeps(found) or f"{use.module}.{use.name}" in DTYPES:
        return True
    if issubclass(found, (np.dtype, np.ndarray, type)) or _is_ended(found):
        # numpy has functions for theirs, of which we know what they are given; and what a
        # metaclass made would be a class with methods of the pickle's choosing.
        return False
    steps: list[Any] = [found.__new__]
    if use.how == "call":
        steps.append(found.__init__)
        if type(found).__call__ is not type.__call__:
            return False  # a metaclass makes what it likes
    return not any(isinstance(step, FunctionType) for step in steps)


def _keeps(kind: Any) -> bool:
    """Whether a class only stores its arguments."""
    if not isinstance(kind, type):
        return False
    if issubclass(kind, BaseException):
        return not isinstance(kind.__new__, FunctionType) and not _is_begun_in_python(kind)
    return _is_named_tuple(kind)


def _is_ended(kind: type) -> bool:
    """Whether freeing an object may run what the pickle put into it: `__del__`, a file's `close`.

    But for those whose `__setstate__`, which was read, makes what `__del__` frees.
    """
    ended = (base for base in kind.__mro__ if "__del__" in vars(base))
    return any(f"{base.__module__}.{base.__qualname__}" not in _FREEING for base in ended)


def _may_be_asked(use: Use) -> bool:
    """Whether a call may get an object and run its methods: only if all are those of its class.

    An object whose attributes the pickle has chosen may have any function in place of a method.
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
    """Whether a call iterates its arguments, by methods that these may define themselves."""
    if to.replace(":", ".") in SAFE | DTYPES or ":newObj" in to:
        return True
    kind = _found(*to.split(":", 1))
    return isinstance(kind, type) and issubclass(kind, _CONTAINERS) and not _is_named_tuple(kind)


def _may_be_given(use: Use) -> bool:
    """Whether a reconstructing function may get a global: only a class of what it makes."""
    module, name = use.to.split(":", 1)
    if f"{module}.{name}" in DTYPES:
        return (use.module.partition(".")[0], use.name) == ("pandas", "NA")
    function, argument = _found(module, name), _found(use.module, use.name)
    if function is _MISSING or _keeps(function) or f"{module}.{name}" in SAFE:
        return True
    is_class = isinstance(argument, type)
    if isinstance(function, type):
        return not callable(argument)  # not even a class: a tree of neighbors calls it as a metric
    return _may_be_made_with(use, argument) if is_class else _may_be_value(use, name, argument)


def _may_be_value(use: Use, name: str, argument: Any) -> bool:
    is_value = name.startswith("_rebuild_") and not callable(argument)
    return is_value or (name.endswith("_ctor") and (use.module, use.name) == _BITS)


def _may_be_made_with(use: Use, argument: type) -> bool:
    name = use.to.partition(":")[2]
    if f"{use.module}.{use.name}" == "numpy.ndarray":
        return True
    wanted = {"_new_": "Index", "__": "BitGenerator", "_mare": "MaskedArray", "_rebuild_": ""}
    for beginning, base in wanted.items():
        if name.startswith(beginning) and not name.startswith(_COMPILED):
            return not base or any(kind.__name__ == base for kind in argument.__mro__)
    return may_be_used(Use("new", use.module, use.name))


def _is_named_tuple(kind: type) -> bool:
    """Whether it is one whose construction is that of `collections.namedtuple`."""
    is_one = issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), Sequence)
    maker = getattr(kind.__new__, "__globals__", {}).get("__name__", "namedtuple_")
    return is_one and maker.startswith("namedtuple_") and not _is_begun_in_python(kind)


def _is_begun_in_python(kind: type) -> bool:
    return isinstance(getattr(kind, "__init__", None), FunctionType)


def _found(module: str, name: str) -> Any:
    """The attribute of a module.

    Raises:
        NotTrusted: when the import of the module, of an allowed package, fails or exits.
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
