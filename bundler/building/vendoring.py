"""`bundle vendor`: fetches everything that a build without a network needs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime.manifests.bundle_manifest import BundleManifest
from .. import atomic_file
from ..errors import BuildError, RegistryError, ResolveError, StoreError
from ..image import vendored_base
from ..image.recipe.image_settings import brings_python
from ..progress import SILENT, Progress
from ..requirements import requirements_lock
from ..requirements.index import Index
from ..requirements.lock.lock import BaseImage, Lock
from ..requirements.lock.package import Package
from ..requirements.target import MACHINES, Target
from ..requirements.wheels.location import Location, Needs
from ..requirements.wheels.wheelhouse import BASE, LOCK, REQUIREMENTS, Wheelhouse, by_digest
from . import vendored_python
from .locking import locking

if TYPE_CHECKING:
    from ..project.project import Project
    from ..store import Item, Store


@dataclass(frozen=True, slots=True)
class Vendored:
    """What was brought along.

    files     wheels in the folder that the locks name
    fetched   how many of them came now
    bases     digests of the base images; empty where no registry gave one
    pythons   archives of Python for base images that hold none
    warnings  what is missing, a sentence each
    """

    directory: Path
    files: int
    fetched: int
    bases: tuple[str, ...]
    pythons: tuple[str, ...]
    warnings: tuple[str, ...]


def vendor(  # noqa: PLR0913 - the public verb: one keyword for each decision of the caller
    source: "Project | Item",
    directory: Path,
    *,
    store: "Store | None" = None,
    offline: bool = False,
    with_base: bool = True,
    plain_http: bool = False,
    progress: Progress = SILENT,
) -> Vendored:
    """Bring the wheels, the lock and the base images of a project or a bundle into `directory`.

    For a base image without Python, Python as well.

    What is there already is not fetched again.

    Raises:
        ResolveError: when a file cannot be had, or is another than was locked.
        StoreError: when the folder cannot be written.
    """
    from ..project.project import Project
    from ..store import Store

    store = store or Store.default()
    house = Wheelhouse(directory)
    house.prepare()
    if isinstance(source, Project):
        locked = locking.lock(source, store=store, offline=offline, progress=progress)
        assert locked.file is not None, "a project's own lock has a file"
        _write(directory / LOCK, locked.file.encode())
        needs = list(_of_project(source, locked, house, offline=offline))
        bases = [_Base.of(lock) for lock in locked.file.variants.values()]
    else:
        root = store.directory(source)
        _write(directory / REQUIREMENTS, (root / requirements_lock.PATH).read_bytes())
        needs = list(_of_bundle(root, offline=offline))
        bases = [_base_of(root)]
    fetched = sum(_fill(house, need, progress) for need in needs)
    names = {name for need in needs for package in need.packages for name in package.files}
    needed = {(base.python, one) for base in bases if base.lacks_python for one in base.platforms}
    pythons, lacking = vendored_python.vendor(needed, house, progress, offline=offline)
    if not with_base or offline:
        return Vendored(directory, len(names), fetched, (), pythons, lacking)
    found, warnings = _bases(bases, directory / BASE, progress, plain_http=plain_http)
    return Vendored(directory, len(names), fetched, found, pythons, warnings + lacking)


@dataclass(frozen=True, slots=True)
class _Base:
    """A base image, for which platforms, and the Python that a bundle on it needs."""

    image: BaseImage
    platforms: tuple[str, ...]
    python: str

    @classmethod
    def of(cls, lock: Lock) -> "_Base":
        return cls(lock.base, lock.platforms, lock.python)

    @property
    def lacks_python(self) -> bool:
        return bool(self.image.reference) and not brings_python(self.image.reference)


def _write(path: Path, data: bytes) -> None:
    try:
        atomic_file.write(path, data)
    except OSError as error:
        raise StoreError(f"`{path}` cannot be written: {error.strerror}.") from error


def _fill(house: Wheelhouse, needs: Needs, progress: Progress) -> int:
    """Fetch what one environment needs; without any request if all of it is here."""
    absent = [package for package in needs.packages if house.missing([package])]
    if not absent:
        return 0
    progress.step(f"Looking for {len(absent)} packages for {needs.target.platform}")
    found = {place.digest: place for place in replace(needs, packages=tuple(absent)).locate()}
    return house.fill(by_digest(absent, found), needs.target.indexes, progress)


def _of_project(
    project: "Project", locked: locking.Locked, house: Wheelhouse, *, offline: bool
) -> Iterator[Needs]:
    """For each variant and platform; wheels of the project's own folders are copied."""
    settings = project.bundlefile.python
    assert locked.file is not None, "a project's own lock has a file"
    for lock in locked.file.variants.values():
        for platform in lock.platforms:
            target = Target(
                python=lock.python,
                platform=platform,
                indexes=lock.indexes,
                find_links=tuple(settings.find_links),
                directory=project.root,
                offline=offline,
            )
            packages = lock.on(platform)
            house.fill(_own(project.root, packages), (), SILENT)
            yield Needs.of(target, _split(packages, platform))


def _own(root: Path, packages: Sequence[Package]) -> Iterator[Location]:
    for package in packages:
        for name, digest in package.files.items() if package.folder else ():
            yield Location(digest, name, str(root / (package.folder or "") / name))


def _split(packages: Sequence[Package], platform: str) -> Iterator[Package]:
    """The packages with the files of one platform alone, as far as their names tell."""
    machine = MACHINES[platform]
    foreign = set(MACHINES.values()) - {machine}
    for package in packages:
        files = {
            name: digest
            for name, digest in package.files.items()
            if not any(other in name.rpartition("-")[2] for other in foreign)
        }
        yield replace(package, files=files or package.files)


def _of_bundle(root: Path, *, offline: bool) -> Iterator[Needs]:
    """Read off its lock, for each platform."""
    manifest = BundleManifest.read(root)
    platforms = _platforms(manifest)
    if unknown := set(platforms) - MACHINES.keys():
        raise ResolveError(f"No wheels are known for `{min(unknown)}`, which the bundle is for.")
    text = requirements_lock.read(root)
    urls = re.findall(r"(?m)^--extra-index-url (\S+)$", text)
    carried = root / "env" / "wheels"
    links = (str(carried),) if carried.is_dir() else ()
    for platform in platforms:
        indexes = tuple(Index(url) for url in urls)
        target = Target(manifest.python, platform, indexes, links, directory=root, offline=offline)
        yield Needs(target, tuple(requirements_lock.packages(text, MACHINES[platform])))


def _base_of(root: Path) -> _Base:
    manifest = BundleManifest.read(root)
    image = BaseImage(str(manifest.accelerator.get("base") or ""))
    return _Base(image, _platforms(manifest), manifest.python)


def _platforms(manifest: BundleManifest) -> tuple[str, ...]:
    return tuple(manifest.image.get("platforms") or ["linux/amd64"])


def _bases(
    bases: Sequence[_Base], layout: Path, progress: Progress, *, plain_http: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found, warnings = [], []
    wanted = dict.fromkeys((base.image, base.platforms) for base in bases if base.image.reference)
    for base, platforms in wanted:
        progress.step(f"Bringing the base image {base.reference}")
        try:
            found.append(
                vendored_base.vendor(
                    base.pinned, platforms, layout, progress, plain_http=plain_http
                )
            )
        except (RegistryError, BuildError) as error:
            warnings.append(
                f"The base image `{base.reference}` is not among them: {error} An image can then "
                "only be made where it is: by an engine that has it, or with `--base oci:DIR`."
            )
    return tuple(found), tuple(warnings)
