"""Nested: pickles that a model's own `__getstate__` makes, as skorch's does.

They would contain the author's classes by name, which a server cannot import. So while the outer
pickle is made, `pickle.dumps` and its like use the outer pickler.
"""

import io
import pickle
import pickletools
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from . import own_picklers
from .scanning import scan

_BEGINNING = re.compile(rb"\x80[\x02-\x05]")  # of a pickle; those before protocol 2 have none
_LOCK = threading.RLock()  # two threads at once would put each other's functions back


@contextmanager
def pickled_by(kind: type[Any]) -> Iterator[set[str]]:
    """Have `pickle.dump`, `pickle.dumps` and `torch.save` of this thread use the pickler `kind`.

    Other picklers, a model's own or joblib's, reduce classes and functions as it does.

    Yields the top-level modules of the classes and functions in such pickles.
    """
    modules: set[str] = set()

    class Nested(kind):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, (type, FunctionType)):
                modules.add((value.__module__ or "").partition(".")[0])
            return super().reducer_override(value)

    torch = sys.modules.get("torch")
    with ExitStack() as replaced:
        replaced.enter_context(_LOCK)
        replaced.enter_context(own_picklers.taught(Nested, kind))
        for name, plain in own_picklers.PLAIN.items():
            replaced.enter_context(_set(pickle, name, own_picklers.watched(plain, Nested)))
        for name, function in (("dump", _dump(Nested)), ("dumps", _dumps(Nested))):
            replaced.enter_context(_replaced(pickle, name, function))
        if hasattr(torch, "save"):
            replaced.enter_context(_replaced(torch, "save", _torch_save(torch, Nested)))
        yield modules


def names_within(path: Path) -> tuple[str, ...]:
    """The globals of the pickles that the pickle in a file has as bytes, sorted."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        if not _BEGINNING.search(data, 2):
            return ()
        parts = [a for _, a, _ in pickletools.genops(file) if isinstance(a, (bytes, bytearray))]
    found = [scan(bytes(part)) for part in parts if _BEGINNING.match(part)]
    return tuple(sorted({name for each in found for name in each.globals}))


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

    def save(*arguments: Any, **options: Any) -> None:
        if options.get("_use_new_zipfile_serialization", True):  # else it is a storage alone
            options.setdefault("pickle_module", ours)
        plain(*arguments, **options)

    return save


@contextmanager
def _replaced(module: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Another function under this name, for this thread and a while."""
    plain, thread = getattr(module, name), threading.get_ident()

    def either(*arguments: Any, **options: Any) -> Any:
        chosen = function if threading.get_ident() == thread else plain
        return chosen(*arguments, **options)

    with _set(module, name, either):
        yield


@contextmanager
def _set(module: Any, name: str, value: Any) -> Iterator[None]:
    plain = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, plain)
