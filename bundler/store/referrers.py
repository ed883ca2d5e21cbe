"""Referrers: documents about an item, such as signatures, stored beside it.

Each is an OCI manifest whose `subject` is the item's manifest, so a registry can keep it too. A
line in `referrers/<hex of the item's digest>/` makes it known, and says what the manifest says,
after which it is called: so a damaged line is read from that. It stays when the item is deleted,
for the same item may come again; a collection removes it a day later.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...runtime import canonical
from ...runtime import digest as digests
from ..errors import Damaged
from . import oci
from .blobs.blobs import Blobs
from .files import disk, record
from .files.layout import Layout
from .files.workspace import GRACE, Workspace
from .item import Blob, Item

SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"
TRAVELING = frozenset({SIGNATURE})
"""The kinds that go along when an item is pushed, pulled, exported or imported."""
MOST = 16  # of one item that travel
LARGEST = 64 << 20  # bytes of one that travels
EMPTY = b"{}"
"""The config of each referrer's manifest, as OCI wants it."""
_TYPE_OF_EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True, slots=True)
class Referrer:
    """One of them.

    manifest  the digest of its OCI manifest
    kind      its artifact type, a media type
    content   the one blob that it brings
    """

    manifest: str
    kind: str
    content: Blob

    @property
    def blobs(self) -> tuple[str, str, str]:
        """The digests of everything that makes it up."""
        return self.manifest, self.content.digest, Blob.of_bytes(EMPTY).digest


