"""Environment: the Python environment that a bundle runs in on this machine."""

import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...runtime.manifests.bundle_manifest import BundleManifest
from ..errors import ResolveError
from ..progress import SILENT, Progress
from . import builds, requirements_lock
from .environment_home import EnvironmentHome
from .lock.lock import index_arguments
from .requirements import normalize
from .resolving import uv
from .target import MACHINES
from .wheels import collisions

Mode = Literal["auto", "locked", "current"]

SHOWN = 3  # differing packages named in a sentence

_RECORD = re.compile(r"(.+?)-([^-]+)(?:-py[0-9.]+)?\.(?:dist|egg)-info")


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python interpreter, and a sentence that says why it was chosen."""

    python: Path
    why: str
    is_current: bool


def choose(
    bundle: Path,
    mode: Mode = "auto",
    *,
    envs: Path,
    offline: bool = False,
    on_gpu: bool = False,
    progress: Progress = SILENT,
) -> Environment:
    """The environment for the bundle in the directory `bundle`.

    `auto` takes the current interpreter where it has every locked version, else the bundle's
    own environment below `envs`, which is made when it is not there yet. `on_gpu` says whether
    the models are to run on a GPU.

    Raises:
        ResolveError: when that environment cannot be made.
    """
    manifest = BundleManifest.read(bundle)
    here = Path(sys.executable)
    if mode == "current" or manifest.lock is None:
        why = "Nothing is locked for it." if manifest.lock is None else "It was asked for."
        return Environment(here, f"Runs in the current environment, `{here}`. {why}", True)
    different = [] if mode == "locked" else differences(bundle, manifest, on_gpu=on_gpu)
    if mode == "auto" and not different:
        why = f"Runs in the current environment, `{here}`: it has every locked version."
        return Environment(here, why, True)
    python = materialize(bundle, manifest, envs, offline=offline, progress=progress)
    shown = "; ".join(different[:SHOWN]) + ("; …" if len(different) > SHOWN else "")
    reason = f"the current one differs ({shown})" if different else "it was asked for"
    return Environment(
        python, f"Runs in `{python.parent.parent}`, made from the lock: {reason}.", False
    )


def differences(bundle: Path, manifest: BundleManifest, *, on_gpu: bool = False) -> list[str]:
    """How the current environment differs from the lock, a phrase for each difference.

    The version `2.13.0+cpu` of torch is as good as a locked 2.13.0, and needs none of the GPU's
    libraries; but not where it is to run on a GPU.
    """
    if not _is(manifest.python):
        return [f"Python is {platform.python_version()}, locked is {manifest.python}"]
    installed = installed_versions()
    without_gpu = installed.get("torch", "").endswith("+cpu") and not on_gpu
    found = []
    for name, version in requirements_lock.pins(bundle, platform.machine()).items():
        other = installed.get(name)
        if other is None and not (without_gpu and builds.is_for_gpus(name)):
            found.append(f"{name} is not installed")
        elif other is not None and version not in _fulfilled(name, other, on_gpu=on_gpu):
            found.append(f"{name} is {other}, locked is {version}")
    return found


def _fulfilled(name: str, installed: str, *, on_gpu: bool) -> set[str]:
    """The locked versions that an installed one is as good as."""
    is_another = on_gpu and name == "torch" and installed.endswith("+cpu")
    return {installed} if is_another else {installed, installed.partition("+")[0]}


def _is(version: str) -> bool:
    """Whether the current interpreter is of `version`, "3.11" or "3.11.9"."""
    return f"{platform.python_version()}.".startswith(f"{version}.")


def installed_versions() -> Mapping[str, str]:
    """Name -> version of what this interpreter could import, the first of a name on its path.

    Read from the names of the directories: opening each for its metadata takes ten times as long.
    """
    found: dict[str, str] = {}
    for place in dict.fromkeys(sys.path):
        try:
            with os.scandir(place or ".") as entries:
                names = [entry.name for entry in entries]
        except OSError:  # a zip archive, or nothing
            continue
        for name in names:
            if record := _RECORD.fullmatch(name):
                found.setdefault(normalize(record[1]), record[2])
    return found


def materialize(
    bundle: Path, manifest: BundleManifest, envs: Path, *, offline: bool, progress: Progress
) -> Path:
    """The interpreter of the environment that the bundle's lock describes, made once.

    Raises:
        ResolveError: when it cannot be made on this machine.
    """
    _check_machine(manifest)
    name = f"{(manifest.lock or '').removeprefix('sha256:')}-{manifest.python}"
    home = EnvironmentHome(envs / name)

    def fill(folder: Path) -> None:
        progress.step(f"Making the environment `{home.path}`")
        _fill(folder, manifest.python, bundle / requirements_lock.PATH, offline=offline)

    if not home.is_complete:
        home.make(fill, progress)
    return home.python


def _fill(folder: Path, version: str, requirements: Path, *, offline: bool) -> None:
    """Make the environment in place: a moved one would point at its old path."""
    python = sys.executable if _is(version) else version
    uv.run(["venv", "--python", python, str(folder)], cwd=folder.parent, offline=offline)
    install = ["pip", "sync", "--python", str(folder / "bin" / "python"), "--require-hashes"]
    # Every index may offer a version: what is installed has the locked digest in any case.
    install += ["--index-strategy", "unsafe-best-match", *index_arguments(requirements)]
    install += ["--compile-bytecode"]  # or every start of a server would do it
    uv.run([*install, str(requirements)], cwd=folder.parent, offline=offline)
    for site in folder.glob("lib/python*/site-packages"):
        collisions.check_environment(site)


def _check_machine(manifest: BundleManifest) -> None:
    platforms = manifest.image.get("platforms") or list(MACHINES)
    machines = {MACHINES.get(name) for name in platforms}
    if sys.platform != "linux" or platform.machine() not in machines:
        raise ResolveError(
            f"The bundle is locked for {', '.join(platforms)}; this machine is "
            f"{sys.platform}/{platform.machine()}.",
            hint="Use `--env current`, or run its image with `bundle containerize`.",
        )
