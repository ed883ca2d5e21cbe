"""`bundle lock`: resolve the requirements of a project, or keep a lock that is still valid."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ... import atomic_file
from ...errors import StoreError
from ...progress import SILENT, Progress
from ...requirements.lock import author_pin
from ...requirements.lock.lock import UNPINNED, Lock
from ...requirements.lock.lock_file import LockFile
from ...requirements.resolving.accelerator import Accelerator
from ...requirements.target import TORCH_INDEX
from .. import routes
from ..chosen_model import ChosenModel, choose
from . import hardware, reasons
from .lock_inputs import LockInputs

if TYPE_CHECKING:
    from ...project.project import Project
    from ...store import Store


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock, its hardware, and whether its file differs from the previous one.

    file   the lock with those for other accelerators; None if it is for one build only
    """

    lock: Lock
    path: Path
    hardware: Accelerator
    is_new: bool
    warnings: tuple[str, ...]
    file: LockFile | None
    why: tuple[str, ...]

    def narrowed(self, platform: str, inputs: "LockInputs") -> Self:
        """The same for one of its platforms."""
        lock = self.lock.narrowed(platform)
        return replace(self, lock=lock, hardware=hardware.of_lock(inputs, lock))

    def write(self) -> None:
        """Put the lock beside the bundlefile, whole or not at all."""
        if not self.is_new or self.file is None:
            return
        try:
            atomic_file.write(self.path, self.file.encode())
        except OSError as error:
            raise StoreError(f"`{self.path}` cannot be written: {error.strerror}.") from error


def lock(
    project: "Project",
    *,
    store: "Store | None" = None,
    offline: bool = False,
    upgrade: bool = False,
    progress: Progress = SILENT,
) -> Locked:
    """Resolve `project` and write `bundle.lock`, unless the existing one is still valid.

    Models are pinned to the current digests of their tags; `upgrade`: also take newer packages.

    Raises:
        ResolveError: when the requirements cannot be satisfied, reached or installed together.
    """
    from ...store import Store

    store = store or Store.default()
    old = LockFile.read(lock_path(project))
    kept = None if upgrade else old
    if kept is not None and not offline:
        kept = LockFile({name: _pinned(one, progress) for name, one in kept.variants.items()})
    models = choose(project.bundlefile, store, None)
    served = routes.plan(project, {alias: model.manifest for alias, model in models.items()})
    inputs = LockInputs.of(project, models, served.routes)
    locked = settle(project, inputs, models, kept, offline=offline, progress=progress)
    locked = replace(locked, is_new=locked.file != old)
    locked.write()
    return locked


def _pinned(lock: Lock, progress: Progress) -> Lock:
    from . import resolving

    return resolving.pinned(lock, progress) if lock.base.digest == UNPINNED else lock


def lock_path(project: "Project") -> Path:
    """Where the lock of `project` is kept."""
    return project.root / project.bundlefile.python.lock


def settle(
    project: "Project",
    inputs: LockInputs,
    models: Mapping[str, ChosenModel],
    old: LockFile | None,
    *,
    offline: bool = False,
    progress: Progress = SILENT,
) -> Locked:
    """The lock for `inputs`: the `old` one if its inputs are unchanged, else a new one.

    Includes the locks for the other accelerators of the bundlefile. Writes nothing.
    """
    chosen = {alias: model.locked for alias, model in models.items()}
    named = project.bundlefile.accelerators
    is_filed = inputs.accelerator in named
    before, versions = (old.variants, old.versions) if old else ({}, {})
    variants: dict[str, Lock] = {}
    warned: dict[str, tuple[str, ...]] = {}
    for accelerator in named if is_filed else (inputs.accelerator,):
        one = replace(inputs, accelerator=accelerator)
        lock = before.get(accelerator)
        if lock is None or lock.input != one.digest:
            from . import resolving  # only where something is to be resolved: it is slow to import

            lock, warned[accelerator] = resolving.resolve(
                one, versions, offline=offline, progress=progress
            )
        variants[accelerator] = replace(lock, models=chosen)
    lock, file = variants[inputs.accelerator], LockFile(variants) if is_filed else None
    known = hardware.of_lock(inputs, lock)
    warnings = (*inputs.requirements.warnings, *known.warnings, *_doubts(inputs, lock))
    warnings = (*warnings, *warned.get(inputs.accelerator, ()))
    is_kept = inputs.accelerator not in warned
    why = tuple(reasons.of_lock(inputs, lock, project.bundlefile, is_kept=is_kept))
    return Locked(lock, lock_path(project), known, file != old, warnings, file, why)


def _doubts(inputs: LockInputs, lock: Lock) -> list[str]:
    doubts = author_pin.changes(inputs.requirements.given, lock.packages, lock.accelerator)
    for name, (saved, alias) in inputs.requirements.recorded.items():
        locked = lock.version(name)
        if locked is not None and locked.partition("+")[0] != saved:
            lines = " and ".join(str(item) for item in inputs.requirements.asked_for(name))
            doubts.append(
                f"Model `{alias}` was saved with {name} {saved}; the lock has {locked}, because "
                f"of {lines}."
            )
    doubts += [
        f"{package.name} {package.version} comes from a folder of this machine; elsewhere it is "
        f"installed with {TORCH_INDEX}{package.version.partition('+')[2]} or `python.find_links`."
        for package in lock.packages
        if package.name == "torch"
        and "+" in package.version
        and not (package.index or package.folder)
    ]
    if lock.base.digest == UNPINNED:
        doubts.append(
            f"The base image `{lock.base.reference}` is not pinned: no registry gave its digest. "
            "What its tag means may change under the bundle."
        )
    return doubts
