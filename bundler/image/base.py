"""Base: the base image of a bundle's image; its layers are fetched only when needed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ...runtime import digest as digests
from ..errors import BuildError, InvalidTag, RegistryError
from ..registry.http.retry import Retry
from ..registry.http.transient_error import TransientError
from ..registry.reference import DirectoryReference, RegistryReference, parse
from ..registry.remotes.content import Content
from ..registry.remotes.directory import Directory
from ..registry.remotes.download import Download
from ..registry.remotes.registry import Registry
from ..registry.remotes.remote_content import RemoteContent
from ..requirements import base_image
from ..store import Blob
from ..untrusted import strict_json
from . import base_config

LAYER = "application/vnd.oci.image.layer.v1.tar"
_DOCKER = "application/vnd.docker.image.rootfs.diff.tar"
_KINDS = {
    _DOCKER: LAYER, f"{_DOCKER}.gzip": f"{LAYER}+gzip",
    LAYER: LAYER, f"{LAYER}+gzip": f"{LAYER}+gzip", f"{LAYER}+zstd": f"{LAYER}+zstd",
}  # fmt: skip
_DIRECTORIES = ("oci:", "/", "./", "../", "~")


@dataclass(frozen=True, slots=True)
class BaseLayer:
    """One layer of a base image; its bytes are never changed."""

    media_type: str
    blob: Blob
    content: Content


@dataclass(frozen=True, slots=True)
class Base:
    """An image in a registry or in an OCI layout.

    digest      of the manifest that its reference meant; what a lock pins
    config      its configuration, as it was read
    repository  where it is, for a registry that can mount from there; None in a directory
    """

    reference: str
    digest: str
    config: Mapping[str, Any]
    layers: tuple[BaseLayer, ...]
    repository: RegistryReference | None


@contextmanager
def opened(reference: str, platform: str, *, plain_http: bool = False) -> Iterator[Base]:
    """The base image that `reference` names, for one platform.

    Raises:
        RegistryError: when it cannot be read.
        BuildError: when it is no image that layers can be put upon.
    """
    place = place_of(reference, plain_http=plain_http)
    try:
        yield _read(place, reference, platform)
    finally:
        place.close()


def is_directory(reference: str) -> bool:
    """Whether a reference names an OCI layout on this machine."""
    return reference.startswith(_DIRECTORIES)


def place_of(reference: str, *, plain_http: bool) -> Registry | Directory:
    """Where a reference leads: an OCI layout on this machine, else a registry."""
    if is_directory(reference):
        known = parse(reference)
        if isinstance(known, DirectoryReference):
            return Directory(known)
    host, repository, tag = base_image.split(reference)
    _, _, digest = reference.partition("@")
    target = parse(f"{host}/{repository}:{tag}" + (f"@{digest}" if digest else ""))
    if not isinstance(target, RegistryReference):
        raise InvalidTag(f"{reference[:200]!r} names no image.")
    return Registry(target, "pull", plain_http=plain_http)


def _read(place: Registry | Directory, reference: str, platform: str) -> Base:
    data = _manifest(place, reference)
    digest, document = digests.of_bytes(data), document_of(data, reference)
    if "manifests" in document:
        wanted = for_platform(document, platform, reference)
        place.reference = replace(place.reference, tag=None, digest=wanted)
        document = document_of(place.manifest(), reference)
    try:
        about = blob_of(document["config"])
        config = base_config.read(_small(place, about))
        layers = tuple(_layer(place, layer, reference) for layer in document["layers"])
        is_whole = len(config["rootfs"]["diff_ids"]) == len(layers)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise BuildError(f"`{reference}` cannot be used as a base image: {why}.") from error
    if not is_whole:
        raise BuildError(f"The manifest of `{reference}` is not that of its configuration.")
    target = place.reference if isinstance(place.reference, RegistryReference) else None
    return Base(reference, digest, config, layers, target)


def _manifest(place: Registry | Directory, reference: str) -> bytes:
    try:
        return place.manifest()
    except RegistryError as error:
        own = None if isinstance(error, TransientError) else error.hint  # without a network
        raise RegistryError(
            f"The base image `{reference}` cannot be read. {error}",
            hint=own
            or "Name one that is here with `--base oci:DIR`, or leave it to an engine that has it "
            "with `--engine docker`.",
        ) from error


def document_of(data: bytes, reference: str) -> Mapping[str, Any]:
    """A manifest or an index, read."""
    try:
        document = strict_json.loads(data)
    except ValueError as error:
        raise RegistryError(f"The manifest of `{reference}` is not JSON: {error}.") from error
    if not isinstance(document, dict) or not ({"manifests", "layers"} & document.keys()):
        raise BuildError(f"`{reference}` is neither an image nor an index of images.")
    return document


def for_platform(index: Mapping[str, Any], platform: str, reference: str) -> str:
    """Digest of the manifest that an index has for a platform."""
    found = []
    for entry in index["manifests"] if isinstance(index["manifests"], list) else ():
        about = entry.get("platform") or {} if isinstance(entry, dict) else {}
        if not isinstance(about, dict):
            continue
        name = f"{about.get('os')}/{about.get('architecture')}"
        found.append(name)
        if name == platform and digests.is_digest(str(entry.get("digest"))):
            return str(entry["digest"])
    raise BuildError(
        f"`{reference}` is not there for {platform}, but for {', '.join(sorted(set(found)))}."
    )


def blob_of(descriptor: Mapping[str, Any]) -> Blob:
    """The blob that a descriptor names."""
    digest, size = descriptor["digest"], descriptor["size"]
    if not digests.is_digest(digest) or type(size) is not int or size < 0:
        raise ValueError(f"{str(digest)[:80]!r} is not a blob")
    return Blob(digest, size)


def _layer(place: Registry | Directory, layer: Mapping[str, Any], reference: str) -> BaseLayer:
    kind = _KINDS.get(str(layer["mediaType"]))
    if kind is None:
        raise BuildError(
            f"`{reference}` has a layer of the kind `{str(layer['mediaType'])[:80]}`, which may "
            "not be passed on.",
            hint="Choose another base image, or build with an engine: `--engine docker`.",
        )
    blob = blob_of(layer)
    return BaseLayer(kind, blob, RemoteContent(place, blob))


def _small(place: Registry | Directory, blob: Blob) -> bytes:
    if blob.size > place.limits.config:
        raise ValueError(f"its configuration has {blob.size:,} bytes")
    retry = Retry(place.limits, place.stop)
    return Download(place, blob, retry, lambda _: None).to_bytes()
