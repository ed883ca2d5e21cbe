"""Artifact: the manifest of a remote model or bundle, checked to be one that we would write."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...runtime import digest as digests
from ...runtime.errors import InvalidBundle
from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.file_entry import FileEntry
from ...runtime.manifests.model_manifest import ModelManifest
from ..archives.contents.inventory import read_config
from ..store import Blob, oci
from ..tag import Kind
from ..untrusted import shallow_json
from .http.limits import Limits

_KINDS: dict[str, Kind] = {kind: name for name, kind in oci.ARTIFACT.items()}
_LARGEST = 1 << 50  # bytes of a file; a larger size is not true
_IMAGE = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
}
_LISTS = {oci.INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"}


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest that, byte for byte, is what our store would write for these files."""

    kind: Kind
    config: Blob
    files: tuple[FileEntry, ...]
    data: bytes

    @classmethod
    def read(cls, data: bytes, where: str, limits: Limits) -> "Artifact":
        """Read a manifest; `where` is the remote's name for messages.

        Raises:
            InvalidBundle: when it is anything but the manifest of a model or bundle.
        """
        document = _document(data, where)
        kind = _kind(document, where)
        config, files = oci.read_manifest(data)
        if len(files) > limits.layers:
            raise _odd(where, f"it has {len(files):,} files")
        _check_types(config, files, where)
        if config.size > limits.config:
            raise _odd(where, f"its config has {config.size:,} bytes")
        oci.check_paths(files)
        if oci.manifest(kind, config, files) != data:
            raise _odd(where, "it is not as this program writes it")
        return cls(kind, config, files, data)

    @property
    def blobs(self) -> list[Blob]:
        """Each blob once, the largest first; without the config."""
        sizes = {
            entry.digest: entry.size for entry in self.files if entry.digest != self.config.digest
        }
        return [Blob(*one) for one in sorted(sizes.items(), key=lambda one: -one[1])]

    def manifest(self, config: bytes, where: str) -> ModelManifest | BundleManifest:
        """Parse model.json or bundle.json, and check that it lists the same files.

        Raises:
            InvalidBundle: when it does not, or is invalid.
        """
        name = oci.CONFIG_NAME[self.kind]
        try:
            found = read_config(self.kind, config)
        except ValueError as error:
            raise _odd(where, f"`{name}` cannot be used: {error}") from error
        if _sorted(found.files) != _sorted(self.files):
            raise _odd(where, f"`{name}` names other files")
        return found


def _document(data: bytes, where: str) -> dict[str, Any]:
    try:
        document = shallow_json.loads(data)
    except ValueError as error:
        raise _odd(where, "it is not JSON") from error
    if not isinstance(document, dict):
        raise _odd(where, "it is not a JSON object")
    return document


def _kind(document: dict[str, Any], where: str) -> Kind:
    config = document.get("config")
    media_type = config.get("mediaType") if isinstance(config, dict) else None
    is_list = str(document.get("mediaType")) in _LISTS or "manifests" in document
    if is_list or str(media_type) in _IMAGE:
        raise InvalidBundle(
            f"`{where}` is a container image, not a model or bundle.",
            hint=f"Fetch it with `docker pull {where}`.",
        )
    declared = document.get("artifactType")
    kind = _KINDS.get(declared) if isinstance(declared, str) else None
    if kind is None:
        shown = repr(str(declared or media_type or "of no kind")[:80])
        raise InvalidBundle(f"`{where}` is not a model or bundle; it is {shown}.")
    return kind


def _check_types(config: Blob, files: Sequence[FileEntry], where: str) -> None:
    """Check the types of all fields, and that each digest has one size."""
    sizes: dict[str, int] = {}
    pairs: list[tuple[Any, Any]] = [(entry.digest, entry.size) for entry in files]
    for digest, size in [(config.digest, config.size), *pairs]:
        if not isinstance(digest, str) or not digests.is_digest(digest):
            raise _odd(where, f"{str(digest)[:80]!r} is not a digest")
        if type(size) is not int or not 0 <= size <= _LARGEST:
            raise _odd(where, f"{str(size)[:40]} is not a size")
        if sizes.setdefault(digest, size) != size:
            raise _odd(where, f"it gives {digest} two sizes")
    paths: list[Any] = [entry.path for entry in files]
    if not all(isinstance(path, str) for path in paths):
        raise _odd(where, "a file has no path")


def _sorted(files: Sequence[FileEntry]) -> list[FileEntry]:
    return sorted(files, key=lambda entry: entry.path)


def _odd(where: str, why: str) -> InvalidBundle:
    return InvalidBundle(f"`{where}` cannot be taken: {why}.")
