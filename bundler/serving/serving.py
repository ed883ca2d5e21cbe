"""`bundle serve`: from a target to the process that serves it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime import bundle_modules
from ...runtime.errors import BundleError, NotTrusted
from ...runtime.manifests.bundle_manifest import BundleManifest, bundle_digest
from ...runtime.trust import what_runs
from ..checking import check_tools
from ..errors import InvalidTag, NotFound
from ..progress import SILENT, Progress
from ..requirements import environment
from ..requirements.environment import Environment, Mode
from ..requirements.libraries import unvouched
from ..signing.policy import Policy
from . import installed_runtime

# What builds is imported by those who build: it takes as long as all else up to the launch.
if TYPE_CHECKING:
    from ..project.project import Project
    from ..store import Item, Store

TRUST_VARIABLE = "BUNDLE_TRUST"
RUNTIME = "modelbundle.runtime"
_BUNDLEFILE = {".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class Launch:
    """A bundle directory, the environment that will run it, and whether its code is vouched for.

    `item` is what a tag has named, `project` the project being worked on; a bundle's own directory
    has neither. With `runs_installed` the runtime that is installed here runs in place of the same
    one in the bundle.
    """

    directory: Path
    environment: Environment
    is_trusted: bool
    project: "Project | None" = None
    item: "Item | None" = None
    runs_installed: bool = False

    @property
    def tag(self) -> str | None:
        """Of the bundle or model; None where nothing was stored under one."""
        return self.item.tag if self.item else None

    @property
    def digest(self) -> str | None:
        """64 hex digits of the bundle or model; None for a project, which changes."""
        if self.project:
            return None
        digest = self.item.digest if self.item else bundle_digest(self.directory)
        return digest.removeprefix("sha256:")

    @property
    def is_here(self) -> bool:
        """Whether this very interpreter, with what it has imported, is the one that will run it."""
        brings = (self.directory / "modelbundle").is_dir() and not self.runs_installed
        return self.item is not None and self.environment.is_current and not brings

    def command(self, options: Sequence[str] = ()) -> list[str]:
        """The process: the runtime, told which bundle. `-P` keeps the working directory out.

        In a directory that is somebody else's, only what its `bundle.json` lists is imported.
        """
        python, directory = str(self.environment.python), str(self.directory)
        if self._is_foreign:
            begin = [str(Path(bundle_modules.__file__)), RUNTIME, directory]
        else:
            begin = ["-m", RUNTIME]
        return [python, "-P", *begin, directory, *options]

    @property
    def _is_foreign(self) -> bool:
        """Whether a runtime runs that lies in somebody's directory, not in the store."""
        carries_one = (self.directory / "modelbundle").is_dir()
        return self.item is None and not self.runs_installed and carries_one

    def variables(self) -> Mapping[str, str]:
        """Its environment: the bundle's own packages first.

        Python may keep bytecode in the store, and not in a directory that is somebody else's.
        """
        settings = dict(os.environ)
        if self.item is None:
            settings["PYTHONDONTWRITEBYTECODE"] = "1"
        carries_one = (self.directory / "modelbundle").is_dir()
        if not self.runs_installed and not self._is_foreign and carries_one:
            settings["PYTHONPATH"] = str(self.directory)
        if self.is_trusted:
            known = [text for text in [os.environ.get(TRUST_VARIABLE)] if text]
            settings[TRUST_VARIABLE] = ",".join([*known, bundle_digest(self.directory)])
        return settings


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """How a target shall be run: where, and whether its code is vouched for from now on.

    `policy` says whose signature it must have; None: the store's own policy does, if there is one.
    `on_gpu`: a build for CPUs of what is locked will not do.
    """

    mode: Mode = "auto"
    trust: bool = False
    offline: bool = False
    policy: Path | None = None
    on_gpu: bool = False


@contextmanager
def prepare(
    target: str,
    store: "Store",
    options: LaunchOptions | None = None,
    progress: Progress = SILENT,
) -> Iterator[Launch]:
    """Find or lay out the bundle directory of `target`, and choose the environment that runs it.

    `target` is a bundle tag, a model tag, a project directory, a bundlefile, the directory of an
    unpacked bundle, or `module:Class` of a service class below the working directory. A name that
    the store knows wins over a directory or a module of that name.

    Raises:
        BundleError: when it is none of these.
        NotTrusted: when it runs code that is not trusted on this machine.
        Refused: when the policy does not allow it.
    """
    options = options or LaunchOptions()
    path = Path(target)
    if service := service_project(target, store):
        with _of_project(service, store, options, progress) as launch:
            yield launch
        return
    if _looks_like_path(target) or (path.is_dir() and not _is_known(target, store)):
        if (path / "bundle.json").is_file():
            yield _of_directory(path.resolve(), store, options, progress)
            return
        if not path.exists():
            raise _no_such_path(target)
        from ..project.project import Project

        with _of_project(Project.open(path), store, options, progress) as launch:
            yield launch
        return
    item = store.find(target)
    if policy := Policy.of(store, options.policy):
        policy.check(item, store)
    if item.kind == "bundle":
        yield _of_item(item, store, options, progress)
        return
    with _of_model(item, store, options, progress) as launch:
        yield launch


