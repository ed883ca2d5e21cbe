"""Announcement: the manifest that an archive's index declares."""

from dataclasses import dataclass
from typing import Any, Self

from ....runtime import canonical
from ....runtime.digest import is_digest
from ...store import Blob, oci
from ...store.referrers import MOST, SIGNATURE
from ...tag import KINDS, Kind
from ...untrusted import strict_json
from ...untrusted.quotation import quoted
from . import layout
from .unusable import unusable

_NAME = "io.modelbundle.name"
_REF = "org.opencontainers.image.ref.name"
_SCHEMA = 2  # OCI's
_PART = f"`{layout.INDEX}`"
_KIND: dict[str, Kind] = {oci.ARTIFACT[kind]: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Announcement:
    """One manifest, by its descriptor in `index.json`.

    kind      None if another tool wrote the index without it
    name      None likewise; then `--as` is needed
    version   called tag by OCI
    beside    the manifests of its signatures
    """

    manifest: Blob
    kind: Kind | None
    name: str | None
    version: str | None
    beside: tuple[Blob, ...] = ()

    def encode(self) -> bytes:
        """The bytes of `index.json`; they depend on the item and its tag alone."""
        descriptor: dict[str, Any] = {
            "mediaType": oci.MANIFEST,
            "digest": self.manifest.digest,
            "size": self.manifest.size,
            "annotations": {_NAME: self.name, _REF: self.version},
        }
        if self.kind:
            descriptor["artifactType"] = oci.ARTIFACT[self.kind]
        manifests = [descriptor, *map(_signature, self.beside)]
        return canonical.dumps(
            {
                "schemaVersion": _SCHEMA,
                "mediaType": oci.INDEX,
                "manifests": manifests,
                "annotations": {oci.CHECK: oci.checksum(manifests)},
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read an index written by `encode` or another OCI tool.

        Raises:
            InvalidArchive: if it is not an index, or one of several items.
        """
        try:
            document = strict_json.loads(data)
            _check_index(document)
            listed = document["manifests"]
            beside = tuple(_blob(one) for one in listed if _is_signature(one))
            found = {_read(descriptor) for descriptor in listed if not _is_signature(descriptor)}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unusable(_PART, error) from error
        if len({one[0].digest for one in found}) != 1:
            raise unusable(_PART, f"it names {len(found)} manifests instead of one")
        if len(beside) > MOST or len(set(beside)) < len(beside):
            raise unusable(_PART, "it names too many signatures, or one twice")
        return cls(*min(found, key=str), beside)


def _check_index(document: dict[str, Any]) -> None:
    if document["schemaVersion"] != _SCHEMA or not isinstance(document["manifests"], list):
        raise ValueError("it is not an OCI index")
    checksum = document.get("annotations", {}).get(oci.CHECK)  # other tools leave it out
    if checksum not in {None, oci.checksum(document["manifests"])}:
        raise ValueError("its checksum does not match its manifests")


def _signature(manifest: Blob) -> dict[str, Any]:
    known = {"mediaType": oci.MANIFEST, "artifactType": SIGNATURE}
    return known | {"digest": manifest.digest, "size": manifest.size}


def _is_signature(descriptor: dict[str, Any]) -> bool:
    return descriptor.get("artifactType") == SIGNATURE


def _blob(descriptor: dict[str, Any]) -> Blob:
    blob = Blob(descriptor["digest"], descriptor["size"])
    if descriptor["mediaType"] != oci.MANIFEST:
        raise ValueError(f"{quoted(str(descriptor['mediaType']))} is not the type of a manifest")
    if not is_digest(blob.digest):
        raise ValueError("the manifest has no sha256 digest")
    if type(blob.size) is not int or not 0 < blob.size <= layout.DOCUMENT:
        raise ValueError("the size of the manifest is invalid")
    return blob


def _read(descriptor: dict[str, Any]) -> tuple[Blob, Kind | None, str | None, str | None]:
    blob = _blob(descriptor)
    notes = descriptor.get("annotations", {})
    artifact = descriptor.get("artifactType")
    if artifact is not None and artifact not in _KIND:
        raise ValueError(f"{quoted(str(artifact))} is neither a model nor a bundle")
    kind = None if artifact is None else _KIND[artifact]
    return blob, kind, _text(notes.get(_NAME)), _text(notes.get(_REF))


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("an annotation is not a text")
    return value
