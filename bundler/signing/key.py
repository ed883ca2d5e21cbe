"""Keys: signatures with an elliptic-curve key, verified with its public half.

`cryptography` is imported when a signature is made or checked, never before.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from ...runtime.errors import BundleError
from ..errors import InvalidKey, InvalidSignature, MissingLibrary
from .envelope import LARGEST, Envelope, pae

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

PASSWORD = "BUNDLE_KEY_PASSWORD"  # noqa: S105 - the name of the variable
_MAKE = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem"


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Signs with a private key."""

    key: "EllipticCurvePrivateKey"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a PEM file; an encrypted one is opened with `$BUNDLE_KEY_PASSWORD`.

        Raises:
            InvalidKey: when it holds no such key.
            MissingLibrary: when `cryptography` is not installed.
        """
        return cls(private_key(path))

    def sign(self, payload: bytes) -> bytes:
        """The signature file for a statement."""
        made = signature(self.key, payload)
        return Envelope.with_key(payload, made, hint(self.key.public_key())).encode()


@dataclass(frozen=True, slots=True)
class KeyVerifier:
    """Verifies signatures with a public key."""

    key: "EllipticCurvePublicKey"
    name: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a PEM file.

        Raises:
            InvalidKey: when it holds no public key of a kind that signs models.
            MissingLibrary: when `cryptography` is not installed.
        """
        return cls.parse(content(path), path)

    @classmethod
    def parse(cls, data: bytes, path: Path) -> Self:
        """Read the content of a PEM file, as `read` does."""
        _check_single(data, b"PUBLIC KEY-----", path)
        found = _loaded(path, lambda loads: loads.load_pem_public_key(data))
        return cls(_elliptic(found, path), f"the key `{path.name}`")

    def verify(self, envelope: Envelope, data: bytes) -> None:  # noqa: ARG002 - as Verifier says
        """Verify that the payload was signed with this key.

        Raises:
            InvalidSignature: when it was not.
        """
        if envelope.kind != "key":
            raise InvalidSignature("The signature was made with a certificate, not with a key.")
        if envelope.hint not in {None, hint(self.key)}:
            raise InvalidSignature("The signature was made with another key.")
        check(self.key, envelope)


def private_key(path: Path) -> "EllipticCurvePrivateKey":
    """Read a private key; see `KeySigner.read`."""
    password = os.environ.get(PASSWORD, "").encode() or None
    data = content(path)
    _check_single(data, b"PRIVATE KEY-----", path)
    found = _loaded(path, lambda loads: loads.load_pem_private_key(data, password))
    _elliptic(found.public_key(), path)
    key: EllipticCurvePrivateKey = found
    return key


def signature(key: "EllipticCurvePrivateKey", payload: bytes) -> bytes:
    """Sign a statement; the same key and statement give the same bytes, where OpenSSL can."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    algorithm = _hash(key.public_key())
    try:
        return key.sign(pae(payload), ECDSA(algorithm, deterministic_signing=True))
    except UnsupportedAlgorithm:  # OpenSSL before 3.2
        return key.sign(pae(payload), ECDSA(algorithm))


def check(key: "EllipticCurvePublicKey", envelope: Envelope) -> None:
    """Verify that the payload was signed with the private half of this key.

    Raises:
        InvalidSignature: when it was not.
    """
    from cryptography.exceptions import InvalidSignature as Mismatch
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    try:
        key.verify(envelope.signature, pae(envelope.payload), ECDSA(_hash(key)))
    except Mismatch as error:
        raise InvalidSignature("The signature does not match its statement or the key.") from error


def hint(key: "EllipticCurvePublicKey") -> str:
    """The identifier of a key: the sha256 of its PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    written = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(written).hexdigest()


def content(path: Path) -> bytes:
    """The bytes of a key, certificate or signature that a person names.

    Raises:
        BundleError: when it cannot be read, or is larger than any of these (a device has no end).
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise BundleError(f"`{path}` cannot be read: {error.strerror}.") from error
    if len(data) > LARGEST:
        raise BundleError(
            f"`{path}` has more than {LARGEST:,} bytes: it is neither a key nor a signature."
        )
    return data


def is_elliptic(key: object) -> "TypeGuard[EllipticCurvePublicKey]":
    """Whether it is of a kind that signs models."""
    from cryptography.hazmat.primitives.asymmetric import ec

    curves = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, curves)


def _hash(key: "EllipticCurvePublicKey") -> "HashAlgorithm":
    from cryptography.hazmat.primitives import hashes

    return {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.curve.key_size]


def _check_single(data: bytes, ends: bytes, path: Path) -> None:
    """Refuse a file of several keys, of which only the first would be read."""
    if sum(line.startswith(b"-----BEGIN ") and ends in line for line in data.splitlines()) > 1:
        raise InvalidKey(f"`{path}` holds several keys.", hint="Put each into a file of its own.")


def _loaded(path: Path, load: Any) -> Any:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise MissingLibrary("A signature", "cryptography", "sign") from error
    try:
        return load(serialization)
    except TypeError as error:
        raise InvalidKey(
            f"`{path}` is encrypted, or is not and `{PASSWORD}` is set.",
            hint=f"Put its password into `{PASSWORD}`, or unset that.",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidKey(f"`{path}` holds no such key.", hint=f"Make one: `{_MAKE}`.") from error


def _elliptic(key: Any, path: Path) -> "EllipticCurvePublicKey":
    """The key, if it is one that signs models."""
    if not is_elliptic(key):
        raise InvalidKey(
            f"`{path}` is not an elliptic-curve key on P-256, P-384 or P-521.",
            hint=f"Make one: `{_MAKE}`.",
        )
    return key
