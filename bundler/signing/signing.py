"""Signing: signs items of the store by their digests, without hashing files again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime.manifests.bundle_manifest import BundleManifest, bundle_digest
from ...runtime.manifests.file_entry import FileEntry
from ...runtime.manifests.model_manifest import ModelManifest
from ..errors import Damaged, InvalidSignature
from ..store.oci import CONFIG_NAME
from ..untrusted import strict_json
from .envelope import LARGEST, MEDIA_TYPE, Envelope, Kind
from .signer import Signer, Verifier
from .statement import Statement

if TYPE_CHECKING:
    from ..store import Item, Store

ARTIFACT = MEDIA_TYPE
"""The media type of a signature in the store, and in a registry."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The files to sign, or to compare with a signature.

    files    the digest of each, by path, model.json or bundle.json included
    covered  those that model.json or bundle.json vouches for
    """

    name: str
    files: Mapping[str, str]
    covered: Mapping[str, str]

    @classmethod
    def of(cls, item: "Item", store: "Store") -> "Signed":
        """An item of the store."""
        config = strict_json.loads(store.config(item))
        kind = BundleManifest if item.kind == "bundle" else ModelManifest
        covered = _digests(kind.from_json(config).files)
        files = _digests(store.files(item)) | {CONFIG_NAME[item.kind]: item.digest}
        return cls(item.name, files, covered)

    @classmethod
    def of_directory(cls, directory: Path) -> "Signed":
        """The files of a bundle's directory, which were compared with `bundle.json`."""
        manifest = BundleManifest.read(directory)
        covered = _digests(manifest.files)
        return cls(manifest.name, covered | {"bundle.json": bundle_digest(directory)}, covered)

    @property
    def statement(self) -> Statement:
        """The statement to sign."""
        return Statement.of(self.name, self.files)

    def check(self, data: bytes, verifiers: Sequence[Verifier]) -> Verifier:
        """Verify a signature; returns the first of `verifiers` that accepts it.

        Raises:
            InvalidSignature: when none does, or if it is for something else.
        """
        if len(data) > LARGEST:
            raise InvalidSignature("The signature is too large.")
        envelope = Envelope.parse(data)
        verifier = _verified(envelope, data, verifiers)
        Statement.parse(envelope.payload).check(self.files, self.covered)
        return verifier


def sign(item: "Item", store: "Store", signer: Signer) -> bytes:
    """Sign an item and keep the signature beside it; the bytes of the signature file."""
    data = signer.sign(Signed.of(item, store).statement.encode())
    store.referrers.attach(item, ARTIFACT, data)
    return data


def attach(item: "Item", store: "Store", data: bytes) -> Kind:
    """Store a signature that was made elsewhere beside its item; the kind of its signer.

    Only its subject is checked here, and not its signer.

    Raises:
        InvalidSignature: when it is no signature, or of something else.
    """
    signed, envelope = Signed.of(item, store), Envelope.parse(data)
    Statement.parse(envelope.payload).check(signed.files, signed.covered)
    kind = envelope.kind
    store.referrers.attach(item, ARTIFACT, data)
    return kind


def signatures(item: "Item", store: "Store") -> list[bytes]:
    """The signature files that are kept beside an item, without damaged ones.

    Raises:
        Damaged: when all of them are.
    """
    found, damaged = [], None
    for referrer in store.referrers.of(item, ARTIFACT):
        try:
            found.append(store.referrers.read(referrer))
        except Damaged as error:
            damaged = error
    if damaged and not found:
        raise damaged
    return found


def verify(
    item: "Item", store: "Store", verifiers: Sequence[Verifier], given: Sequence[bytes] = ()
) -> Verifier:
    """Verify the signature of an item: one of `given`, or of those stored beside it.

    The item's bytes are not read: they have the digests that were signed, or `Store.verify` says
    so.

    Raises:
        InvalidSignature: when none of them has signed it.
        Damaged: when every signature beside it is.
    """
    known = list(given) or signatures(item, store)
    return _first(f"The {item.kind} `{item.tag}`", Signed.of(item, store), known, verifiers)


def verify_directory(
    directory: Path, verifiers: Sequence[Verifier], given: Sequence[bytes]
) -> Verifier:
    """Verify that one of `given` signs the bundle in a directory, whose files were compared.

    Raises:
        InvalidSignature: when none does, or if it is for something else.
    """
    return _first(f"`{directory}`", Signed.of_directory(directory), given, verifiers)


def _first(
    subject: str, signed: Signed, known: Sequence[bytes], verifiers: Sequence[Verifier]
) -> Verifier:
    reasons = []
    for data in known:
        try:
            return signed.check(data, verifiers)
        except InvalidSignature as error:
            reasons.append(str(error))
    who = " or ".join(one.name for one in verifiers)
    if not reasons:
        raise InvalidSignature(f"{subject} has no signature.")
    listed = " ".join(dict.fromkeys(reasons))
    raise InvalidSignature(f"{subject} is not signed by {who}. {listed}")


def _verified(envelope: Envelope, data: bytes, verifiers: Sequence[Verifier]) -> Verifier:
    reasons: list[str] = []
    for verifier in verifiers:
        try:
            verifier.verify(envelope, data)
        except InvalidSignature as error:
            reasons.append(str(error))
        else:
            return verifier
    raise InvalidSignature(" ".join(dict.fromkeys(reasons)) or "No signer is allowed.")


def _digests(entries: Sequence[FileEntry]) -> dict[str, str]:
    return {entry.path: entry.digest for entry in entries}
