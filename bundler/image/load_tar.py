"""An image as one tar: what `docker load`, `podman load` and `skopeo` read.

It is an OCI layout with Docker's own `manifest.json` beside it, for engines that know no OCI.
"""

import hashlib
from collections.abc import Iterator, Sequence

from ...runtime import canonical
from ..archives import destination as destinations
from ..archives.copying import Sink
from ..archives.tar_header import END, TarHeader, padding
from ..errors import Damaged
from ..progress import Progress
from ..registry.index import Index
from ..store import Blob
from ..store.layout import OCI
from .assembly import Assembly, BytesContent, Part


def write(assembly: Assembly, tags: Sequence[str], destination: str, progress: Progress) -> int:
    """Write the tar to a path, a URL or `-`, whole or not at all; its bytes.

    Raises:
        Damaged: when a blob differs from its digest.
    """
    documents = {
        "index.json": Index.empty().moved(assembly.manifest, tags).encode(),
        "manifest.json": _manifest(assembly, tags),
        "oci-layout": OCI,
    }
    manifest = Blob.of_bytes(assembly.manifest)
    about = Part("manifest", "", manifest, BytesContent(assembly.manifest))
    total = 0
    with (
        destinations.opened(destination, is_compressed=False) as sink,
        progress.meter(f"Writing {tags[0]}", assembly.size) as meter,
    ):
        for name, data in documents.items():
            sink.write(TarHeader(name, len(data)).encode() + data + bytes(padding(len(data))))
            total += len(data)
        for part in (about, *assembly.parts):
            sink.write(TarHeader(_path(part.blob), part.blob.size).encode())
            for chunk in _checked(part):
                sink.write(chunk)
                meter.advance(len(chunk))
            _pad(sink, part.blob.size)
            total += part.blob.size
        sink.write(END)
    return total


def _checked(part: Part) -> Iterator[bytes]:
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


def _pad(sink: Sink, size: int) -> None:
    sink.write(bytes(padding(size)))
