"""`bundle test`: checks a bundle's digests, and its models against their samples."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ..runtime import bundle_modules, digest
from ..runtime.errors import BundleError, NoDevice, NotTrusted
from ..runtime.manifests.bundle_manifest import BundleManifest, bundle_digest
from ..runtime.manifests.file_entry import FileEntry
from .errors import Damaged
from .progress import SILENT, Progress
from .requirements.environment import Environment
from .store.oci import check_paths

SHOWN = 10  # damaged files named in a message
_CHECKED_LATER = ("models/", "src/")
_IMPORTABLE = (".py", ".so", ".pyc", ".pth")
CACHE = "__pycache__"  # Python's own, made by running a bundle in place


def verify(directory: Path, progress: Progress = SILENT, *, with_caches: bool = False) -> str:
    """Hash every file of the bundle in `directory` again; its digest if all is as it was built.

    Files that the manifest does not name are damage too, apart from Python's caches: those are
    never read when a bundle is run. `with_caches` refuses even them.

    Raises:
        Damaged: naming the files.
        InvalidBundle: when there is no readable `bundle.json`, or it lists what cannot be.
    """
    manifest = BundleManifest.read(directory)
    check_paths(manifest.files)
    total = sum(entry.size for entry in manifest.files)
    with progress.meter(f"Verifying {manifest.name}", total) as meter:
        found = [
            f"`{entry.path}` {damage}"
            for entry in manifest.files
            if (damage := _damage(directory, entry, meter.advance))
        ]
    found += [
        f"`{path}` does not belong to the bundle"
        for path in _strangers(directory, manifest, with_caches)
    ]
    if found:
        more = f"\nand {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise Damaged(
            "\n".join(found[:SHOWN]) + more,
            hint="Build it again, or copy it again from where it was.",
        )
    return bundle_digest(directory)


def check_tools(directory: Path, *, but_for: str | None = None) -> None:
    """Compare what runs before anything in the bundle could check itself, and its lock.

    The runtime hashes the models and the sources itself, before it loads them. A module that the
    manifest does not name would be imported instead of a library. What is below `but_for` will not
    run.

    Raises:
        Damaged: naming the first file that is not as it was built.
        InvalidBundle: when there is no readable `bundle.json`.
    """
    manifest = BundleManifest.read(directory)
    skipped = _CHECKED_LATER if but_for is None else (*_CHECKED_LATER, but_for)
    damaged = [
        f"`{entry.path}` {damage}"
        for entry in manifest.files
        if not entry.path.startswith(skipped) and (damage := _damage(directory, entry, _quiet))
    ]
    damaged += [
        f"`{path}` does not belong to the bundle"
        for path in _strangers(directory, manifest)
        if path.endswith(_IMPORTABLE) and not any(p.startswith(".") for p in Path(path).parts)
    ]
    if damaged:
        raise Damaged(
            damaged[0], hint=f"`bundle verify {shlex.quote(str(directory))}` names every file."
        )


def _quiet(_: int) -> None:
    """Shows no progress, as the bytes are few."""


def _damage(directory: Path, entry: FileEntry, advance: Any) -> str | None:
    path = directory / entry.path
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(directory.resolve()):
            return "is a link out of the bundle"
        if not path.is_file():
            return "is missing"
        if path.stat().st_size != entry.size:
            return f"has {path.stat().st_size} bytes instead of {entry.size}"
        return None if digest.of_file(path, advance) == entry.digest else "differs from its digest"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _strangers(
    directory: Path, manifest: BundleManifest, with_caches: bool = False
) -> Iterator[str]:
    known = {entry.path for entry in manifest.files} | {"bundle.json"}
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if with_caches or name != CACHE)
        for name in sorted(files):
            path = (Path(folder) / name).relative_to(directory).as_posix()
            if path not in known:
                yield path


@dataclass(frozen=True, slots=True)
class Replayed:
    """How one method answered the samples that were recorded when its model was saved.

    Of a model that computes otherwise than it was saved, `tuning` says how, `largest` by how much
    a number differed at most, and `allowed` by how much it may: relatively, or absolutely.
    """

    alias: str
    method: str
    rows: int
    ok: bool
    differences: tuple[str, ...]
    tuning: str = ""
    largest: float | None = None
    allowed: tuple[float, float] | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what the bundle's own runtime wrote, which may be an older one."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**known | {"differences": tuple(data["differences"])})


@dataclass(frozen=True, slots=True)
class Report:
    """What `bundle test` found, and where it ran."""

    ok: bool
    replayed: tuple[Replayed, ...]
    environment: Environment


def replay(
    directory: Path, environment: Environment, *, device: str = "cpu", is_trusted: bool = False
) -> Report:
    """Replay the recorded samples of the bundle in `directory`, with its own runtime.

    `is_trusted` vouches for the bundle for this one run.

    Raises:
        BundleError: when the models cannot be loaded, or must not be.
    """
    command = [*_beginning(directory, environment), ".", "--device", device]
    settings = _variables(directory, is_trusted=is_trusted)
    done = subprocess.run(
        command, cwd=directory, env=settings, capture_output=True, text=True, check=False
    )
    data = _answer(done)
    if "error" in data:
        kinds = {kind.exit_code: kind for kind in (NotTrusted, NoDevice)}
        kind = kinds.get(done.returncode, BundleError)
        raise kind(data["error"], hint=data.get("hint"))
    outcomes = tuple(map(Replayed.from_json, data["replayed"]))
    return Report(data["ok"], outcomes, environment)


def _beginning(directory: Path, environment: Environment) -> list[str]:
    """The process that replays: with the bundle's own runtime, of what `bundle.json` lists."""
    python, module = [str(environment.python), "-P"], "modelbundle.runtime.replay"
    if not (directory / "modelbundle").is_dir():
        return [*python, "-m", module]
    return [*python, str(Path(bundle_modules.__file__)), module, str(directory.resolve())]


def _variables(directory: Path, *, is_trusted: bool) -> Mapping[str, str]:
    """The environment of the replay; it leaves no bytecode in the bundle."""
    settings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if is_trusted:
        known = [text for text in [os.environ.get("BUNDLE_TRUST")] if text]
        settings["BUNDLE_TRUST"] = ",".join([*known, bundle_digest(directory)])
    return settings


def _answer(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    lines: Sequence[str] = done.stdout.strip().splitlines()
    try:
        data = json.loads(lines[-1])
    except (IndexError, ValueError):
        if done.returncode < 0:
            name = signal.Signals(-done.returncode).name
            return {
                "error": f"The replay was killed by {name}: a model, or what it is loaded with, "
                "ended its process.",
                "hint": "`bundle serve` says which model it is. What came from elsewhere may have "
                "been made to do that.",
            }
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"error": f"The replay ended early: {last}"}
    return data if isinstance(data, dict) else {"error": f"The replay said {lines[-1]!r}."}
