"""Local code: collects the author's own source files that a class needs."""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path, PurePosixPath
from typing import Self

from ..manifests.model_manifest import CODE
from ..pickles.pickling import SCRIPTS, is_local
from .carried_code import CarriedCode, plain


class CannotTravel(Exception):
    """The source of a module cannot be stored with the model; says why."""


@dataclass(frozen=True, slots=True)
class LocalCode:
    """Source files by their path below the author's root.

    modules  their names in this process
    imports  top-level names of what they import from elsewhere
    """

    files: Mapping[str, bytes]
    modules: tuple[str, ...] = ()
    imports: frozenset[str] = frozenset()

    def written(self, directory: Path) -> Self:
        """Itself, with the source written below a model's `directory`."""
        for path, source in self.files.items():
            place = directory / CODE / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(source)
        return self


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    root: Path
    source: bytes


def gather(names: Iterable[str]) -> LocalCode:
    """The source of the local modules among `names`, and of all local ones that they import.

    Only what is imported already counts, and nothing is run: the text is taken as it is. What a
    model brought along when it was loaded is taken whole.

    Raises:
        CannotTravel: when one is not plain Python source, or they lie in several trees.
    """
    files: dict[str, _File] = {}
    elsewhere: set[str] = set()
    waiting = list(names)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if not _is_own(name):
            elsewhere.add(name.partition(".")[0])
            continue
        waiting += _company(name)
        file = _file(name)
        if file is not None:
            files[name] = file
            waiting += _imported(name, file)
    if len({file.root for file in files.values()}) > 1:
        raise CannotTravel("the modules that it needs lie in several directories")
    sources = {file.path: file.source for file in files.values()}
    return LocalCode(sources, tuple(sorted(files)), frozenset(elsewhere))


def _is_own(name: str) -> bool:
    top = name.partition(".")[0]
    if top in SCRIPTS:
        raise CannotTravel("it needs what is in the script that runs now")
    return plain(name)[0] is not None or is_local(top)


def _company(name: str) -> Iterator[str]:
    """The packages around a module; with one that was carried, all that came with it."""
    code, _ = plain(name)
    if code is None:
        yield from (name[:end] for end, letter in enumerate(name) if letter == ".")
        return
    for path in code.files:
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        yield f"{code.package}.{module}"


def _file(name: str) -> _File | None:
    """Its source, or None for a package that is a directory and nothing else."""
    code, inner = plain(name)
    place = inner.replace(".", "/")
    if code is not None:
        for path in (f"{place}/__init__.py", f"{place}.py"):
            if path in code.files:
                return _File(path, Path(code.package), code.files[path])
        return None
    module = sys.modules[name]
    origin = getattr(module, "__file__", None)
    if origin is None and hasattr(module, "__path__"):
        return None
    file = Path(origin or "").absolute()
    path = f"{place}/__init__.py" if file.name == "__init__.py" else f"{place}.py"
    if not file.as_posix().endswith(f"/{path}") or not file.is_file():
        raise CannotTravel(f"the module `{name}` is not a file of Python source of that name")
    root = file.parents[len(PurePosixPath(path).parts) - 1].resolve()
    return _File(path, root, file.read_bytes())


def _imported(name: str, file: _File) -> Iterator[str]:
    """The modules that a file imports anywhere, those of them that are imported by now."""
    code, inner = plain(name)
    package = inner if file.path.endswith("/__init__.py") else inner.rpartition(".")[0]
    try:
        tree = ast.parse(file.source)
    except (SyntaxError, ValueError) as error:
        raise CannotTravel(f"the source of `{name}` cannot be read: {error}") from error
    for node in ast.walk(tree):
        for found in _named(node, package):
            own = code is not None and found.partition(".")[0] in code.roots
            module = f"{code.package}.{found}" if code and own else found
            if _exists(module, code if own else None):
                yield module


def _exists(name: str, code: CarriedCode | None) -> bool:
    if code is not None:
        return code.spec(plain(name)[1]) is not None
    return name in sys.modules


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            try:
                base = resolve_name("." * node.level + base, package)
            except ImportError:
                return  # beyond the top: it never ran
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
