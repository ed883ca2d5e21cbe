"""Plan: everything that a build will put into a bundle, decided before anything is written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import canonical, digest
from ...runtime import plan as runtime_plan
from ...runtime.data import formats
from ...runtime.dialects.catalog import Catalog
from ...runtime.dialects.dialect import Dialect, dialects
from ...runtime.http import openapi
from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.file_entry import FileEntry
from ...runtime.manifests.model_manifest import ModelManifest
from ...runtime.manifests.settings import ServeSettings
from ...runtime.version import __version__
from ..errors import BuildError
from ..image.recipe import containerfile
from ..layers.packages import package_group
from ..project.source_file import SourceFile
from ..requirements import system_libraries
from ..requirements.lock.lock import Lock
from . import routes, tunings
from .chosen_model import ChosenModel
from .contents import sbom, server_source, vendored_runtime
from .locking.locking import Locked

if TYPE_CHECKING:
    from ..project.bundlefile import Bundlefile

Content = bytes | Path | None


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle and where its bytes are; None means the store has them."""

    entry: FileEntry
    content: Content

    @classmethod
    def of_bytes(cls, path: str, data: bytes) -> "Part":
        """A generated file."""
        return cls(FileEntry(path, digest.of_bytes(data), len(data)), data)


@dataclass(frozen=True, slots=True)
class Plan:
    """The manifest as it will be, every file of it, and what a person should know."""

    manifest: BundleManifest
    parts: tuple[Part, ...]
    containerfile: str
    locked: Locked
    warnings: tuple[str, ...]
    tuned: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Digest of the bundle that this plan makes."""
        return digest.of_bytes(self.manifest.encode())

    @property
    def why(self) -> tuple[str, ...]:
        """The decisions on packages, hardware, base image and computing, a sentence each."""
        return (*self.locked.why, *self.locked.hardware.why, *self.tuned)


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a plan is made of: read, resolved and checked, but not yet put together."""

    root: Path
    bundlefile: "Bundlefile"
    models: Mapping[str, ChosenModel]
    served: routes.Served
    locked: Locked
    sources: Sequence[SourceFile]

    @property
    def manifests(self) -> dict[str, ModelManifest]:
        """The manifests of the models, by alias."""
        return {alias: model.manifest for alias, model in self.models.items()}


def make(ingredients: Ingredients) -> Plan:
    """Put the bundle together on paper: the same ingredients give the same bytes."""
    manifests, lock = ingredients.manifests, ingredients.locked.lock
    parts = [*model_parts(ingredients.models.values()), *_sources(ingredients.sources)]
    parts += [Part.of_bytes(path, data) for path, data in vendored_runtime.files()]
    parts += [Part.of_bytes(path, text.encode()) for path, text in locks(lock).items()]
    parts += [*_wheels(ingredients), *recorded_samples(ingredients.models.values())]
    draft = replace(_draft(ingredients), files=tuple(part.entry for part in parts))
    image = containerfile.render(draft, lock)
    generated = {
        "server.py": _server(draft).encode(),
        "openapi.json": _openapi(draft, ingredients),
        "sbom.cdx.json": sbom.render(draft, manifests, lock),
        "Containerfile": image.encode(),
    }
    parts += [Part.of_bytes(path, data) for path, data in generated.items()]
    parts.sort(key=lambda part: part.entry.path)
    manifest = replace(draft, files=tuple(part.entry for part in parts))
    tuned = tuple(tunings.why(ingredients.models.values()))
    return Plan(manifest, tuple(parts), image, ingredients.locked, _warnings(ingredients), tuned)


def locks(lock: Lock) -> dict[str, str]:
    """The lock for pip and uv, whole, and in the groups that each become a layer of an image."""
    groups = package_group.grouped(package.name for package in lock.packages)
    found = {"env/requirements.lock": lock.requirements()}
    for group, names in groups.items() if len(groups) > 1 else ():
        part = replace(lock, packages=tuple(p for p in lock.packages if p.name in names))
        found[f"env/{group}.lock"] = part.requirements()
    return found


def _draft(given: Ingredients) -> BundleManifest:
    """The manifest without its files."""
    bundlefile, lock = given.bundlefile, given.locked.lock
    return BundleManifest(
        name=bundlefile.name,
        version=_version(bundlefile, lock.accelerator),
        description=bundlefile.description,
        labels=dict(bundlefile.labels),
        models=tuple(model.entry for model in given.models.values()),
        service=given.served.service,
        routes=given.served.routes,
        files=(),
        python=lock.python,
        lock=lock.digest,
        hermetic=not (lock.compiled or bundlefile.system.packages or bundlefile.system.run),
        accelerator=_accelerator(given),
        serve=bundlefile.serve_settings(),
        security=bundlefile.security.model_dump(mode="json"),
        image=_image(bundlefile, lock.platforms),
        packer=f"modelbundle {__version__}",
    )


