"""Loads an image into Podman or Buildah: `pull dir:`, a directory with manifest and blobs.

They look for every layer by its uncompressed digest before they read it (containers/image), so
what they have may be missing in the folder. The manifest is Docker's kind, because OCI's
configuration knows no health check, and they would leave it out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ....runtime import canonical
from ...errors import ImageFailed
from ...progress import Meter, Progress
from ..assembly import Assembly, Part
from ..made_image import MadeImage
from ..recipe.image_settings import DIGEST_LABEL
from . import load_tar
from .command_build import CommandEngine
from .docker_loader import oci_config
from .image_loader import ASKED, Sent

_OCI, _DOCKER = "application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff"
_KINDS = {_OCI: f"{_DOCKER}.tar", f"{_OCI}+gzip": f"{_DOCKER}.tar.gzip"}
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_ASKED = 64  # images of bundles, the newest ones


class CommandLoader:
    """See `ImageLoader`."""

    takes_parts = True

    def __init__(self, engine: CommandEngine) -> None:
        self._engine = engine
        self._base: frozenset[str] = frozenset()
        self.name = engine.name

    def about(self, reference: str) -> Mapping[str, Any] | None:
        """See `ImageLoader`."""
        try:
            found = self._inspected(_pinned(reference))
        except ImageFailed:
            return None
        self._base = frozenset(_diff_ids(found))
        return found

    def _inspected(self, image: str) -> Mapping[str, Any]:
        about = self._engine.inspect(image)
        document: Mapping[str, Any] = about.get("Docker") or oci_config(about)
        return document

    def python(self, reference: str) -> str | None:
        """See `ImageLoader`; it runs without a network."""
        image, command = _pinned(reference), ["-c", ASKED]
        if self.name == "podman":
            alone = ["run", "--rm", "--network", "none", "--entrypoint", "python3"]
            return self._engine.run([*alone, image, *command], f"run `{reference}`")
        container = self._engine.run(["from", image], f"run `{reference}`").strip()
        try:
            return self._engine.run(["run", container, "python3", *command], f"run `{reference}`")
        finally:
            self._engine.run(["rm", container], "remove a container")

    def fetch(self, reference: str, platform: str) -> None:
        """See `ImageLoader`."""
        command = ["pull", "--quiet", "--platform", platform, _pinned(reference)]
        self._engine.run(command, f"pull `{reference}`")

    def has(self, diff_ids: Sequence[str]) -> frozenset[str]:
        """See `ImageLoader`."""
        listed = ["images", "--no-trunc", "--quiet", "--filter", f"label={DIGEST_LABEL}"]
        found = set(self._base)
        for image in self._engine.run(listed, "list its images").split()[:_ASKED]:
            found.update(self._layers(image))
        return frozenset(found & set(diff_ids))

    def _layers(self, image: str) -> Iterator[str]:
        try:
            yield from _diff_ids(self._inspected(image))
        except ImageFailed:  # deleted meanwhile
            return

    def take(
        self, assembly: Assembly, sent: Sent, tags: Sequence[str], progress: Progress
    ) -> MadeImage:
        """See `ImageLoader`."""
        folder = sent.work
        folder.mkdir()
        (folder / "version").write_text("Directory Transport Version: 1.1\n")
        (folder / "manifest.json").write_bytes(_manifest(assembly))
        with progress.meter(f"Handing {tags[0]} to {self.name}", sent.size) as meter:
            for part in assembly.parts:
                if part.blob.digest not in sent.absent:
                    _write(part, folder / part.blob.digest.removeprefix("sha256:"), meter)
        self._engine.run(["pull", "--quiet", f"dir:{folder}"], "take the image")
        made = assembly.config.blob.digest
        self._engine.run(["tag", made.removeprefix("sha256:"), *tags], "tag the image")
        return self._engine.image(made, tuple(tags))


def _diff_ids(document: Mapping[str, Any]) -> list[str]:
    return (document.get("rootfs") or {}).get("diff_ids") or []


def _pinned(reference: str) -> str:
    """The reference without its tag where it has a digest: both at once they do not read."""
    name, at, digest = reference.partition("@")
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}" if at else reference


def _manifest(assembly: Assembly) -> bytes:
    document = json.loads(assembly.manifest)
    kinds = [_KINDS.get(layer["mediaType"]) for layer in document["layers"]]
    if None in kinds:  # zstd, of which Docker's kind of manifest knows nothing
        return assembly.manifest
    del document["annotations"]  # which are OCI's
    document["mediaType"] = _MANIFEST
    document["config"]["mediaType"] = _CONFIG
    for layer, kind in zip(document["layers"], kinds, strict=True):
        layer["mediaType"] = kind
    return canonical.dumps(document)


def _write(part: Part, path: Any, meter: Meter) -> None:
    with path.open("xb") as file:
        for chunk in load_tar.checked(part):
            file.write(chunk)
            meter.advance(len(chunk))
