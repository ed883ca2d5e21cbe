"""`bundle lock`: resolve what a project asks for, or keep the lock that still fits."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import StoreError
from ..progress import NullProgress, Progress
from ..requirements import base_image, collisions
from ..requirements.accelerator import Accelerator, derive
from ..requirements.backends import resolve_for
from ..requirements.lock import UNPINNED, BaseImage, Lock
from ..requirements.resolution import MACHINES, TORCH_INDEX, merge
from . import routes
from .asked import Asked
from .chosen_model import ChosenModel, choose

if TYPE_CHECKING:
    from ..project.project import Project
    from ..store import Store


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock, what it says of the hardware, and whether it is another than before."""

    lock: Lock
    path: Path
    hardware: Accelerator
    is_new: bool
    warnings: tuple[str, ...]

    def narrowed(self, platform: str, asked: "Asked") -> Self:
        """The same for one platform of those that were asked for."""
        lock = self.lock.narrowed(platform)
        return replace(self, lock=lock, hardware=_hardware(asked, lock))

    def write(self) -> None:
        """Put the lock beside the bundlefile, whole or not at all."""
        if not self.is_new:
            return
        try:
            with tempfile.NamedTemporaryFile(
                dir=self.path.parent, prefix=".bundle-lock-", delete=False
            ) as file:
                file.write(self.lock.encode())
            Path(file.name).chmod(0o644)
            os.replace(file.name, self.path)  # noqa: PTH105
        except OSError as error:
            raise StoreError(f"`{self.path}` cannot be written: {error}.") from error


def lock(
    project: "Project",
    *,
    store: "Store | None" = None,
    offline: bool = False,
    upgrade: bool = False,
    progress: Progress | None = None,
) -> Locked:
    """Resolve `project` and write `bundle.lock`, unless the one that is there still fits.

    Pinned models become what their tags mean now; `upgrade` takes the newest packages, too.

    Raises:
        ResolveError: when the requirements cannot be satisfied, reached or installed together.
    """
    from ..store import Store

    store, progress = store or Store.default(), progress or NullProgress()
    old = None if upgrade else Lock.read(lock_path(project))
    kept = old
    if old is not None and old.base.digest == UNPINNED and not offline:
        kept = _pinned(old, progress)
    models = choose(project.bundlefile, store, None)
    served = routes.plan(project, {alias: model.manifest for alias, model in models.items()})
    asked = Asked.of(project, models, served.routes)
    locked = settle(project, asked, models, kept, offline=offline, progress=progress)
    locked = replace(locked, is_new=locked.lock != old)
    locked.write()
    return locked


def lock_path(project: "Project") -> Path:
    """Where the lock of `project` is kept."""
    return project.root / project.bundlefile.python.lock


def settle(
    project: "Project",
    asked: Asked,
    models: Mapping[str, ChosenModel],
    old: Lock | None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> Locked:
    """The lock for `asked`: the `old` one if its inputs are the same, else a new one.

    Writes nothing.
    """
    chosen = {alias: model.locked for alias, model in models.items()}
    if old is not None and old.input == asked.digest:
        new = replace(old, models=chosen)
    else:
        new = _resolve(asked, old, offline, progress or NullProgress())
        new = replace(new, models=chosen)
    hardware = _hardware(asked, new)
    warnings = (*asked.requirements.warnings, *hardware.warnings, *_doubts(asked, new))
    return Locked(new, lock_path(project), hardware, new != old, warnings)


def _resolve(asked: Asked, old: Lock | None, offline: bool, progress: Progress) -> Lock:
    """Resolve for each platform; versions of an old lock are kept where they still fit."""
    kept = {package.name: package.version for package in old.packages} if old else {}
    requirements = replace(
        asked.requirements, preferences={**kept, **asked.requirements.preferences}
    )
    resolved = {}
    for platform in asked.platforms:
        progress.step(f"Resolving requirements for {platform}, Python {asked.target.python}")
        target = replace(asked.target, platform=platform, offline=offline)
        resolved[platform] = resolve_for(asked.accelerator, requirements, target)
        collisions.check_lock(resolved[platform])
    lock = Lock(
        input=asked.digest,
        python=asked.target.python,
        platforms=asked.platforms,
        accelerator=asked.accelerator,
        exclude_newer=asked.target.exclude_newer,
        indexes=asked.target.indexes,
        base=BaseImage(""),
        models={},
        packages=merge(resolved),
    )
    lock = replace(lock, base=BaseImage(asked.base or _derived(asked, lock).base))
    return lock if offline else _pinned(lock, progress)


def _pinned(lock: Lock, progress: Progress) -> Lock:
    """The lock with the digest that its base image has right now, where a registry says it."""
    reference = lock.base.reference
    progress.step(f"Looking up the digest of {reference}")
    found = base_image.find_digest(reference)
    return replace(lock, base=BaseImage(reference.partition("@")[0], found or UNPINNED))


def _hardware(asked: Asked, lock: Lock) -> Accelerator:
    """What the lock says of the hardware, with the base image as it is pinned."""
    return replace(_derived(asked, lock), base=lock.base.pinned)


def _derived(asked: Asked, lock: Lock) -> Accelerator:
    platform = lock.platforms[0]
    found = derive(lock.on(platform), lock.python, asked.flavor, MACHINES[platform])
    if asked.base is None:
        return found
    why = (*found.why, f"The bundlefile names the base image `{asked.base}`.")
    return replace(found, base=asked.base, flavor="own", why=why)


def _doubts(asked: Asked, lock: Lock) -> list[str]:
    doubts = []
    for name, (saved, alias) in asked.requirements.recorded.items():
        locked = lock.version(name)
        if locked is not None and locked.partition("+")[0] != saved:
            lines = " and ".join(str(item) for item in asked.requirements.asked_for(name))
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
            f"The base image `{lock.base.reference}` is not pinned: no registry answered. What "
            "its tag means may change under the bundle."
        )
    return doubts
