"""Inventory: everything that belongs to one model or bundle, by digest and size."""

from dataclasses import dataclass
from typing import Self

from ....runtime import canonical
from ....runtime import digest as digests
from ....runtime.errors import BundleError
from ....runtime.manifests.bundle_manifest import BundleManifest
from ....runtime.manifests.file_entry import FileEntry
from ....runtime.manifests.model_manifest import ModelManifest
from ...errors import InvalidArchive
from ...store import Blob, Item, Store, oci
from ...store.referrers import EMPTY
from ...tag import KINDS, Kind
from ...untrusted import strict_json
from ...untrusted.quotation import quoted
from . import layout
from .announcement import Announcement
from .signature import Signature, empty
from .unusable import unusable

_PATH = 1024  # bytes of a path inside an item
_PART = 255  # bytes of one part of it
_DEPTH = 64  # parts


@dataclass(frozen=True, slots=True)
class Inventory:
    """The manifest, the model.json or bundle.json, and every other file."""

    kind: Kind
    manifest: bytes
    config: bytes
    files: tuple[FileEntry, ...]
    framework: str | None = None
    executes_code: bool = True
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def of(cls, store: Store, item: Item) -> Self:
        """The contents of an item of the store, checked against their digests."""
        config, files = store.config(item), store.files(item)
        manifest = oci.manifest(item.kind, _blob(config), files)
        shown = item.framework, item.executes_code
        own = {entry.digest for entry in files}
        beside = (one for one in Signature.all_of(store, item) if one.blobs[1].digest not in own)
        return cls(item.kind, manifest, config, files, *shown, tuple(beside))

    @classmethod
    def decode(cls, manifest: bytes, config: bytes) -> Self:
        """Read a manifest and its config, which must determine every byte of the manifest.

        Raises:
            InvalidArchive: if they do not agree, or are not a model or bundle.
        """
        kind = _kind(manifest)
        name = oci.CONFIG_NAME[kind]
        try:
            known = read_config(kind, config)
            _check_files(known.files, name)
        except (ValueError, TypeError, RecursionError, BundleError) as error:
            raise unusable(f"`{name}`", error) from error
        if oci.manifest(kind, _blob(config), known.files) != manifest:
            raise unusable("The manifest", f"it does not belong to its `{name}`")
        # a bundle from elsewhere always runs code: it brings its own runtime, and chooses packages
        executes_code = isinstance(known, BundleManifest) or known.executes_code
        return cls(kind, manifest, config, known.files, known.framework, executes_code)

    @property
    def manifest_blob(self) -> Blob:
        """The manifest as a blob."""
        return _blob(self.manifest)

    @property
    def config_blob(self) -> Blob:
        """The model.json or bundle.json as a blob; its digest is the item's."""
        return _blob(self.config)

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """All other files, each once, sorted by digest."""
        found = {entry.digest: Blob(entry.digest, entry.size) for entry in self.files}
        documents = {self.manifest_blob.digest, self.config_blob.digest}
        return tuple(found[digest] for digest in sorted(found) if digest not in documents)

    @property
    def all_blobs(self) -> tuple[Blob, ...]:
        """The manifest, the config and all other files."""
        return (self.manifest_blob, self.config_blob, *self.blobs)

    @property
    def members(self) -> tuple[Blob, ...]:
        """Every blob of its archive, those of the signatures included."""
        beside = [blob for signature in self.signatures for blob in signature.blobs]
        return (*self.all_blobs, *beside, *([Blob.of_bytes(EMPTY)] if self.needs_empty else []))

    @property
    def needs_empty(self) -> bool:
        """Whether the empty config of the signatures is not also one of the files."""
        digest = Blob.of_bytes(EMPTY).digest
        return bool(self.signatures) and all(entry.digest != digest for entry in self.files)

    def documents(self, name: str, version: str) -> tuple[tuple[str, bytes], ...]:
        """The first members of an archive by path: they describe all that follows."""
        return (
            (layout.MARKER, layout.MARKER_BYTES),
            (layout.INDEX, self.announced(name, version).encode()),
            (layout.blob_name(self.manifest_blob.digest), self.manifest),
            (layout.blob_name(self.config_blob.digest), self.config),
            *(document for signature in self.signatures for document in signature.documents),
            *([empty()] if self.needs_empty else []),
        )

    def announced(self, name: str, version: str) -> Announcement:
        """The index of its archive."""
        beside = tuple(signature.blobs[0] for signature in self.signatures)
        return Announcement(self.manifest_blob, self.kind, name, version, beside)


