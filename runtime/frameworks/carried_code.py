"""Carried code: imports an author's source files of a model under a unique package name.

Two models may each carry a `net.py`, and an installed package may be called `net` as well. So the
files of one model become modules below a package that is named after their content, and know each
other by their plain names; nobody else's `sys.modules` or `sys.path` is touched. Nothing is
written: no bytecode appears beside files that have a digest.
"""

import builtins
import hashlib
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import decode_source, find_spec
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from ..errors import InvalidModel
from ..manifests.model_manifest import CODE

_PREFIX = "modelbundle_code_"
_known: "dict[str, CarriedCode]" = {}


def importer(directory: Path, paths: Iterable[str]) -> Callable[[str], ModuleType]:
    """What imports the modules of the model in `directory`, which carries `paths`.

    A bundle's own `src/`, where it is on `sys.path` and has all of these files, comes first: the
    service and its models then share one class, and a changed line is served.

    Raises:
        InvalidModel: when a file is missing or is no module's.
    """
    paths = tuple(paths)
    bundle = directory.parent.parent
    if not paths or ((bundle / "bundle.json").is_file() and _is_provided(bundle / "src", paths)):
        return import_module
    return CarriedCode.read(directory, paths).import_module


def unpickler(directory: Path, paths: Iterable[str]) -> type[pickle.Unpickler]:
    """What unpickles a model that carries `paths`: its classes come from there.

    Raises:
        InvalidModel: when a file is missing or is no module's.
    """
    paths = tuple(paths)
    if not paths:
        return pickle.Unpickler
    modules = importer(directory, paths)
    roots = {PurePosixPath(path).parts[0].removesuffix(".py") for path in paths}

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            inner = _within(module)
            if inner.partition(".")[0] not in roots:
                return super().find_class(module, name)
            sys.audit("pickle.find_class", module, name)  # a policy listens
            found: Any = modules(inner)
            for part in name.split("."):
                found = getattr(found, part)
            return found

    return Unpickler


def plain(name: str) -> "tuple[CarriedCode | None, str]":
    """Of what carried code the module `name` is, and what it is called there."""
    package, _, inner = name.partition(".")
    code = _known.get(package)
    return (code, inner) if code else (None, name)


def _within(name: str) -> str:
    """The plain name of a module, where the model was saved again by who had loaded it."""
    package, _, inner = name.partition(".")
    return inner if package.startswith(_PREFIX) and inner else name


