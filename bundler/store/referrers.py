"""Referrers: documents about an item, such as signatures, stored beside it.

Each is an OCI manifest whose `subject` is the item's manifest, so a registry can keep it too. It is
listed by a record in `referrers/<hex of the item's digest>/`, which is named after the manifest and
repeats its content, so a damaged record is restored from the manifest. A referrer stays when its
item is deleted, because the same item may be saved again; garbage collection removes it a day
later.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...runtime import canonical
from ...runtime import digest as digests
from ..errors import Damaged
from ..untrusted import shallow_json
from . import oci
from .blobs.blobs import Blobs
from .files import disk, record
from .files.layout import Layout
from .files.workspace import GRACE, Workspace
from .item import Blob, Item

SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"
TRAVELING = frozenset({SIGNATURE})
"""The kinds that go along when an item is pushed, pulled, exported or imported."""
MOST = 16  # of one item that travel; those of models first
LARGEST = 64 << 20  # bytes of one that travels
EMPTY = b"{}"
"""The config of each referrer's manifest, as OCI wants it."""
_OF_MODELS = "https://model_signing/"
_TYPE_OF_EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True, slots=True)
class Referrer:
    """A document about an item.

    manifest  the digest of its OCI manifest
    kind      its artifact type, a media type
    content   its blob
    """

    manifest: str
    kind: str
    content: Blob

    @property
    def blobs(self) -> tuple[str, str, str]:
        """The digests of all its blobs."""
        return self.manifest, self.content.digest, Blob.of_bytes(EMPTY).digest


class Referrers:
    """The folder `referrers/`; reading takes no lock and writes nothing."""

    def __init__(self, directory: Path, blobs: Blobs, workspace: Workspace, layout: Layout) -> None:
        self._directory = directory
        self._blobs = blobs
        self._workspace = workspace
        self._layout = layout

    @disk.store_errors("write to the store")
    def attach(self, item: Item, kind: str, data: bytes) -> Referrer:
        """Store `data` as a referrer of an item; the same data is stored once."""
        self._layout.prepare()
        content, empty = self._blobs.keep_bytes(data), self._blobs.keep_bytes(EMPTY)
        manifest = self._blobs.keep_bytes(_manifest(item, kind, content, empty))
        referrer = Referrer(manifest.digest, kind, content)
        with self._workspace.holding(referrer.blobs):
            self._blobs.settle([content, empty, manifest])
            self._publish(item, referrer)
        self._workspace.release(referrer.blobs)  # what taking them in had held
        return referrer

    @disk.store_errors("read the store")
    def of(self, item: Item, kind: str | None = None) -> list[Referrer]:
        """The referrers of an item, or those of one kind, in a stable order."""
        folder = self._folder(item.digest)
        found = list(self._read(folder))
        return [one for one in found if kind in {None, one.kind}]

    def traveling(self, item: Item) -> list[Referrer]:
        """The referrers that are exported and pushed together with an item."""
        found = [one for one in self.of(item) if one.kind in TRAVELING]
        found = [one for one in found if one.content.size <= LARGEST]
        if len(found) > MOST:
            found.sort(key=self._is_foreign)
        return found[:MOST]

    def _is_foreign(self, referrer: Referrer) -> bool:
        with suppress(OSError, Damaged):
            return not is_of_model(self.read(referrer))
        return True

    @disk.store_errors("read the store")
    def manifest(self, referrer: Referrer) -> bytes:
        """The bytes of its OCI manifest; raises Damaged if they are missing or differ."""
        return self._blobs.read(referrer.manifest)

    @disk.store_errors("read the store")
    def read(self, referrer: Referrer) -> bytes:
        """The bytes of its content; raises Damaged if they are missing or differ."""
        return self._blobs.read(referrer.content.digest)

    def live(self) -> set[str]:
        """The digests of the blobs of all referrers."""
        return {
            digest
            for folder in self._folders()
            for referrer in self._read(folder)
            for digest in referrer.blobs
        }

    def forget(self, is_there: Callable[[str], bool]) -> None:
        """Remove referrers of items that have been missing for at least a day."""
        for folder in self._folders():
            with suppress(OSError):
                if disk.age(folder) > GRACE and not is_there(f"sha256:{folder.name}"):
                    for path in folder.iterdir():
                        path.unlink()
                    folder.rmdir()

    def damaged(self) -> Iterator[tuple[Path, str]]:
        """Records that are damaged, or whose blobs are missing; with the reason."""
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
        """Rewrite damaged records from the manifests that they are named after."""
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
        """The referrers in a folder; other files are ignored."""
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
        """The content of a damaged record, from the manifest that it is named after."""
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
    """The manifest of an artifact with a subject, as OCI 1.1 defines it."""
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
    """Kind, digest of the subject and content of a referrer's manifest from a registry.

    Raises:
        ValueError: when it is not the manifest of a referrer with one blob.
    """
    try:
        document: dict[str, Any] = shallow_json.loads(data)
        (layer,) = document["layers"]
        content = Blob(layer["digest"], layer["size"])
        kind = document.get("artifactType") or layer["mediaType"]
        about = document["subject"]["digest"]
        if not isinstance(kind, str) or not isinstance(about, str):
            raise TypeError("its kind and its subject are not texts")  # noqa: TRY301
        is_whole = digests.is_digest(content.digest) and type(content.size) is int
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is not the manifest of a referrer") from error
    if not is_whole or content.size < 0:
        raise ValueError("its digest or size is invalid")
    return kind, about, content


def is_of_model(data: bytes) -> bool:
    """Whether a sigstore bundle signs a model; else it is another attestation, as of a build."""
    try:
        envelope = shallow_json.loads(data)["dsseEnvelope"]
        statement = shallow_json.loads(base64.b64decode(envelope["payload"]))
        return str(statement["predicateType"]).startswith(_OF_MODELS)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _descriptor(media_type: str, blob: Blob) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}
