"""BundleModules: restricts imports from a bundle's directory to listed, unchanged files.

Only modules that `bundle.json` lists, with the digests that stand there; no bytecode that lies
beside them, whoever put it there. Everything else in the directory is as if it were not.

This file also runs as a script, before anything else of a bundle: `bundle_modules.py MODULE DIR
[ARGUMENT...]` runs that module of the bundle in DIR. It imports nothing but the standard library.
"""

import hashlib
import json
import os
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    ModuleSpec,
    SourceFileLoader,
)
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import NoReturn

DAMAGED = 6  # exit code of the contract: bytes differ from their digest


class Source(SourceFileLoader):
    """Loads one listed source file, compiled from bytes with the listed digest."""

    def __init__(self, fullname: str, path: str, digest: str) -> None:
        super().__init__(fullname, path)
        self._digest = digest

    def path_stats(self, path: str) -> NoReturn:
        """Refuse: without a time there is no bytecode to look for, or to leave behind."""
        raise OSError(path)

    def get_data(self, path: str) -> bytes:
        """The bytes of a file; of the module's own only those that were listed.

        Raises:
            ImportError: when they are others.
        """
        data = super().get_data(path)
        if path == self.path:
            check(path, data, self._digest)
        return data


class Extension(ExtensionFileLoader):
    """Loads one listed extension module, after its bytes were compared."""

    def __init__(self, name: str, path: str, digest: str) -> None:
        super().__init__(name, path)
        self._digest = digest

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Compare, then load; raises ImportError when the bytes are others."""
        with open(self.path, "rb") as file:  # noqa: PTH123 - no pathlib before it is safe
            check(self.path, file.read(), self._digest)
        return super().create_module(spec)


class Finder:
    """Finds modules in one directory of a bundle that is on `sys.path`.

    digests   of every listed file, by its path in the bundle
    inside    the folder's path in the bundle; empty for the bundle itself
    """

    def __init__(self, folder: str, inside: str, digests: Mapping[str, str]) -> None:
        self._folder = folder
        self._inside = inside
        self._digests = digests

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002 - as Python asks
        """Where a module is, in the order in which Python itself looks; None where it is not."""
        name = fullname.rpartition(".")[2]
        package = os.path.join(self._folder, name)  # noqa: PTH118
        if self._is_listed(f"{name}/__init__.py"):
            return self._spec(fullname, f"{name}/__init__.py", [package])
        for suffix in (*EXTENSION_SUFFIXES, ".py"):
            if self._is_listed(name + suffix):
                return self._spec(fullname, name + suffix)
        below = self._path(f"{name}/")
        if any(path.startswith(below) and path.endswith(".py") for path in self._digests):
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [package]
            return spec
        return None

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """Every module and package here, as `pkgutil` asks for them."""
        start = self._path("")
        parts = {p[len(start) :].partition("/") for p in self._digests if p.startswith(start)}
        for name in sorted({first for first, _, _ in parts}):
            stem, dot, _ = name.partition(".")
            if not dot and self._is_listed(f"{name}/__init__.py"):
                yield prefix + name, True
            elif stem != "__init__" and name.endswith((".py", *EXTENSION_SUFFIXES)):
                yield prefix + stem, False

    def invalidate_caches(self) -> None:
        """Nothing is remembered."""

    def _path(self, name: str) -> str:
        return f"{self._inside}/{name}" if self._inside else name

    def _is_listed(self, name: str) -> bool:
        return self._path(name) in self._digests

    def _spec(
        self, fullname: str, name: str, package: Sequence[str] | None = None
    ) -> ModuleSpec | None:
        path = os.path.join(self._folder, name)  # noqa: PTH118
        kind = Source if name.endswith(".py") else Extension
        loader = kind(fullname, path, self._digests[self._path(name)])
        places = None if package is None else list(package)
        return spec_from_file_location(
            fullname, path, loader=loader, submodule_search_locations=places
        )


class BundleModules:
    """The path hook: handles the directories of the bundle, and no others."""

    def __init__(self, directory: str, digests: Mapping[str, str]) -> None:
        self.directory = os.path.realpath(directory)
        self._digests = digests

    def __call__(self, folder: str) -> Finder:
        """The finder of a folder of the bundle.

        Raises:
            ImportError: when it is none of its folders, so that Python asks the next.
        """
        real = os.path.realpath(folder)
        if real != self.directory and not real.startswith(self.directory + os.sep):
            raise ImportError(folder)
        inside = os.path.relpath(real, self.directory).replace(os.sep, "/")
        return Finder(folder, "" if inside == "." else inside, self._digests)


def guard(directory: str, digests: Mapping[str, str]) -> None:
    """From now on, import from `directory` only files with these digests, by path."""
    hook = BundleModules(directory, digests)
    known = [getattr(each, "directory", None) for each in sys.path_hooks]
    if hook.directory in known:
        return
    sys.path_hooks.insert(0, hook)
    for folder in list(sys.path_importer_cache):
        real = os.path.realpath(folder)
        if real == hook.directory or real.startswith(hook.directory + os.sep):
            del sys.path_importer_cache[folder]


def guard_sources(directory: str, digests: Mapping[str, str]) -> None:
    """As `guard`, but only for the author's sources; others, as of a project, stay importable."""
    place = "src/"
    own = {path[len(place) :]: digests[path] for path in digests if path.startswith(place)}
    if own:
        guard(os.path.join(directory, place), own)  # noqa: PTH118


def prefer(directory: str) -> None:
    """Let Python import from the bundle in `directory` first, and only what it lists."""
    guard(directory, listed(directory))
    if directory not in sys.path:
        sys.path.insert(0, directory)


def listed(directory: str) -> Mapping[str, str]:
    """The digest of each file in `bundle.json`; exits the process if there is none."""
    path = os.path.join(directory, "bundle.json")  # noqa: PTH118
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return {entry["path"]: entry["digest"] for entry in json.load(file)["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        _end(f"`{path}` cannot be read: {type(error).__name__}: {error}.")


def check(path: str, data: bytes, digest: str) -> None:
    """Compare the bytes of a module with its digest; raises ImportError when they are others."""
    if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
        raise ImportError(f"`{path}` differs from its digest; the bundle is damaged.", path=path)


def _end(message: str) -> NoReturn:
    sys.stderr.write(f"error: {message}\nhint: Build or copy the bundle again.\n")
    sys.exit(DAMAGED)


def _main() -> None:
    module, directory, *arguments = sys.argv[1:]
    sys.argv[:] = [module, *arguments]
    prefer(directory)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
