"""Engineless: makes the image of a bundle without a container engine.

An image is its base and files on top of it. Where no command has to run in the image, nothing is
needed but the bytes: the base's layers stay where they are until somebody wants them, the
packages are unpacked here, and weights go from the store straight to where the image is to be.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ...runtime.manifests.bundle_manifest import BundleManifest
from ..errors import BuildError, EngineUnavailable, ImageFailed, InvalidDestination
from ..layers.compressed_layer import compress
from ..layers.layer_memo import LayerMemo
from ..layers.layer_plan import LayerPlan, Target
from ..layers.packages.bytecode import Bytecode, Compiler
from ..progress import Progress
from ..registry.known_blobs import KnownBlobs
from ..registry.pushing import NOTES
from ..registry.reference import DirectoryReference, RegistryReference, parse
from ..registry.remotes.directory import Directory
from ..registry.remotes.registry import Registry
from ..registry.transfer_pool import TransferPool
from ..requirements.target import PLATFORMS
from ..store.files import disk
from . import base as bases
from .assembly import Assembly, Part
from .base import Base
from .engines import image_loader, load_tar
from .engines.build_context import own_entry
from .engines.image_loader import ImageLoader
from .image_options import ImageOptions
from .made_image import MadeImage
from .recipe import image_config, needs
from .recipe.image_config import Identity
from .recipe.image_settings import ImageSettings

if TYPE_CHECKING:
    from ..store import Item, Store

ENGINE_HINT = "Build it where Docker or Podman runs, with `--engine docker`."


def plan(
    item: "Item", store: "Store", platform: str | None = None, bytecode: Bytecode = "auto"
) -> LayerPlan:
    """Which layers the image of a bundle will have; no package is unpacked for it."""
    directory = store.directory(item)
    manifest = BundleManifest.read(directory)
    settings = ImageSettings.of(manifest)
    chosen = chosen_platform(manifest, platform)
    target = Target(
        platform=chosen,
        home=settings.home.strip("/"),
        site=settings.site.strip("/"),
        compiler=Compiler.find(manifest.python, store) if bytecode == "auto" else None,
        python=settings.standalone(chosen),
    )
    return LayerPlan.of(store, directory, [*store.files(item), own_entry(item, directory)], target)


class Engineless:
    """One image that is being made, for a `loader` if an engine is to have it."""

    def __init__(
        self,
        item: "Item",
        store: "Store",
        options: ImageOptions,
        progress: Progress,
        loader: ImageLoader | None = None,
    ) -> None:
        self._item = item
        self._store = store
        self._options = options
        self._progress = progress
        self._loader = loader
        self._directory = store.directory(item)
        self._manifest = BundleManifest.read(self._directory)
        self._settings = ImageSettings.of(self._manifest)
        self._platform = chosen_platform(self._manifest, options.platform)

    def run(self) -> MadeImage:
        """Make it, and bring it to where it is wanted.

        Raises:
            EngineUnavailable: when a command has to run in it.
            ResolveError: when a package cannot be fetched.
            RegistryError: when a registry cannot be reached, or says no.
            ImageFailed: when the loader does not take it.
            Damaged: when a file differs from what is said of it.
        """
        check(self._manifest, {}, ())
        drafted = plan(self._item, self._store, self._platform, self._options.bytecode)
        with (
            self._store.hold(self._item),
            self._store.holding(drafted.needs),
            self._base() as base,
            self._store.staging() as work,
        ):
            image_config.check_base(base.config, self._settings, self._platform)
            image_config.check_libc(base.config, base.reference)
            self._say_base(base)
            if self._loader is not None:
                image_loader.check_python(self._loader, base, self._settings)
            assembly = self._assembled(drafted, base, work)
            made = self._delivered(assembly, base, work)
        LayerMemo(self._store.root / "layers").made(self._item.name, assembly.diff_ids)
        return made

    @contextmanager
    def _base(self) -> Iterator[Base]:
        reference = self._options.base or self._settings.base
        if found := self._engines(reference):
            yield found
            return
        with bases.opened(reference, self._platform, plain_http=self._options.plain_http) as base:
            yield base

    def _engines(self, reference: str) -> Base | None:
        """The base image in the engine; None if another one is wanted that it cannot have."""
        loader, chosen = self._loader, self._options.base
        if loader is None or (chosen and (bases.is_directory(chosen) or not loader.takes_parts)):
            return None
        try:
            return image_loader.base_of(loader, reference, self._platform, self._progress)
        except ImageFailed:
            if chosen is None:
                raise
        return None  # the engine may not reach a registry that this tool reaches

    def _say_base(self, base: Base) -> None:
        locked = self._settings.base.partition("@")[2]
        if locked and base.digest != locked:
            self._progress.step(
                f"The base image {base.reference} is {base.digest or 'the one of the engine'}, "
                f"not the locked {locked}"
            )
        if self._loader is None and image_config.python_of(base.config, self._settings) == "":
            self._progress.warning(
                f"`{base.reference}` does not say which Python it has, and no image is started "
                "here. Start it once before you rely on it."
            )

    def _assembled(self, drafted: LayerPlan, base: Base, work: Path) -> Assembly:
        requirements = self._directory / "env" / "requirements.lock"
        planned = drafted.complete(
            self._store, requirements, self._progress, offline=self._options.offline
        )
        layers = planned.make(self._progress)
        self._progress.step(f"Putting {len(layers)} layers on {base.reference}")
        total = sum(layer.tar.size for layer in layers if layer.planned.kind != "model")
        kind = self._options.compression
        with self._progress.meter("Compressing", total if kind != "none" else 0) as meter:
            compressed = compress(layers, kind, work, meter)
        identity = Identity(self._item.digest, self._item.version)
        return Assembly.of(base, self._settings, layers, compressed, identity)

    def _delivered(self, assembly: Assembly, base: Base, work: Path) -> MadeImage:
        """Bring it everywhere."""
        if self._loader is not None:
            return image_loader.load_image(
                self._loader, assembly, work, self._options.tags, self._progress
            )
        moved, output = 0, self._options.output
        if output is not None and output.startswith("oci:"):
            moved += self._lay_out(assembly, output)
        elif output is not None:
            moved += load_tar.write(assembly, self._options.tags, output, self._progress)
        if self._options.push:
            moved += sum(self._push(assembly, base, tag) for tag in self._options.tags)
        return MadeImage(
            id=assembly.config.blob.digest,
            tags=self._options.tags,
            size=assembly.size,
            layers=assembly.diff_ids,
            digest=assembly.digest,
            output=output,
            moved=moved,
        )

    @disk.store_errors("write the image")
    def _lay_out(self, assembly: Assembly, output: str) -> int:
        known = parse(output)
        if not isinstance(known, DirectoryReference) or known.tag or known.digest:
            raise InvalidDestination(f"`{output}` is not a directory.", hint="Write `oci:DIR`.")
        directory = Directory(known)
        directory.prepare()
        delivery = _Delivery(directory, self._progress, {})
        return delivery.run(assembly, output, list(self._options.tags))

    def _push(self, assembly: Assembly, base: Base, tag: str) -> int:
        target = parse(tag)
        if not isinstance(target, RegistryReference):
            raise InvalidDestination(f"`{tag}` names no registry.")
        registry = Registry(target, "pull,push", plain_http=self._options.plain_http)
        notes = KnownBlobs(self._store.root / NOTES)
        registry.mounts = notes.of(target.host)
        source = base.repository
        mounts = {
            layer.blob.digest: source.repository
            for layer in base.layers
            if source is not None and source.host == target.host
        }
        try:
            delivery = _Delivery(registry, self._progress, mounts)
            sent = delivery.run(assembly, tag, [target.tag or "latest"])
        finally:
            registry.close()
        notes.note(target, [part.blob.digest for part in assembly.parts])
        return sent


class _Delivery:
    """Writes an image to its destination: only missing blobs, and the manifest last."""

    def __init__(
        self, place: Registry | Directory, progress: Progress, mounts: Mapping[str, str]
    ) -> None:
        self._place = place
        self._progress = progress
        self._mounts = mounts
        self._missing: list[Part] = []
        self._moved = 0
        self._lock = Lock()

    def run(self, assembly: Assembly, where: str, tags: Sequence[str]) -> int:
        """Deliver the image; the bytes that moved."""
        TransferPool(self._ask, self._place.cut).run(assembly.parts)
        self._missing.sort(key=lambda part: -part.blob.size)
        total = sum(part.blob.size for part in self._missing)
        with self._progress.meter(f"Sending {where}", total) as meter:

            def send(part: Part) -> None:
                source = self._mounts.get(part.blob.digest)
                way = self._place.upload(part.blob, part.content, meter.advance, source)
                with self._lock:
                    self._moved += part.blob.size if way == "sent" else 0

            TransferPool(send, self._place.cut).run(self._missing)
        self._place.publish(assembly.manifest, tags)
        return self._moved

    def _ask(self, part: Part) -> None:
        if not self._place.has(part.blob):
            self._missing.append(part)


def check(manifest: BundleManifest, build_args: Mapping[str, str], wheels: Sequence[Path]) -> None:
    """Refuse what only an engine can do; raises EngineUnavailable with every reason."""
    if reasons := needs.engine_reasons(manifest, build_args, wheels):
        raise EngineUnavailable(
            f"The image needs a container engine, because {'; '.join(reasons)}.", hint=ENGINE_HINT
        )


def chosen_platform(manifest: BundleManifest, platform: str | None) -> str:
    """The platform of the image: the one asked for, this machine's, else the bundle's first."""
    known = tuple(manifest.image.get("platforms") or ("linux/amd64",))
    if platform is not None and platform not in known:
        raise BuildError(
            f"The bundle is locked for {', '.join(known)}, not for {platform}.",
            hint=f"Add `{platform}` under `platforms` in the bundlefile, then run `bundle build`."
            if platform in PLATFORMS
            else f"No bundle can be for anything but {' and '.join(PLATFORMS)}.",
        )
    here = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}.get(os.uname().machine, "")
    return platform or (here if here in known else known[0])
