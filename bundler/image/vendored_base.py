"""Copies a base image into an OCI layout, unchanged, for builds without a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...runtime import digest as digests
from ..progress import Progress
from ..registry.reference import DirectoryReference, parse
from ..registry.remotes.directory import Directory
from ..registry.remotes.registry import Registry
from ..registry.remotes.remote_content import RemoteContent
from ..registry.transfer_pool import TransferPool
from ..requirements.wheels.wheelhouse import NAMED
from ..store import Blob
from ..store.files import disk
from .assembly import BytesContent
from .base import blob_of, document_of, for_platform, place_of


@disk.store_errors("write the base image")
def vendor(
    reference: str, platforms: Sequence[str], layout: Path, progress: Progress,
    *, plain_http: bool = False,
) -> str:  # fmt: skip
    """Copy the image into the layout, for these platforms; the digest of what was named.

    Raises:
        RegistryError: when it cannot be read.
        BuildError: when it is no image, or not there for a platform.
    """
    target = parse(f"oci:{layout}")
    assert isinstance(target, DirectoryReference), "it begins with oci:"
    directory = Directory(target)
    directory.prepare()
    named = place_of(reference, plain_http=plain_http)
    try:
        data = named.manifest()
        document = document_of(data, reference)
        for platform in platforms if "manifests" in document else ():
            wanted = for_platform(document, platform, reference)
            pinned = f"{reference.partition('@')[0]}@{wanted}"
            one = place_of(pinned, plain_http=plain_http)
            try:
                _copy(one, one.manifest(), directory, pinned, progress)
            finally:
                one.close()
        if "manifests" not in document:
            _copy(named, data, directory, reference, progress)
    finally:
        named.close()
    directory.publish(data, [digests.of_bytes(data).removeprefix("sha256:")[:NAMED]])
    return digests.of_bytes(data)


def _copy(
    place: Registry | Directory, data: bytes, directory: Directory, reference: str,
    progress: Progress,
) -> None:  # fmt: skip
    """The blobs of one manifest, then the manifest itself."""
    document: Mapping[str, Any] = document_of(data, reference)
    blobs = [blob_of(document["config"]), *map(blob_of, document["layers"])]
    missing = [blob for blob in blobs if not directory.has(blob)]
    total = sum(blob.size for blob in missing)
    with progress.meter(f"Fetching {reference}", total) as meter:

        def take(blob: Blob) -> None:
            directory.upload(blob, RemoteContent(place, blob), meter.advance)

        TransferPool(take, directory.cut).run(missing)
    own = Blob(digests.of_bytes(data), len(data))
    directory.upload(own, BytesContent(data), lambda _: None)
