"""`bundle lock`: resolve what a project asks for, or keep the lock that still fits."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..runtime import canonical, digest
from ..runtime.manifest import Route
from . import base_image, collisions, requirement_files, routes
from .accelerator import Accelerator, derive
from .backends import resolve_for
from .chosen_model import ChosenModel, choose
from .errors import ResolveError, StoreError
from .lock import SCHEMA, UNPINNED, BaseImage, Lock
from .progress import NullProgress, Progress
from .requirements import Requirements
from .resolution import MACHINES, Target, merge

if TYPE_CHECKING:
    from .project import Project
    from .store import Store

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock, what it says of the hardware, and whether it is another than before."""

    lock: Lock
    path: Path
    hardware: Accelerator
    is_new: bool
    warnings: tuple[str, ...]

    def narrowed(self, platform: str) -> Self:
        """The same for one platform."""
        return replace(self, lock=self.lock.narrowed(platform))

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


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that a lock depends on; its digest says whether an old lock still fits."""

    requirements: Requirements
    target: Target
    platforms: tuple[str, ...]
    accelerator: str
    flavor: str
    base: str | None

    @classmethod
    def of(
        cls,
        project: "Project",
        models: Mapping[str, ChosenModel],
        answers: Sequence[Route] = (),
        accelerator: str | None = None,
    ) -> Self:
        """What `project` asks for with these models.

        Raises:
            ResolveError: when no Python version is known, or requirements cannot be read.
        """
        settings, bundlefile = project.bundlefile.python, project.bundlefile
        wanted, limits = requirement_files.read(settings.requirements, project.root)
        manifests = {alias: model.manifest for alias, model in models.items()}
        return cls(
            requirements=Requirements.gather(wanted, limits, manifests, answers),
            target=Target(
                python=python_version(settings.version, models),
                platform=bundlefile.platforms[0],
                indexes=tuple(settings.indexes),
                find_links=tuple(settings.find_links),
                exclude_newer=settings.exclude_newer,
                build_from_source=tuple(sorted(settings.build_from_source)),
                directory=project.root,
            ),
            platforms=tuple(bundlefile.platforms),
            accelerator=accelerator or bundlefile.accelerator,
            flavor=bundlefile.cuda.flavor,
            base=bundlefile.image.base,
        )

    @property
    def digest(self) -> str:
        """Digest of all of it."""
        target, asked = self.target, self.requirements
        data: dict[str, Any] = {
            "schema": SCHEMA,
            "wanted": sorted({item.text for item in asked.wanted}),
            "limits": sorted({item.text for item in asked.limits}),
            "preferences": dict(asked.preferences),
            "python": target.python,
            "platforms": list(self.platforms),
            "accelerator": self.accelerator,
            "flavor": self.flavor,
            "base": self.base,
            "indexes": list(target.indexes),
            "find_links": list(target.find_links),
            "exclude_newer": target.exclude_newer,
            "build_from_source": list(target.build_from_source),
        }
        return digest.of_bytes(canonical.dumps(data))


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
    from .store import Store

    store = store or Store.default()
    old = None if upgrade else Lock.read(lock_path(project))
    models = choose(project.bundlefile, store, None)
    served = routes.plan(project, {alias: model.manifest for alias, model in models.items()})
    asked = Asked.of(project, models, served.routes)
    locked = settle(project, asked, models, old, offline=offline, progress=progress)
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
    hardware = replace(hardware, base=new.base.pinned)
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
    fresh = Lock(
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
    reference = asked.base or _hardware(asked, fresh).base
    progress.step(f"Looking up the digest of {reference}")
    found = None if offline else base_image.find_digest(reference)
    return replace(fresh, base=BaseImage(reference.partition("@")[0], found or UNPINNED))


def _hardware(asked: Asked, lock: Lock) -> Accelerator:
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
    if lock.base.digest == UNPINNED:
        doubts.append(
            f"The base image `{lock.base.reference}` is not pinned: no registry answered. What "
            "its tag means may change under the bundle."
        )
    return doubts


def python_version(wanted: str | None, models: Mapping[str, ChosenModel]) -> str:
    """The target's Python: what the bundlefile says, else the minor that saved the models.

    Raises:
        ResolveError: when neither says, the models disagree, or the runtime cannot run there.
    """
    saved = {
        alias: ".".join(model.manifest.python.split(".")[:2])
        for alias, model in models.items()
        if model.manifest.python
    }
    hint = 'Set it in the bundlefile, e.g. `python: {version: "3.12"}`.'
    if wanted is None and not saved:
        raise ResolveError("Nothing says which Python the bundle is for.", hint=hint)
    if wanted is None and len(set(saved.values())) > 1:
        told = ", ".join(f"`{alias}` with {minor}" for alias, minor in saved.items())
        raise ResolveError(f"The models were saved with different Pythons: {told}.", hint=hint)
    version = wanted or next(iter(saved.values()))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PYTHON:
        raise ResolveError(
            f"The runtime needs Python 3.11 or newer; this bundle would be for {version}.",
            hint="Save the models again with a newer Python, or " + hint[0].lower() + hint[1:],
        )
    return version