def _version(bundlefile: "Bundlefile", accelerator: str) -> str | None:
    """Variants of one version are told apart: `1.4.0+cpu` where CUDA is the default."""
    if bundlefile.version is None or accelerator == bundlefile.accelerators[0]:
        return bundlefile.version
    return f"{bundlefile.version}+{accelerator.replace('==', '')}"


def _accelerator(given: Ingredients) -> dict[str, Any]:
    """What the lock says of the hardware, under what the author knows better."""
    known = given.bundlefile.cuda
    found = given.locked.hardware.to_json()
    found["min_driver"] = known.min_driver or found["min_driver"]
    if known.archs:
        found["archs"] = list(known.archs)
        found.pop("archs_on", None)
    return found


def _image(bundlefile: "Bundlefile", platforms: Sequence[str]) -> dict[str, Any]:
    image = bundlefile.image.model_dump(mode="json")
    system = bundlefile.system.model_dump(mode="json")
    return image | {"system": system, "platforms": list(platforms)}


def model_parts(models: Iterable[ChosenModel]) -> Iterator[Part]:
    """The files of saved models under `models/`; the store has their bytes."""
    for model in models:
        home = f"models/{model.alias}"
        yield Part(FileEntry(f"{home}/model.json", model.item.digest, len(model.config)), None)
        for entry in model.manifest.files:
            yield Part(replace(entry, path=f"{home}/{entry.path}"), None)


def recorded_samples(models: Iterable[ChosenModel]) -> Iterator[Part]:
    """The samples of saved models once more, where `bundle test` looks for them."""
    for model in models:
        files = {entry.path: entry for entry in model.manifest.files}
        for method, path in model.manifest.samples.items():
            yield Part(replace(files[path], path=f"samples/{model.alias}/{method}.json"), None)


def _wheels(given: Ingredients) -> Iterator[Part]:
    """Wheels from directories of the project, which the bundle must contain to be installable."""
    for package in given.locked.lock.packages:
        for name, locked in package.files.items() if package.folder else ():
            path = given.root / (package.folder or "") / name
            if not path.is_file() or digest.of_file(path) != f"sha256:{locked}":
                raise BuildError(
                    f"`{package.folder}/{name}` is not the wheel that was locked.",
                    hint="Put it back, or run `bundle lock --upgrade`.",
                )
            entry = FileEntry(f"env/wheels/{name}", f"sha256:{locked}", path.stat().st_size)
            yield Part(entry, path)


def _sources(sources: Sequence[SourceFile]) -> Iterator[Part]:
    for source in sources:
        path, size = source.absolute, source.absolute.stat().st_size
        entry = FileEntry(f"src/{source.path}", digest.of_file(path), size, source.executable)
        yield Part(entry, path)


def _server(manifest: BundleManifest) -> str:
    settings = ServeSettings.from_json(manifest.serve)
    return server_source.render(manifest.name, manifest.routes, settings)


def _openapi(manifest: BundleManifest, given: Ingredients) -> bytes:
    samples = {
        route.path: given.models[route.model].samples[route.method]
        for route in manifest.routes
        if route.model and route.method in given.models[route.model].samples
    }
    apis = _dialects(manifest, given)
    wanted = ServeSettings.from_json(manifest.serve).wanted_formats
    available = formats.locked(wanted, [package.name for package in given.locked.lock.packages])
    return canonical.pretty(openapi.document(manifest, given.manifests, samples, apis, available))


def _dialects(manifest: BundleManifest, given: Ingredients) -> list[Dialect]:
    """How its server will speak, beside its own routes."""
    settings = ServeSettings.from_json(manifest.serve)
    served = runtime_plan.Plan(given.root, manifest, given.manifests, settings, manifest.routes)
    catalog = Catalog.of(served, samples=lambda alias, name: given.models[alias].samples.get(name))
    return dialects(settings.dialects, catalog)


def _warnings(given: Ingredients) -> tuple[str, ...]:
    lock = given.locked.lock
    own = {source.path.partition("/")[0].removesuffix(".py") for source in given.sources}
    locked = [package.name for package in lock.packages]
    unprovided = routes.missing(given.served.imports, own, locked)
    compiled = [
        f"`{name}` is built from source where the bundle is installed: the bundle is not hermetic."
        for name in lock.compiled
    ]
    system = given.bundlefile.system.packages
    slow = tunings.doubts(given.models.values(), system)
    absent = system_libraries.doubts(locked, system, given.locked.hardware)
    return (*given.locked.warnings, *unprovided, *compiled, *slow, *absent)
