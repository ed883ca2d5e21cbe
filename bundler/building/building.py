"""`bundle build`: makes a bundle from a project and its saved models."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.file_entry import FileEntry
from ..errors import BuildError, InvalidChoice
from ..progress import SILENT, Progress
from ..requirements import libraries
from ..requirements.lock.lock_file import LockFile
from ..signing.policy import Policy
from ..store.trust import BUILT_HERE
from . import plan, routes, tunings
from .chosen_model import ChosenModel, choose
from .locking import locking
from .locking.lock_inputs import LockInputs
from .plan import Ingredients, Part, Plan

if TYPE_CHECKING:
    from ..project.project import Project
    from ..requirements.wheels.wheelhouse import Wheelhouse
    from ..store import Item, Store
    from ..store.blobs.batch import Batch


@dataclass(frozen=True, slots=True)
class Built:
    """The result of a build; after a dry run only the plan."""

    plan: Plan
    item: "Item | None" = None
    directory: Path | None = None

    @property
    def manifest(self) -> BundleManifest:
        """The bundle's manifest."""
        return self.plan.manifest

    @property
    def digest(self) -> str:
        """The bundle's identity."""
        return self.plan.digest

    @property
    def why(self) -> tuple[str, ...]:
        """The reason of every decision, a sentence each."""
        return self.plan.why

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the user, one sentence each."""
        return self.plan.warnings


def build(  # noqa: PLR0913 - the public verb: one keyword for each decision of the caller
    project: "Project | Path | str" = ".",
    *,
    store: "Store | None" = None,
    offline: bool = False,
    platform: str | None = None,
    accelerator: str | None = None,
    dry_run: bool = False,
    policy: Path | None = None,
    vendor: Path | None = None,
    progress: Progress = SILENT,
) -> Built:
    """Build the bundle of `project`: a directory with a bundlefile, or the file itself.

    Runs nothing of the project or the models. The same input gives the same digest on every
    machine. With `platform` or `accelerator` the bundle is for that alone, and the lock beside
    the bundlefile stays as it is. With `dry_run` nothing is written anywhere. `policy`, else
    the store's own, says whose signature the models must have. `vendor` is a folder that
    `bundle vendor` filled: packages come from there, and no network is touched.

    Raises:
        BundlefileError: with every problem of the bundlefile.
        NotFound: when a model is not in the store.
        ResolveError: when the requirements cannot be satisfied or installed together.
        BuildError: when the service cannot be read.
        Refused: when the version exists with other content, or the policy does not allow a model.
        InvalidChoice: when there is no such platform or accelerator.

    Example:
        >>> built = modelbundle.build("examples/sklearn_digits")
        >>> built.item.tag
        'digits:3f2a9c81d5e0'
    """
    from ..project.project import Project
    from ..store import Store

    project = project if isinstance(project, Project) else Project.open(Path(project))
    store = store or Store.default()
    _check(platform, accelerator)
    house = _wheelhouse(vendor)
    request = BuildRequest(project, store, offline, platform, accelerator, policy, house)
    planned = request.plan(progress)
    if dry_run:
        return Built(planned)
    planned.locked.write()
    item = write(planned, store, progress)
    return Built(planned, item, store.directory(item))


def _check(platform: str | None, accelerator: str | None) -> None:
    from ..project.bundlefile.text import ACCELERATOR
    from ..requirements.target import PLATFORMS

    if platform not in {*PLATFORMS, None}:
        known = " and ".join(f"`{each}`" for each in PLATFORMS)
        raise InvalidChoice(f"No bundle is for `{platform}`.", hint=f"There are {known}.")
    if accelerator is not None and not ACCELERATOR.fullmatch(accelerator):
        raise InvalidChoice(
            f"`{accelerator}` is not an accelerator.",
            hint="There are `auto`, `cpu`, `cuda` and versions of it such as `cuda==13.0`.",
        )


def _wheelhouse(directory: Path | None) -> "Wheelhouse | None":
    if directory is None:
        return None
    from ..requirements.wheels.wheelhouse import Wheelhouse

    return Wheelhouse.open(directory)


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """The arguments of `build`."""

    project: "Project"
    store: "Store"
    offline: bool
    platform: str | None
    accelerator: str | None
    policy: Path | None
    house: "Wheelhouse | None"

    def plan(self, progress: Progress) -> Plan:
        """Read, resolve and check everything; write nothing."""
        project = self.project
        progress.step(f"Reading {project.path.name}")
        old = LockFile.read(locking.lock_path(project))
        models = choose(project.bundlefile, self.store, old)
        if policy := Policy.of(self.store, self.policy):
            for model in models.values():
                policy.check(model.item, self.store)
        tunings.check(project, models)
        served = routes.plan(project, {name: m.manifest for name, m in models.items()})
        locked = self._locked(models, served, old, progress)
        sources = project.sources()
        packages = [package.name for package in locked.lock.packages]
        routes.check_included(served, [source.path for source in sources], packages)
        progress.step("Putting the bundle together")
        given = Ingredients(project.root, project.bundlefile, models, served, locked, sources)
        return plan.make(given)

    def _locked(
        self,
        models: Mapping[str, ChosenModel],
        served: routes.Served,
        old: LockFile | None,
        progress: Progress,
    ) -> locking.Locked:
        inputs = LockInputs.of(self.project, models, served.routes, self.accelerator)
        offline = self.offline or self.house is not None
        with self.house.in_use() if self.house else nullcontext():
            locked = locking.settle(
                self.project,
                inputs,
                models,
                self._vendored(inputs, old),
                offline=offline,
                progress=progress,
            )
        locked = replace(locked, is_new=locked.file != old)
        locked = locked if self.platform is None else locked.narrowed(self.platform, inputs)
        if self.house:
            self.house.check(locked.lock.packages)
        return locked

    def _vendored(self, inputs: LockInputs, old: LockFile | None) -> LockFile | None:
        """The lock beside the bundlefile if its inputs are unchanged, else the vendored one."""
        if self.house is None or (old is not None and old.has(inputs.accelerator, inputs.digest)):
            return old
        return self.house.lock or old


def write(planned: Plan, store: "Store", progress: Progress) -> "Item":
    """Write the planned files to the store, commit them, and trust the bundle if its models are."""
    manifest = planned.manifest
    progress.step("Writing to the store")
    with store.batch() as batch:
        for part in planned.parts:
            _ingest(part, batch)
    item = store.commit(
        "bundle",
        manifest.name,
        manifest.encode(),
        manifest.files,
        version=manifest.version,
        framework=manifest.framework,
        executes_code=manifest.executes_code,
    )
    _trust(manifest, item.digest, store)
    return item


def _ingest(part: Part, batch: "Batch") -> None:
    if isinstance(part.content, bytes):
        batch.ingest_bytes(part.content)
    elif isinstance(part.content, Path):
        blob = batch.ingest(part.content)
        _check_unchanged(part.entry, blob.digest)


def _check_unchanged(entry: FileEntry, found: str) -> None:
    if found != entry.digest:
        raise BuildError(
            f"`{entry.path.removeprefix('src/')}` changed while it was being built.",
            hint="Run `bundle build` again.",
        )


def _trust(manifest: BundleManifest, digest: str, store: "Store") -> None:
    """Trust a bundle of trusted models: its code was on this machine already.

    So is a bundle whose models run no code: the rest are our runtime and the packages of the lock.
    It is not trusted if an untrusted model has added a package.
    """
    executing = [model.digest for model in manifest.models if model.executes_code]
    is_foreign = libraries.unvouched(manifest, store)
    if not is_foreign and all(store.trust.is_trusted(model) for model in executing):
        store.trust.grant(digest, BUILT_HERE)
