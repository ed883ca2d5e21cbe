"""Assembly: an image as manifest, configuration and layers, before any of it is written.

The manifest of OCI (image-spec, manifest.md): the base's layers as they were published, then ours,
uncompressed, so that their digests depend on no compressor.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...runtime import canonical
from ...runtime import digest as digests
from ..layers.compressed_layer import CompressedLayer
from ..layers.layer_plan import Layer
from ..registry.remotes.content import Content
from ..requirements.base_image import split
from ..store import Blob, oci
from .base import LAYER, Base, is_directory
from .recipe import image_config
from .recipe.image_config import Identity
from .recipe.image_settings import VERSION_LABEL, ImageSettings

_CONFIG = "application/vnd.oci.image.config.v1+json"
_PREFIX = "org.opencontainers.image."


@dataclass(frozen=True, slots=True)
class BytesContent:
    """A small blob that was made here."""

    data: bytes

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """See `Content`."""
        yield self.data[start : start + size]


@dataclass(frozen=True, slots=True)
class Part:
    """A blob of the image."""

    name: str
    media_type: str
    blob: Blob
    content: Content


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything that an image consists of, in the order of its manifest."""

    manifest: bytes
    config: Part
    layers: tuple[Part, ...]
    diff_ids: tuple[str, ...]

    @classmethod
    def of(
        cls,
        base: Base,
        settings: ImageSettings,
        layers: Sequence[Layer],
        compressed: Mapping[str, CompressedLayer],
        identity: Identity,
    ) -> "Assembly":
        """Put an image together on paper; `compressed` says what travels instead of a layer."""
        config = image_config.encode(base.config, settings, layers, identity)
        parts = [
            Part("base image", layer.media_type, layer.blob, layer.content) for layer in base.layers
        ]
        parts += [_part(layer, compressed.get(layer.blob.digest)) for layer in layers]
        about = Part("configuration", _CONFIG, Blob.of_bytes(config), BytesContent(config))
        known = {
            "schemaVersion": 2,
            "mediaType": oci.MANIFEST,
            "config": _descriptor(about),
            "layers": [_descriptor(part) for part in parts],
            "annotations": _annotations(base, settings, identity),
        }
        own = tuple(layer.blob.digest for layer in layers)
        diff_ids = (*base.config["rootfs"]["diff_ids"], *own)
        return cls(canonical.dumps(known), about, tuple(parts), diff_ids)

    @property
    def digest(self) -> str:
        """Of the manifest: what a registry knows the image by."""
        return digests.of_bytes(self.manifest)

    @property
    def parts(self) -> list[Part]:
        """Every blob once, the configuration last."""
        every = {part.blob.digest: part for part in (*self.layers, self.config)}
        return list(every.values())

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(part.blob.size for part in self.parts)


def _annotations(base: Base, settings: ImageSettings, identity: Identity) -> dict[str, str]:
    """The labels of `org.opencontainers.image`, as registries show no configuration; and the base.

    There is no `created`: an image is no younger than its layers, and those have no time.
    """
    labels = {**settings.labels, VERSION_LABEL: identity.version}
    found = {name: text for name, text in labels.items() if name.startswith(_PREFIX)}
    if name := _name(base, settings):
        found[f"{_PREFIX}base.name"] = name
    return found | ({f"{_PREFIX}base.digest": base.digest} if base.digest else {})


def _name(base: Base, settings: ImageSettings) -> str | None:
    """The base image as the lock names it, wherever it was read; None for a directory's own."""
    locked, _, digest = settings.base.partition("@")
    is_locked = bool(digest) and base.digest == digest
    reference = locked if is_locked else base.reference.partition("@")[0]
    if is_directory(reference):
        return None
    host, repository, tag = split(reference)
    return f"{host}/{repository}" + (f":{tag}" if reference.endswith(f":{tag}") else "")


def _part(layer: Layer, compressed: CompressedLayer | None) -> Part:
    name = layer.planned.name
    if compressed is None:
        return Part(name, LAYER, layer.blob, layer.tar)
    return Part(name, f"{LAYER}+{compressed.kind}", compressed.blob, compressed)


def _descriptor(part: Part) -> dict[str, Any]:
    return {"mediaType": part.media_type, "digest": part.blob.digest, "size": part.blob.size}
