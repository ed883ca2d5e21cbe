"""Announcement: the manifest that an archive's index declares."""

from dataclasses import dataclass
from typing import Any, Self

from ....runtime import canonical
from ....runtime.digest import is_digest
from ...errors import InvalidArchive
from ...store import Blob, oci
from ...store.referrers import MOST, SIGNATURE
from ...tag import KINDS, Kind
from ...untrusted import strict_json
from ...untrusted.quotation import quoted
from . import layout

_NAME = "io.modelbundle.name"
_REF = "org.opencontainers.image.ref.name"
_SCHEMA = 2  # OCI's
_KIND: dict[str, Kind] = {oci.ARTIFACT[kind]: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Announcement:
    """One manifest, by its descriptor in `index.json`.

    kind      None where another tool wrote the index and left it out
    name      None likewise; `--as` says it then
    version   what OCI calls the tag
    beside    the manifests of what refers to it: its signatures
    """

    manifest: Blob
    kind: Kind | None
    name: str | None
    version: str | None
    beside: tuple[Blob, ...] = ()

    def encode(self) -> bytes:
        """The bytes of `index.json`: a function of the item and its tag, and of nothing else."""
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
        """Read what `encode` or another OCI tool wrote.

        Raises:
            InvalidArchive: when it is no index, or one of several things.
        """
        try:
            document = strict_json.loads(data)
            _check_index(document)
            listed = document["manifests"]
            beside = tuple(_blob(one) for one in listed if _is_signature(one))
            found = {_read(descriptor) for descriptor in listed if not _is_signature(descriptor)}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _invalid(_reason(error)) from error
        if len({one[0].digest for one in found}) != 1:
            raise _invalid(f"it names {len(found)} manifests, and an archive holds one")
        if len(beside) > MOST or len(set(beside)) < len(beside):
            raise _invalid("it names too many signatures, or one twice")
        return cls(*min(found, key=str), beside)


def _check_index(document: dict[str, Any]) -> None:
    if document["schemaVersion"] != _SCHEMA or not isinstance(document["manifests"], list):
        raise ValueError("it is no OCI index")
    said = document.get("annotations", {}).get(oci.CHECK)  # other tools leave it out
    if said not in {None, oci.checksum(document["manifests"])}:
        raise ValueError("it differs from what `bundle export` writes")


def _signature(manifest: Blob) -> dict[str, Any]:
    known = {"mediaType": oci.MANIFEST, "artifactType": SIGNATURE}
    return known | {"digest": manifest.digest, "size": manifest.size}


def _is_signature(descriptor: dict[str, Any]) -> bool:
    return descriptor.get("artifactType") == SIGNATURE


def _blob(descriptor: dict[str, Any]) -> Blob:
    blob = Blob(descriptor["digest"], descriptor["size"])
    if descriptor["mediaType"] != oci.MANIFEST:
        raise ValueError(f"{quoted(str(descriptor['mediaType']))} is no manifest of an artifact")
    if not is_digest(blob.digest):
        raise ValueError("the manifest has no sha256 digest")
    if type(blob.size) is not int or not 0 < blob.size <= layout.DOCUMENT:
        raise ValueError("the manifest has no size that it may have")
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
        raise TypeError("an annotation is no text")
    return value


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _invalid(reason: str) -> InvalidArchive:
    return InvalidArchive(f"`{layout.INDEX}` of the archive cannot be used: {reason}.")
