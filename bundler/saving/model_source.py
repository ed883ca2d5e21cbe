"""Resolves SOURCE of `bundle save`: an object to import, a file, a directory or an address."""

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ...runtime.errors import in_short
from ...runtime.nearest import did_you_mean, nearest
from ...runtime.pickles.scanning import remembering
from ...runtime.system import shared_library
from ..errors import InvalidSource
from ..progress import Progress
from .file_source import FileSource, find, of_file
from .foreign import recognizing, remote, unpacking

_SOME = 5


def import_object(text: str) -> Any:
    """Import "module:attribute", with the current directory and its `src` first on the path.

    Raises:
        InvalidSource: with which of the two is missing.
    """
    module_name, _, attributes = text.partition(":")
    if not module_name or not attributes:
        raise InvalidSource(
            f"`{text}` is neither a file nor `module:attribute`.",
            hint="Write for example `train:model` for the variable `model` in train.py.",
        )
    module = _import(module_name)
    found = module
    for name in attributes.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise InvalidSource(
                f"The module `{module_name}` has no attribute `{attributes}`.",
                hint=attribute_like(name, found) or _offered(module_name, found),
            ) from error
    return found


def _import(name: str) -> Any:
    here = Path.cwd()
    places = [str(place) for place in (here, here / "src") if place.is_dir()]
    sys.path[:0] = places
    try:
        return import_module(name)
    except ImportError as error:
        if not f"{name}.".startswith(
            f"{error.name}."
        ):  # the module is there, and something that it imports is not
            raise InvalidSource(
                f"Importing `{name}` failed: {str(error).rstrip('.')}.",
                hint=shared_library.hint(error) or _installing(error),
            ) from error
        raise InvalidSource(
            f"There is no module `{name}` here.",
            hint=_module_like(name, places)
            or "Run the command in the directory of the module, and leave out `.py`.",
        ) from error
    except Exception as error:
        raise InvalidSource(
            f"Importing `{name}` failed: {in_short(error)}.", hint=shared_library.hint(error)
        ) from error
    finally:
        for place in places:
            if place in sys.path:  # what was imported may have taken it away
                sys.path.remove(place)


def _module_like(name: str, places: Iterable[str]) -> str | None:
    """A hint at the module of the project whose name is most like `name`."""
    known = {one.stem for place in places for one in Path(place).glob("*.py")}
    return did_you_mean(name, known - {name})


def _installing(error: ImportError) -> str | None:
    """A hint at the environment to install a missing module in: people have several."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    return (
        f"Install what has `{error.name}` in the environment of this command, "
        f"`{sys.executable} -m pip install ...`, or run the command of the right one."
    )


def _offered(module: str, found: Any) -> str | None:
    """A hint at the objects of a module that may have been meant."""
    names = [
        name for name, value in vars(found).items()
        if name[:1] != "_" and not isinstance(value, type | ModuleType | FunctionType)
    ]  # fmt: skip
    if not isinstance(found, ModuleType) or not names:
        return None
    some = ", ".join(f"`{module}:{name}`" for name in names[:_SOME])
    return f"There is {some}{', ...' if len(names) > _SOME else ''}."


def attribute_like(name: str, owner: Any) -> str | None:
    """A hint at the attribute of `owner` that is most like `name`."""
    return did_you_mean(name, (known for known in dir(owner) if known[:1] != "_"))


def beside(path: Path) -> str | None:
    """A hint at the file in its directory whose name is most like that of `path`."""
    try:
        names = [one.name for one in path.parent.iterdir()]
    except OSError:
        return f"There is no directory `{path.parent}` that can be read."
    near = nearest(path.name, names)
    return f"Did you mean `{path.with_name(near)}`?" if near else None


def fetch(address: str, unpacked: Path, progress: Progress) -> FileSource:
    """The model that `hf://...` or `models:/...` names, fetched into a private directory.

    Raises:
        InvalidSource: when there is none, or one that is refused.
    """
    fetched = remote.fetch(address, unpacked, progress)
    with remembering():
        return recognizing.of_fetched(fetched)


def recognize(path: Path, unpacked: Callable[[], Path]) -> FileSource:
    """Recognize a model file, a directory or an archive by its content, without running any code.

    Args:
        path: what the person names.
        unpacked: makes a private directory for what an archive holds.

    Raises:
        InvalidSource: when it is no model, or not what its suffix says.
    """
    with remembering():
        if path.is_dir():
            return recognizing.of_directory(path)
        if path.exists() and not path.is_file():
            raise InvalidSource(
                f"`{path}` is a pipe, a socket or a device.",
                hint="Write what comes out of it to a file, and name that.",
            )
        if not path.is_file():
            raise InvalidSource(f"There is no file `{path}`.", hint=beside(path))
        if find(path) is None and unpacking.is_archive(path):
            return recognizing.of_archive(unpacking.unpack(path, unpacked()))
        return of_file(path)