@dataclass(frozen=True)
class CarriedCode:
    """Source by path below `home`, e.g. "net.py" or "pkg/__init__.py"."""

    files: Mapping[str, bytes]
    home: Path

    @classmethod
    def read(cls, directory: Path, paths: Iterable[str]) -> "CarriedCode":
        """The files `paths` in the model's `directory`.

        Raises:
            InvalidModel: when one is missing or is no module's.
        """
        home = directory / CODE
        try:
            return cls({path: (home / _checked(path)).read_bytes() for path in paths}, home)
        except OSError as error:
            raise InvalidModel(f"The model's own source cannot be read: {error}.") from error

    @cached_property
    def package(self) -> str:
        """The package that its modules are below: the same content has the same name."""
        digest = hashlib.sha256()
        for path, source in sorted(self.files.items()):
            digest.update(f"{path}\n{len(source)}\n".encode() + source)
        return _PREFIX + digest.hexdigest()[:16]

    @cached_property
    def roots(self) -> frozenset[str]:
        """Its top-level modules."""
        return frozenset(PurePosixPath(path).parts[0].removesuffix(".py") for path in self.files)

    def import_module(self, name: str) -> ModuleType:
        """The module of this plain name, its own or else anybody's.

        Raises:
            ImportError: when it is not there; whatever its source raises passes through.
            InvalidModel: when its source ends the process.
        """
        try:
            with self._found():
                return import_module(self._full(name))
        except SystemExit as error:
            raise InvalidModel(f"The model's `{name}` ends the process on import.") from error

    @property
    def is_known(self) -> bool:
        """Whether modules of this content are imported."""
        return self.package in _known

    def forget(self) -> None:
        """Drop its modules, as if they had never been imported."""
        _known.pop(self.package, None)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            del sys.modules[name]

    def spec(self, name: str) -> ModuleSpec | None:
        """The module of this plain name; "" is the package of all of them."""
        place = name.replace(".", "/")
        for path, is_package in ((f"{place}/__init__.py", True), (f"{place}.py", False)):
            if path in self.files:
                return self._spec(name, path, self.files[path], is_package=is_package)
        if not name or any(path.startswith(f"{place}/") for path in self.files):
            return self._spec(name, place, b"", is_package=True)
        return None

    def _spec(self, name: str, path: str, source: bytes, *, is_package: bool) -> ModuleSpec:
        full = f"{self.package}.{name}" if name else self.package
        place = str(self.home / path)
        spec = ModuleSpec(full, _Source(source, self._import), origin=place, is_package=is_package)
        spec.has_location = True
        return spec

    def _full(self, name: str) -> str:
        """A module's name here, where it is one of these, else as it is."""
        return f"{self.package}.{name}" if name.partition(".")[0] in self.roots else name

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Iterable[str] = (),
        level: int = 0,
    ) -> ModuleType:
        """`__import__` as its modules see it: their own names come first."""
        names = tuple(fromlist or ())
        full = name if level else self._full(name)
        with self._found():
            module = builtins.__import__(full, globals, locals, names, level)
        if full == name or names:
            return module
        return sys.modules[self._full(name.partition(".")[0])]

    @contextmanager
    def _found(self) -> Iterator[None]:
        """Let Python find its modules, and call them by their plain names in an error."""
        _known.setdefault(self.package, self)
        if _FINDER not in sys.meta_path:
            sys.meta_path.insert(0, _FINDER)
        try:
            yield
        except ModuleNotFoundError as error:
            code, name = plain(error.name or "")
            if code is None:
                raise
            raise ModuleNotFoundError(f"No module named {name!r}", name=name) from error


class _Source(Loader):
    """Runs source; `imports` is its `__import__`."""

    def __init__(self, source: bytes, imports: Callable[..., ModuleType]) -> None:
        self._source = source
        self._imports = imports

    def exec_module(self, module: ModuleType) -> None:
        origin = module.__spec__.origin if module.__spec__ else None
        code = compile(self._source, origin or module.__name__, "exec", dont_inherit=True)
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": self._imports}
        exec(code, vars(module))  # noqa: S102  trusted by digest, as a pickle is

    def get_source(self, name: str) -> str:  # noqa: ARG002
        """For tracebacks and `inspect`, wherever the file has gone."""
        return decode_source(self._source)


class _Finder(MetaPathFinder):
    """Finds the modules of all carried code in this process."""

    def find_spec(
        self,
        fullname: str,
        path: Any = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        code, name = plain(fullname)
        return code.spec(name) if code else None


_FINDER = _Finder()


def _checked(path: str) -> str:
    parts = PurePosixPath(path).parts
    names = [*parts[:-1], parts[-1].removesuffix(".py")] if parts else []
    if path.endswith(".py") and all(name.isidentifier() for name in names):
        return path
    raise InvalidModel(f"`{path}` is not the path of a module.")


def _is_provided(src: Path, paths: Iterable[str]) -> bool:
    """Whether Python would import all of the files `paths` from somewhere in `src`."""
    src = src.resolve()
    for path in paths:
        root = _root(PurePosixPath(path).parts[0].removesuffix(".py"))
        if root is None or not root.is_relative_to(src) or not (root / path).is_file():
            return False
    return True


def _root(name: str) -> Path | None:
    """The directory in which Python finds the top-level module `name`."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve().parent
    return Path(spec.origin).resolve().parent if spec.has_location and spec.origin else None
