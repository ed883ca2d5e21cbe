"""ImageLoader: loads an image whose layers were made here into an engine, without building.

Only layers that the engine lacks are sent: it has those of the base image, and perhaps of another
image of the same bundle. The image is byte for byte the one that is made without an engine.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ...errors import ImageFailed
from ...progress import Progress
from ...store import Blob
from .. import base_config
from ..assembly import Assembly
from ..base import LAYER, Base, BaseLayer
from ..made_image import MadeImage
from ..recipe import image_config
from ..recipe.image_settings import ImageSettings

ASKED = "import site, sys; print(sys.version.split()[0], site.ENABLE_USER_SITE)"
"""Run in a base image whose environment does not tell the version of its Python."""


class LoadRefused(ImageFailed):
    """The engine does not load such layers; it may still be able to build."""


class ImageLoader(Protocol):
    """What an engine must be able to do for it.

    takes_parts  whether it takes an image without the layers that it has
    """

    name: str
    takes_parts: bool

    def about(self, reference: str) -> Mapping[str, Any] | None:
        """The OCI configuration of an image; None if the engine does not have the image."""

    def python(self, reference: str) -> str | None:
        """The output of `ASKED` in an image; None if its Python cannot run."""

    def fetch(self, reference: str, platform: str) -> None:
        """Pull an image; raises ImageFailed with the engine's own words."""

    def has(self, diff_ids: Sequence[str]) -> frozenset[str]:
        """Which of an image's layers, from the bottom up, need not be sent."""

    def take(
        self, assembly: Assembly, sent: "Sent", tags: Sequence[str], progress: Progress
    ) -> MadeImage:
        """Load and tag the image, without the layers that the engine has.

        Raises:
            ImageFailed: if the engine refuses it.
        """


@dataclass(frozen=True, slots=True)
class Sent:
    """How much of an image was sent.

    absent  digests of blobs that the engine has
    size    bytes of all others
    work    a directory for temporary files, which is created if it is needed
    """

    absent: frozenset[str]
    size: int
    work: Path

    @classmethod
    def of(cls, assembly: Assembly, there: Collection[str], work: Path) -> "Sent":
        """All but the layers in `there` (uncompressed digests)."""
        pairs = zip(assembly.layers, assembly.diff_ids, strict=True)
        absent = frozenset(part.blob.digest for part, known in pairs if known in there)
        left = [part for part in assembly.parts if part.blob.digest not in absent]
        return cls(absent, sum(part.blob.size for part in left), work)


@dataclass(frozen=True, slots=True)
class _EngineLayer:
    """A layer that only the engine can read."""

    engine: str
    reference: str

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """See `Content`; always fails."""
        del start, size
        raise ImageFailed(
            f"{self.engine} no longer has the layers of `{self.reference}`.",
            hint="Try again: it is pulled again.",
        )


def base_of(loader: ImageLoader, reference: str, platform: str, progress: Progress) -> Base:
    """The base image in the engine, pulled if necessary; its layers stay there.

    Raises:
        ImageFailed: when it cannot be pulled.
    """
    about = loader.about(reference)
    if about is None or f"{about.get('os')}/{about.get('architecture')}" != platform:
        progress.step(f"{loader.name} fetches {reference}")
        _fetch(loader, reference, platform)
        about = loader.about(reference)
    if about is None:
        raise ImageFailed(f"{loader.name} has pulled `{reference}` and has it not.")
    try:
        config = base_config.checked(about)
    except ValueError as error:
        raise ImageFailed(f"{loader.name} does not say what `{reference}` is: {error}.") from error
    content = _EngineLayer(loader.name, reference)
    layers = [BaseLayer(LAYER, Blob(one, 0), content) for one in config["rootfs"]["diff_ids"]]
    return Base(reference, reference.partition("@")[2], config, tuple(layers), None)


def _fetch(loader: ImageLoader, reference: str, platform: str) -> None:
    try:
        loader.fetch(reference, platform)
    except ImageFailed as error:
        hint = error.hint or "Name a base image that is here with `--base oci:DIR`."
        raise ImageFailed(str(error), hint=hint) from error


def check_python(loader: ImageLoader, base: Base, settings: ImageSettings) -> None:
    """Check the Python of a base image, by running it if the environment does not tell its version.

    Raises:
        BuildError: if the packages are locked for another version, or it ignores the user site.
        LoadRefused: if it cannot run.
    """
    is_there = any(isinstance(layer.content, _EngineLayer) for layer in base.layers)
    if not is_there or image_config.python_of(base.config, settings) != "":
        return
    hint = f"Name one with Python {settings.python}: `--base`, or `image.base` in the bundlefile."
    try:
        output = loader.python(base.reference) or ""
    except ImageFailed as error:
        raise LoadRefused(str(error), hint=hint) from error
    version, _, takes_site = output.strip().partition(" ")
    if not version:
        raise LoadRefused(f"`{base.reference}` has no `python3` that runs.", hint=hint)
    variables = (base.config.get("config") or {}).get("Env") or []
    config = {"Env": [*variables, f"PYTHON_VERSION={version}"]}
    if takes_site != "True":
        config["Env"].append("VIRTUAL_ENV=")
    known = {**base.config, "config": {**(base.config.get("config") or {}), **config}}
    image_config.check_python(known, settings)


def load_image(
    loader: ImageLoader, assembly: Assembly, work: Path, tags: Sequence[str], progress: Progress
) -> MadeImage:
    """Load the image into the engine: only missing layers, or all if it refuses that.

    Raises:
        LoadRefused: if the engine refuses it.
    """
    there = loader.has(assembly.diff_ids)
    can_be_whole = not any(isinstance(part.content, _EngineLayer) for part in assembly.layers)
    tries = [Sent.of(assembly, there, work / "part")]
    if there and can_be_whole:
        tries.append(Sent.of(assembly, (), work / "whole"))
    for number, sent in enumerate(tries, 1):
        try:
            return replace(loader.take(assembly, sent, tags, progress), moved=sent.size)
        except ImageFailed as error:
            if number == len(tries):
                raise LoadRefused(str(error), hint=error.hint) from error
    raise AssertionError("one of the tries has returned or raised")


def shared_layers(diff_ids: Sequence[str], chains: Collection[Sequence[str]]) -> frozenset[str]:
    """The leading layers that an image shares with another."""
    longest = 0
    for chain in chains:
        same = 0
        for mine, theirs in zip(diff_ids, chain, strict=False):
            if mine != theirs:
                break
            same += 1
        longest = max(longest, same)
    return frozenset(diff_ids[:longest])
