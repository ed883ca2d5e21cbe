"""Nested: pickles that a model's own `__getstate__` makes, as skorch's does.

They are made with classes by their names, and inside of the outer pickle nobody sees which. While
that one is made, theirs are made with its pickler.
"""

import io
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

_LOCK = threading.RLock()  # two threads at once would put each other's functions back


@contextmanager
def pickled_by(kind: type[Any]) -> Iterator[set[str]]:
    """Have `pickle.dump`, `pickle.dumps` and `torch.save` of this thread use the pickler `kind`.

    Yields the top-level modules of the classes and functions in such pickles.
    """
    modules: set[str] = set()

    class Nested(kind):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, (type, FunctionType)):
                modules.add((value.__module__ or "").partition(".")[0])
            return super().reducer_override(value)

    with (
        _LOCK,
        _replaced(pickle, "dump", _dump(Nested)),
        _replaced(pickle, "dumps", _dumps(Nested)),
    ):
        torch = sys.modules.get("torch")
        if not hasattr(torch, "save"):
            yield modules
            return
        with _replaced(torch, "save", _torch_save(torch, Nested)):
            yield modules


def _dump(kind: type[Any]) -> Callable[..., None]:
    def dump(value: Any, file: Any, protocol: int | None = None, **options: Any) -> None:
        options.pop("fix_imports", None)  # of Python 2
        kind(file, protocol=protocol, **options).dump(value)

    return dump


def _dumps(kind: type[Any]) -> Callable[..., bytes]:
    def dumps(value: Any, protocol: int | None = None, **options: Any) -> bytes:
        file = io.BytesIO()
        _dump(kind)(value, file, protocol, **options)
        return file.getvalue()

    return dumps


def _torch_save(torch: Any, kind: type[Any]) -> Callable[..., None]:
    ours, plain = ModuleType("pickle"), torch.save
    vars(ours).update(vars(pickle) | {"Pickler": kind})

    def save(*given: Any, **options: Any) -> None:
        if options.get("_use_new_zipfile_serialization", True):  # else it is a storage alone
            options.setdefault("pickle_module", ours)
        plain(*given, **options)

    return save


@contextmanager
def _replaced(module: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Another function under this name, for this thread and a while."""
    plain, thread = getattr(module, name), threading.get_ident()

    def either(*given: Any, **options: Any) -> Any:
        chosen = function if threading.get_ident() == thread else plain
        return chosen(*given, **options)

    setattr(module, name, either)
    try:
        yield
    finally:
        setattr(module, name, plain)
