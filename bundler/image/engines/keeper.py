"""Keeper: an engine that loads an image whose layers were made here, without building.

Only what it lacks travels: the base image's layers stay where they are, and so do those that
another image has already. What comes of it is what comes without an engine, byte for byte.
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
"""A program for the Python of a base image that does not say in its variables which one it is."""


class NotTaken(ImageFailed):
    """The engine does not load such layers; it may still be able to build."""


class Keeper(Protocol):
    """The operations that an engine must offer for this."""

    name: str

    def about(self, reference: str) -> Mapping[str, Any] | None:
        """The configuration of an image that it has, as OCI writes one; None if it has none."""

    def python(self, reference: str) -> str | None:
        """What an image's Python says to `ASKED`; None where it cannot be asked."""

    def fetch(self, reference: str, platform: str) -> None:
        """Pull an image; raises ImageFailed with the engine's own words."""

    def has(self, diff_ids: Sequence[str]) -> frozenset[str]:
        """Which of an image's layers, from the bottom up, need not be sent."""

    def take(
        self, assembly: Assembly, sent: "Sent", tags: Sequence[str], progress: Progress
    ) -> MadeImage:
        """Hand the image over, without the layers that it has; name it.

        Raises:
            ImageFailed: when it does not take it.
        """


@dataclass(frozen=True, slots=True)
class Sent:
    """How much of an image was sent.

    absent  digests of blobs that the engine has
    size    bytes of all others
    work    a folder to be made, for what has to lie in files
    """

    absent: frozenset[str]
    size: int
    work: Path

    @classmethod
    def of(cls, assembly: Assembly, there: Collection[str], work: Path) -> "Sent":
        """What is left when the layers `there` (uncompressed digests) need not go."""
        pairs = zip(assembly.layers, assembly.diff_ids, strict=True)
        absent = frozenset(part.blob.digest for part, known in pairs if known in there)
        left = [part for part in assembly.parts if part.blob.digest not in absent]
        return cls(absent, sum(part.blob.size for part in left), work)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A layer that the engine has, and that cannot be read here."""

    engine: str
    reference: str

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """See `Content`; there is nothing."""
        del start, size
        raise ImageFailed(
            f"{self.engine} has no longer the layers of `{self.reference}`.",
            hint="Try again: it is pulled anew.",
        )


def base_of(keeper: Keeper, reference: str, platform: str, progress: Progress) -> Base:
    """The base image as the engine has it, or pulls it; its layers stay there.

    Raises:
        ImageFailed: when it cannot be pulled.
    """
    about = keeper.about(reference)
    if about is None or f"{about.get('os')}/{about.get('architecture')}" != platform:
        progress.step(f"{keeper.name} fetches {reference}")
        _fetch(keeper, reference, platform)
        about = keeper.about(reference)
    if about is None:
        raise ImageFailed(f"{keeper.name} has pulled `{reference}` and has it not.")
    try:
        config = base_config.checked(about)
    except ValueError as error:
        raise ImageFailed(f"{keeper.name} does not say what `{reference}` is: {error}.") from error
    content = _Kept(keeper.name, reference)
    layers = [BaseLayer(LAYER, Blob(one, 0), content) for one in config["rootfs"]["diff_ids"]]
    return Base(reference, reference.partition("@")[2], config, tuple(layers), None)


def _fetch(keeper: Keeper, reference: str, platform: str) -> None:
    try:
        keeper.fetch(reference, platform)
    except ImageFailed as error:
        hint = error.hint or "Name a base image that is here with `--base oci:DIR`."
        raise ImageFailed(str(error), hint=hint) from error


def check_python(keeper: Keeper, base: Base, settings: ImageSettings) -> None:
    """Ask a base image for its Python, where its variables do not say which one it has.

    Raises:
        BuildError: when it is not the one that packages are locked for, or takes no user site.
        NotTaken: when it has none that runs.
    """
    variables = (base.config.get("config") or {}).get("Env") or []
    if not settings.brings_python or any(one.startswith("PYTHON_VERSION=") for one in variables):
        return
    try:
        said = keeper.python(base.reference) or ""
    except ImageFailed as error:
        raise NotTaken(str(error)) from error
    version, _, takes_site = said.strip().partition(" ")
    if not version:
        raise NotTaken(f"`{base.reference}` has no `python3` that runs.")
    config = {"Env": [*variables, f"PYTHON_VERSION={version}"]}
    if takes_site != "True":
        config["Env"].append("VIRTUAL_ENV=")
    known = {**base.config, "config": {**(base.config.get("config") or {}), **config}}
    image_config.check_python(known, settings)


def hand(
    keeper: Keeper, assembly: Assembly, work: Path, tags: Sequence[str], progress: Progress
) -> MadeImage:
    """Load the image into the engine: only missing layers, or all if it refuses that.

    Raises:
        NotTaken: when it does not take it.
    """
    there = keeper.has(assembly.diff_ids)
    can_be_whole = not any(isinstance(part.content, _Kept) for part in assembly.layers)
    tries = [Sent.of(assembly, there, work / "part")]
    if there and can_be_whole:
        tries.append(Sent.of(assembly, (), work / "whole"))
    for number, sent in enumerate(tries, 1):
        try:
            return replace(keeper.take(assembly, sent, tags, progress), moved=sent.size)
        except ImageFailed as error:
            if number == len(tries):
                raise NotTaken(str(error), hint=error.hint) from error
    raise AssertionError("one of the tries has returned or raised")


def common(diff_ids: Sequence[str], chains: Collection[Sequence[str]]) -> frozenset[str]:
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