class Referrers:
    """`referrers/`; reading takes no lock and writes nothing."""

    def __init__(self, directory: Path, blobs: Blobs, workspace: Workspace, layout: Layout) -> None:
        self._directory = directory
        self._blobs = blobs
        self._workspace = workspace
        self._layout = layout

    @disk.told("write to the store")
    def attach(self, item: Item, kind: str, data: bytes) -> Referrer:
        """Keep `data` beside an item; the same data is kept once."""
        self._layout.prepare()
        content, empty = self._blobs.keep_bytes(data), self._blobs.keep_bytes(EMPTY)
        manifest = self._blobs.keep_bytes(_manifest(item, kind, content, empty))
        referrer = Referrer(manifest.digest, kind, content)
        with self._workspace.holding(referrer.blobs):
            self._blobs.settle([content, empty, manifest])
            self._publish(item, referrer)
        self._workspace.release(referrer.blobs)  # what taking them in had held
        return referrer

    @disk.told("read the store")
    def of(self, item: Item, kind: str | None = None) -> list[Referrer]:
        """What refers to an item, or what of this kind does, in an order that never changes."""
        folder = self._folder(item.digest)
        found = list(self._read(folder))
        return [one for one in found if kind in {None, one.kind}]

    def traveling(self, item: Item) -> list[Referrer]:
        """Those that go along with an item."""
        found = [one for one in self.of(item) if one.kind in TRAVELING]
        return [one for one in found if one.content.size <= LARGEST][:MOST]

    @disk.told("read the store")
    def manifest(self, referrer: Referrer) -> bytes:
        """The bytes of its OCI manifest; raises Damaged when they are others, or gone."""
        return self._blobs.read(referrer.manifest)

    @disk.told("read the store")
    def read(self, referrer: Referrer) -> bytes:
        """The bytes that it brings, checked; raises Damaged when they are others, or gone."""
        return self._blobs.read(referrer.content.digest)

    def live(self) -> set[str]:
        """The digests of all that anything here needs."""
        return {
            digest
            for folder in self._folders()
            for referrer in self._read(folder)
            for digest in referrer.blobs
        }

    def forget(self, is_there: Callable[[str], bool]) -> None:
        """Let go of what has referred, for a day at least, to items that are not there."""
        for folder in self._folders():
            with suppress(OSError):
                if disk.age(folder) > GRACE and not is_there(f"sha256:{folder.name}"):
                    for path in folder.iterdir():
                        path.unlink()
                    folder.rmdir()

    def damaged(self) -> Iterator[tuple[Path, str]]:
        """Lines that are not as they were written, and those of lost blobs; with the reason."""
        for folder in self._folders():
            for path in self._paths(folder):
                try:
                    found = _parse(path, record.load(path))
                except FileNotFoundError:
                    continue
                except (OSError, ValueError) as error:
                    yield path, f"The line is damaged: {error}."
                    continue
                for digest in found.blobs:
                    if not self._blobs.path(digest).exists():
                        yield path, f"expected {digest}, got nothing: the file is missing"

    def mend(self) -> None:
        """Write damaged lines anew, from what the manifest says that they name."""
        for path, _ in self.damaged():
            with suppress(OSError, ValueError, Damaged):
                self._write(path.parent, self._of_manifest(path))

    def _publish(self, item: Item, referrer: Referrer) -> None:
        folder = self._folder(item.digest)
        disk.make_directories(folder)
        self._write(folder, referrer)
        for path in (folder.parent, folder.parent.parent):
            disk.sync_directory(path)

    def _write(self, folder: Path, referrer: Referrer) -> None:
        line: dict[str, Any] = {"manifest": referrer.manifest, "kind": referrer.kind}
        line |= {"content": referrer.content.digest, "size": referrer.content.size}
        with self._workspace.file(record.encode(line)) as temporary:
            temporary.replace(folder / referrer.manifest.removeprefix("sha256:"))
        disk.sync_directory(folder)

    def _folder(self, digest: str) -> Path:
        return self._directory / digest.removeprefix("sha256:")

    def _folders(self) -> list[Path]:
        try:
            return sorted(self._directory.iterdir())
        except FileNotFoundError:
            return []

    def _paths(self, folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _read(self, folder: Path) -> Iterator[Referrer]:
        """Those in a folder; what is no line, and names no manifest, is passed over."""
        for path in self._paths(folder):
            with suppress(OSError, ValueError, Damaged):
                yield self._line(path)

    def _line(self, path: Path) -> Referrer:
        try:
            return _parse(path, record.load(path))
        except FileNotFoundError:
            raise
        except (OSError, ValueError):
            return self._of_manifest(path)

    def _of_manifest(self, path: Path) -> Referrer:
        """What a line says, as the manifest has it that the line is called after."""
        digest = f"sha256:{path.name}"
        if not digests.is_digest(digest):
            raise ValueError("it is called after no manifest")
        kind, _, content = read_manifest(self._blobs.read(digest))
        return Referrer(digest, kind, content)


def _parse(path: Path, line: Mapping[str, Any]) -> Referrer:
    try:
        found = Referrer(line["manifest"], line["kind"], Blob(line["content"], line["size"]))
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from error
    if found.manifest != f"sha256:{path.name}":
        raise ValueError("it is another's")
    return found


def _manifest(item: Item, kind: str, content: Blob, empty: Blob) -> bytes:
    """An image manifest as OCI 1.1 wants it of an artifact that refers to another."""
    subject = {"mediaType": oci.MANIFEST, "digest": item.manifest, "size": item.manifest_size}
    return canonical.dumps(
        {
            "schemaVersion": 2,
            "mediaType": oci.MANIFEST,
            "artifactType": kind,
            "config": _descriptor(_TYPE_OF_EMPTY, empty),
            "layers": [_descriptor(kind, content)],
            "subject": subject,
        }
    )


def read_manifest(data: bytes) -> tuple[str, str, Blob]:
    """Kind, subject's digest and content of a referrer's manifest, as a registry gives it.

    Raises:
        ValueError: when it is none with one blob.
    """
    try:
        document: dict[str, Any] = json.loads(data)
        (layer,) = document["layers"]
        content = Blob(layer["digest"], layer["size"])
        kind = document.get("artifactType") or layer["mediaType"]
        about = document["subject"]["digest"]
        if not isinstance(kind, str) or not isinstance(about, str):
            raise TypeError("its kind and its subject are no texts")  # noqa: TRY301
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is not the manifest of a referrer") from error
    return kind, about, content


def _descriptor(media_type: str, blob: Blob) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}
