"""Pickling: writes a pickle that loads on a machine without the author's own modules."""

import sys
import sysconfig
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePath
from types import CodeType
from typing import Any

from ..errors import InvalidModel
from . import nested, wrappers
from .buffers import Buffers
from .scanning import scan

PROTOCOL = 5
SCRIPTS = frozenset({"__main__", "__mp_main__"})  # what runs now; in a spawned process, its copy
BUFFERS = "model.buffers"  # the arrays beside a pickle


@cache
def pickler() -> type[Any]:
    """A cloudpickle Pickler whose output is the same in every process and on every machine."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, CodeType):
                reduce = self.dispatch_table[CodeType]
                return reduce(value.replace(co_filename=_bare(value.co_filename)))
            reduced = wrappers.reduced(value) or super().reducer_override(value)
            if isinstance(reduced, tuple):
                return _settled(reduced)
            return reduced

    return Pickler


def _settled(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """What cloudpickle reduces a class or function to, without random ids and absolute paths."""
    make, arguments, *rest = reduced
    name = getattr(make, "__name__", "")
    if name in {"_make_skeleton_class", "_make_skeleton_enum"}:
        *known, _identity, extra = arguments  # no id: each pickle has a class of its own
        return make, (*known, None, extra), *rest
    if name == "_make_function":
        namespace = arguments[1]  # made by cloudpickle for this pickle; not the function's own
        if isinstance(namespace.get("__file__"), str):
            namespace["__file__"] = _bare(namespace["__file__"])
    return reduced


def _bare(path: str) -> str:
    return PurePath(path).name


def dump(
    model: Any, path: Path, kind: Callable[..., Any] | None = None, *, beside: Path | None = None
) -> list[int]:
    """Pickle `model` to `path`; returns the byte sizes of the arrays written to `beside` instead.

    Code of installed libraries is pickled by reference, code of `__main__` and of the author's own
    files by value. `kind` makes the pickler: a subclass of what `pickler()` returns, or a factory.
    The same object gives the same bytes, unless it contains a set of strings.

    Raises:
        InvalidModel: when something of `__main__` is pickled by its name.
    """
    import cloudpickle

    make = kind or pickler()
    by_value: list[Any] = []
    options: dict[str, Any] = {"protocol": PROTOCOL}
    try:
        while True:
            buffers = Buffers()
            if beside is not None:
                options["buffer_callback"] = buffers.keep
            with path.open("wb") as file, nested.pickled_by(pickler()) as inner:
                make(file, **options).dump(model)
            found = scan(path)
            known = {module.__name__ for module in by_value}
            local = [n for n in local_modules({*found.modules, *inner}) if n not in known]
            if not local:
                _check(found.globals)
                _check_nested(path)
                return [] if beside is None else buffers.write(beside)
            for name in local:  # found only now, because a class by value names further modules
                cloudpickle.register_pickle_by_value(sys.modules[name])
                by_value.append(sys.modules[name])
    finally:
        for module in by_value:
            cloudpickle.unregister_pickle_by_value(module)


def _check(names: Iterable[str]) -> None:
    """Refuse what only this script could load: `__main__` is another one in a server."""
    named = next((n for n in names if n.partition(".")[0] in SCRIPTS), None)
    if named is not None:
        raise InvalidModel(
            f"The model cannot be saved: `{named}` is pickled by its name, and no server has this "
            "script.",
            hint="Move it to a module, and serve a bundle whose `src/` has that.",
        )


def _check_nested(path: Path) -> None:
    """Refuse a pickle within the pickle that was made with the author's own code by its name."""
    names = nested.names_within(path)
    local = local_modules({name.partition(".")[0] for name in names})
    named = next((n for n in names if n.partition(".")[0] in {*SCRIPTS, *local}), None)
    if named is not None:
        raise InvalidModel(
            f"The model cannot be saved: it pickles a part of itself, in which `{named}` is "
            "pickled by its name, and no server has that.",
            hint="Let its code call `pickle.dumps(...)`, instead of a function that it imported "
            "from `pickle`.",
        )


def local_modules(names: Iterable[str]) -> list[str]:
    """The imported top-level modules that belong to no installed distribution."""
    return sorted(name for name in names if name in sys.modules and is_local(name))


def is_local(name: str) -> bool:
    """Whether the top-level module `name` is the author's own: neither installed nor Python's."""
    if name == "__main__" or name in sys.stdlib_module_names or name == __name__.partition(".")[0]:
        return False  # cloudpickle takes __main__ by value anyway
    if name in SCRIPTS:
        return True
    try:
        spec = find_spec(name)
    except (ValueError, ImportError):
        return False
    if spec is None:
        return False
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    return bool(places) and not any(_is_installed(Path(place)) for place in places)


def _is_installed(place: Path) -> bool:
    if {"site-packages", "dist-packages"} & set(place.parts):
        return True
    paths = sysconfig.get_paths()
    return any(
        place.is_relative_to(paths[kind]) for kind in ("stdlib", "platstdlib", "purelib", "platlib")
    )