def check_marker(data: bytes) -> None:
    """Check the file that marks an OCI layout, and its version.

    Raises:
        InvalidArchive: if it is not version 1.0.0.
    """
    try:
        version = strict_json.loads(data)["imageLayoutVersion"]
    except (KeyError, TypeError, ValueError) as error:
        raise unusable(f"`{layout.MARKER}`", error) from error
    if version != "1.0.0":
        raise unusable(f"`{layout.MARKER}`", "it is of another version of OCI layouts than 1.0.0")


def config_of(manifest: bytes) -> Blob:
    """The config blob that a manifest names; nothing else of the manifest is used yet.

    Raises:
        InvalidArchive: if its digest or size is invalid.
    """
    try:
        config = strict_json.loads(manifest)["config"]
        blob = Blob(config["digest"], config["size"])
        is_whole = digests.is_digest(blob.digest) and type(blob.size) is int
    except (KeyError, TypeError, ValueError) as error:
        raise unusable("The manifest", error) from error
    if not is_whole or not 0 < blob.size <= layout.DOCUMENT:
        raise unusable("The manifest", "the digest or size of its config is invalid")
    return blob


def read_config(kind: Kind, config: bytes) -> ModelManifest | BundleManifest:
    """A model.json or bundle.json from elsewhere, which must be in canonical form.

    Raises:
        ValueError: if it is not JSON in canonical form.
        InvalidBundle: if it is neither.
    """
    document = strict_json.loads(config)
    if canonical.dumps(document) != config:
        raise ValueError("it is not in canonical form")
    return (ModelManifest if kind == "model" else BundleManifest).from_json(document)


def _kind(manifest: bytes) -> Kind:
    try:
        artifact = strict_json.loads(manifest)["artifactType"]
    except (KeyError, TypeError, ValueError) as error:
        raise unusable("The manifest", error) from error
    for kind in KINDS:
        if oci.ARTIFACT[kind] == artifact:
            return kind
    raise InvalidArchive(
        f"The archive holds neither a model nor a bundle, but {quoted(str(artifact))}."
    )


def _check_files(files: tuple[FileEntry, ...], config: str) -> None:
    sizes: dict[str, int] = {}
    for entry in files:
        _check_path(entry.path, config)
        if not digests.is_digest(entry.digest) or type(entry.executable) is not bool:
            raise ValueError(f"{quoted(entry.path)} has no digest")
        if type(entry.size) is not int or not 0 <= entry.size <= layout.LARGEST:
            raise ValueError(f"the size of {quoted(entry.path)} is invalid")
        if sizes.setdefault(entry.digest, entry.size) != entry.size:
            raise ValueError(f"{quoted(entry.path)} has two sizes")
    if len(files) > layout.MOST or sum(sizes.values()) > layout.LARGEST:
        raise ValueError("it names too many files, or too large ones")
    oci.check_paths(files)


def _check_path(path: str, config: str) -> None:
    encoded = path.encode()
    parts = encoded.split(b"/", _DEPTH)
    if len(encoded) > _PATH or len(parts) > _DEPTH or any(len(part) > _PART for part in parts):
        raise ValueError(f"{quoted(path)} is too long for a path")
    if path.casefold() == config:
        raise ValueError(f"it lists {quoted(path)}, which is its own name")


def _blob(data: bytes) -> Blob:
    return Blob(digests.of_bytes(data), len(data))
