"""Doctor: checks what this machine has and lacks; changes nothing."""

import os
import platform
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from ..runtime.errors import BundleError, NoDevice
from ..runtime.process.machine.device import devices
from .errors import EngineUnavailable, ResolveError
from .image.engines import command_build
from .image.engines.engine import connect
from .requirements.index import bare, shown
from .requirements.resolving import uv
from .store import Store
from .tag import KINDS

State = Literal["ok", "absent", "warning", "error"]

INDEX = "https://pypi.org/simple"
LITTLE = 2 << 30  # bytes; an image with a framework takes as much
TIMEOUT = 10.0  # seconds for the package index
FRAMEWORKS = {
    "sklearn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "lightgbm": ("lightgbm",),
    "torch": ("torch",),
    "onnx": ("onnxruntime", "onnxruntime-gpu"),
}
"""Our extras -> distributions of which one is enough."""

_OLDEST = (3, 11)
_WANTS_PASSWORD = {401, 403}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    state   "ok"; "absent" for what only some commands need; "warning"; "error" for what all need
    detail  versions, places, or the reason
    hint    what mends it
    """

    name: str
    state: State
    detail: str
    hint: str | None = None


def examine(*, network: bool = False) -> list[Finding]:
    """Look at everything; the package index is asked with `network` only."""
    checks: list[Callable[[], Finding]] = [_python, _uv, _store, _engine, _gpu]
    found = [check() for check in checks]
    found += _frameworks()
    return [*found, _index()] if network else found


def _python() -> Finding:
    detail = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < _OLDEST:
        return Finding("python", "error", detail, "Use Python 3.11 or newer.")
    return Finding("python", "ok", detail)


def _uv() -> Finding:
    try:
        version = uv.run(["--version"], cwd=Path.cwd(), offline=True).stdout.strip()
    except ResolveError as error:
        return Finding("uv", "error", str(error), error.hint)
    return Finding("uv", "ok", f"{version.removeprefix('uv ')} at {uv.binary()}")


def _store() -> Finding:
    """Whether the store can be read and written, and how much room its disk has."""
    root = Store.default().root
    there = next(path for path in (root, *root.parents) if path.exists())
    hint = "Set `BUNDLE_HOME` to a directory that is yours."
    if not there.is_dir() or not os.access(there, os.R_OK | os.X_OK):
        return Finding("store", "error", f"{root} cannot be read.", hint)
    if not os.access(there, os.W_OK):
        return Finding("store", "warning", f"{root} can be read, but not written.", hint)
    free = shutil.disk_usage(there).free
    try:
        models, bundles = (len(Store.default().items(kind)) for kind in KINDS)
    except BundleError as error:
        return Finding("store", "error", str(error), error.hint)
    held = f"{models} model{'s' * (models != 1)}, {bundles} bundle{'s' * (bundles != 1)}"
    detail = f"{root}: {held}, {free / (1 << 30):.1f} GiB free"
    if free < LITTLE:
        return Finding("store", "warning", detail, "Make room with `bundle gc`.")
    return Finding("store", "ok", detail)


def _engine() -> Finding:
    try:
        with connect() as engine:
            detail = f"{engine.name} {engine.version} ({engine.platform}) at {engine.endpoint}"
            return Finding("engine", "ok", detail)
    except EngineUnavailable as error:
        if program := command_build.installed():
            return Finding("engine", "ok", f"{program.name} at {program.program}, as a program")
        return Finding("engine", "absent", " ".join(str(error).split()), error.hint)


def _gpu() -> Finding:
    try:
        found = devices()
    except NoDevice as error:
        return Finding("gpu", "absent", str(error))
    if not found:
        return Finding("gpu", "absent", "The driver finds no GPU.")
    names = ", ".join(f"{gpu.name} (compute {gpu.capability})" for gpu in found)
    return Finding("gpu", "ok", f"{names}; driver {found[0].driver}")


def _frameworks() -> Iterator[Finding]:
    """What is installed here, by its metadata: importing torch to ask would take seconds."""
    for framework, distributions in FRAMEWORKS.items():
        found = [f"{name} {version(name)}" for name in distributions if _is_installed(name)]
        if found:
            yield Finding(framework, "ok", ", ".join(found))
        else:
            hint = f"Run `pip install 'modelbundle[{framework}]'`."
            yield Finding(framework, "absent", f"{distributions[0]} is not installed.", hint)


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _index() -> Finding:
    """Whether the index answers; a password in its address is neither sent nor shown."""
    url = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL") or INDEX
    name, place = "index", shown(url)
    try:
        with urllib.request.urlopen(f"{bare(url)}/pip/", timeout=TIMEOUT) as answer:  # noqa: S310
            return Finding(name, "ok", f"{place} answers ({answer.status})")
    except (OSError, ValueError, HTTPException, ResolveError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code in _WANTS_PASSWORD:
            return Finding(name, "ok", f"{place} answers ({error.code}); it asks for a password")
        reason = getattr(error, "reason", error)
        hint = "Locking needs an index; set `UV_DEFAULT_INDEX`, or use `--offline`."
        return Finding(name, "warning", f"{place} does not answer: {reason}.", hint)
