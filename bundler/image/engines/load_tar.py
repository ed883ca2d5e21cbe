"""An image as one tar: what `docker load`, `podman load` and `skopeo` read.

It is an OCI layout with Docker's own `manifest.json` beside it, for engines that know no OCI.
"""

import hashlib
from collections.abc import Container, Iterator, Sequence

from ....runtime import canonical
from ...archives.streams import destination as destinations
from ...archives.tar.header import END, TarHeader, padding
from ...errors import Damaged
from ...progress import Meter, Progress
from ...registry.remotes.index import Index
from ...store import Blob
from ...store.files import disk
from ...store.files.layout import OCI
from ..assembly import Assembly, BytesContent, Part


@disk.store_errors("write the image")
def write(assembly: Assembly, tags: Sequence[str], destination: str, progress: Progress) -> int:
    """Write the tar to a path, a URL or `-`, whole or not at all; its bytes.

    Raises:
        Damaged: when a blob differs from its digest.
    """
    total = 0
    with (
        destinations.opened(destination, is_compressed=False) as sink,
        progress.meter(f"Writing {tags[0]}", assembly.size) as meter,
    ):
        for chunk in chunks(assembly, tags, meter):
            sink.write(chunk)
            total += len(chunk)
    return total


def chunks(
    assembly: Assembly, tags: Sequence[str], meter: Meter, absent: Container[str] = ()
) -> Iterator[bytes]:
    """The tar, without the blobs whose digests are `absent`; `meter` is told of blobs alone.

    Raises:
        Damaged: when a blob differs from its digest.
    """
    documents = {
        "index.json": Index.empty().moved(assembly.manifest, tags).encode(),
        "manifest.json": _manifest(assembly, tags),
        "oci-layout": OCI,
    }
    for name, data in documents.items():
        yield TarHeader(name, len(data)).encode() + data + bytes(padding(len(data)))
    manifest = Blob.of_bytes(assembly.manifest)
    about = Part("manifest", "", manifest, BytesContent(assembly.manifest))
    for part in (about, *assembly.parts):
        if part.blob.digest in absent:
            continue
        yield TarHeader(_path(part.blob), part.blob.size).encode()
        for chunk in checked(part):
            yield chunk
            meter.advance(len(chunk))
        yield bytes(padding(part.blob.size))
    yield END


def checked(part: Part) -> Iterator[bytes]:
    """The bytes of a blob; raises Damaged when they are not those of its digest."""
    running = hashlib.sha256()
    for chunk in part.content.read(0, part.blob.size):
        running.update(chunk)
        yield chunk
    if f"sha256:{running.hexdigest()}" != part.blob.digest:
        raise Damaged(
            f"The layer `{part.name}` has changed while it was read: expected "
            f"{part.blob.digest}, got sha256:{running.hexdigest()}.",
            hint="See what is affected with `bundle verify`.",
        )


def _manifest(assembly: Assembly, tags: Sequence[str]) -> bytes:
    """Docker's list of the images in a tar."""
    known = {
        "Config": _path(assembly.config.blob),
        "RepoTags": [tag if _has_version(tag) else f"{tag}:latest" for tag in tags],
        "Layers": [_path(part.blob) for part in assembly.layers],
    }
    return canonical.dumps([known])


def _has_version(tag: str) -> bool:
    return ":" in tag.rpartition("/")[2]


def _path(blob: Blob) -> str:
    return f"blobs/sha256/{blob.digest.removeprefix('sha256:')}"