def service_project(target: str, store: "Store") -> "Project | None":
    """The project around the class that `target` names; None where it names something else.

    Raises:
        BuildError: when the module is here, but no such service in it.
    """
    if ":" not in target or _is_known(target, store):
        return None
    from ..building.service import named_service

    root = Path.cwd()
    named = named_service.Named.read(target, root)
    return named_service.project_of(named, root) if named else None


def _no_such_path(target: str) -> BundleError:
    return BundleError(
        f"There is no `{target}`.",
        hint="Name a tag (`bundle list`, `bundle models list`), a project or a bundle's directory.",
    )


def _looks_like_path(target: str) -> bool:
    path = Path(target)
    return target in {".", ".."} or os.sep in target or path.suffix in _BUNDLEFILE


def _is_known(target: str, store: "Store") -> bool:
    try:
        store.find(target)
    except (NotFound, InvalidTag):
        return False
    return True


def _of_item(item: "Item", store: "Store", options: LaunchOptions, progress: Progress) -> Launch:
    """A bundle of the store: its runtime and its lock were made here, unless it was imported."""
    directory = store.directory(item)
    manifest = BundleManifest.read(directory)
    is_ours = installed_runtime.is_carried(manifest.files)
    check_tools(directory, but_for=installed_runtime.PLACE if is_ours else None)
    brought = unvouched(manifest, store)
    if options.trust and (item.executes_code or item.imported or brought):
        store.trust.grant(item.digest, "--trust")
    if (item.imported or brought) and not store.trust.is_trusted(item.digest):
        raise _stranger(f"The bundle `{item.tag}`", directory, None if item.imported else brought)
    launch = replace(_launch(directory, store, options, progress), item=item)
    if is_ours and not launch.environment.is_current:
        check_tools(directory)  # its own copy runs, after all
    return replace(launch, runs_installed=is_ours and launch.environment.is_current)


def _of_directory(
    directory: Path, store: "Store", options: LaunchOptions, progress: Progress
) -> Launch:
    """A bundle from anywhere: even the runtime in it, and the packages it asks for, are code."""
    name = BundleManifest.read(directory).name
    if policy := Policy.of(store, options.policy):
        hint = "Serve it by its tag: signatures are kept beside what is in the store."
        policy.check_unsigned(name, f"The bundle in `{directory}`", hint)
    check_tools(directory)
    digest = bundle_digest(directory)
    if options.trust:
        store.trust.grant(digest, "--trust")
    if not store.trust.is_trusted(digest):
        raise _stranger(f"The bundle in `{directory}`", directory)
    return _launch(directory, store, options, progress)


def _stranger(which: str, directory: Path, packages: Sequence[str] | None = None) -> NotTrusted:
    """Of a bundle that was built here, only the `packages` of its models are somebody else's."""
    first = "its own copy of the runtime"
    if packages is not None:
        first = f"packages that a model from elsewhere asks for ({', '.join(packages)})"
    code = [first, *what_runs(directory, BundleManifest.read(directory))]
    return NotTrusted(
        f"{which} brings code that is not trusted on this machine: {'; '.join(code)}.",
        hint="If you know where it comes from, add `--trust` once.",
    )


def _launch(directory: Path, store: "Store", options: LaunchOptions, progress: Progress) -> Launch:
    chosen = environment.choose(
        directory,
        options.mode,
        envs=store.root / "envs",
        offline=options.offline,
        on_gpu=options.on_gpu,
        progress=progress,
    )
    return Launch(directory, chosen, store.trust.is_trusted(bundle_digest(directory)))


@contextmanager
def _of_model(
    item: "Item", store: "Store", options: LaunchOptions, progress: Progress
) -> Iterator[Launch]:
    if options.trust and (item.executes_code or item.imported):
        store.trust.grant(item.digest, "--trust")
    from ..building import model_bundle

    with model_bundle.of_model(item, store) as directory:
        yield Launch(directory, _current(directory, store, progress), is_trusted=True, item=item)


@contextmanager
def _of_project(
    project: "Project", store: "Store", options: LaunchOptions, progress: Progress
) -> Iterator[Launch]:
    from ..building import model_bundle

    policy = Policy.of(store, options.policy)
    if policy is not None:
        hint = "Build it, have it signed and serve that: `bundle build`, then `bundle sign`."
        policy.check_unsigned(project.bundlefile.name, f"The project in `{project.root}`", hint)

    def admit(model: "Item") -> None:
        if policy is not None:
            policy.check(model, store)
        if options.trust:
            store.trust.grant(model.digest, "--trust")

    with model_bundle.of_project(project, store, admit) as directory:
        current = _current(directory, store, progress)
        yield Launch(directory, current, is_trusted=True, project=project)


def _current(directory: Path, store: "Store", progress: Progress) -> Environment:
    return environment.choose(directory, "current", envs=store.root / "envs", progress=progress)
