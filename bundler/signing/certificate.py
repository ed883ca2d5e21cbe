"""Certificates: the key of a certificate signs; whoever trusts its root learns whose it is.

The chain is checked at the time of the check, for a signature carries no time that anybody could
believe: when the certificate has expired, so has the signature.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..errors import InvalidKey, InvalidSignature, MissingLibrary
from . import key as keys
from .envelope import Envelope

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.x509 import Certificate, ExtensionType

    _Extension = TypeVar("_Extension", bound=ExtensionType)

_LONGEST = 8  # certificates between a signature and its root
_UNDERSTOOD = frozenset(
    ("2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37")
)  # key usage, alternative names, basic constraints, extended key usage
_NAMES = "2.5.29.30"  # name constraints narrow whom an authority speaks for, critical or not


@dataclass(frozen=True, slots=True)
class CertificateSigner:
    """Signs with the private key of the first of `chain`."""

    key: "EllipticCurvePrivateKey"
    chain: "Sequence[Certificate]"

    @classmethod
    def read(cls, key: Path, chain: Path) -> Self:
        """Read the key, and the certificates from its own upwards, all PEM.

        Raises:
            InvalidKey: when one of them is none, or they do not belong together.
            MissingLibrary: when `cryptography` is not installed.
        """
        private, certificates = keys.private_key(key), read(chain)
        if _key_of(certificates[0]) != private.public_key():
            raise InvalidKey(
                f"The first certificate in `{chain}` is not that of `{key}`.",
                hint="Put the certificate of the key first, then those that vouch for it.",
            )
        return cls(private, certificates)

    def sign(self, payload: bytes) -> bytes:
        """The signature file for a statement."""
        made = keys.signature(self.key, payload)
        return Envelope.with_chain(payload, made, [_der(one) for one in self.chain]).encode()


@dataclass(frozen=True, slots=True)
class CertificateVerifier:
    """Verifies signatures with certificates of trusted roots, optionally of one identity only.

    identity  an e-mail address, URI or DNS name in the certificate, or its common name
    """

    roots: "Sequence[Certificate]"
    name: str
    identity: str | None = None

    @classmethod
    def read(cls, path: Path, identity: str | None = None) -> Self:
        """Read the roots from a PEM file, as `CertificateSigner.read` does."""
        return cls.parse(keys.content(path), path, identity)

    @classmethod
    def parse(cls, data: bytes, path: Path, identity: str | None = None) -> Self:
        """Read the roots from the content of a PEM file."""
        who = f"`{identity}` by " if identity else ""
        return cls(_from_pem(data, path), f"{who}the certificates in `{path.name}`", identity)

    def verify(self, envelope: Envelope, data: bytes) -> None:  # noqa: ARG002 - as Verifier says
        """Verify that the payload was signed with a certificate of these roots.

        Raises:
            InvalidSignature: when it was not.
        """
        if envelope.kind != "certificate":
            raise InvalidSignature("The signature was made without a certificate.")
        chain = _parsed(envelope.chain)
        self._check_chain(chain, datetime.now(UTC))
        leaf = chain[0]
        if not _may_sign(leaf):
            raise InvalidSignature("The certificate is not for signing.")
        if self.identity is not None and self.identity not in set(identities(leaf)):
            raise InvalidSignature(f"The certificate is not that of `{self.identity}`.")
        keys.check(_elliptic(leaf), envelope)

    def _check_chain(self, chain: "Sequence[Certificate]", now: datetime) -> None:
        """Walk up the chain to a trusted certificate; `depth` counts the authorities below."""
        current, depth = chain[0], 0
        _check_alone(current, now)
        while current not in self.roots:
            above = [*self.roots, *chain[1:]]
            issuers = [one for one in above if _has_issued(one, current, depth)]
            if not issuers or depth > _LONGEST:
                raise InvalidSignature("No trusted authority has issued the certificate.")
            # a root that was renewed with its key stands beside the expired one
            current = next((one for one in issuers if _is_current(one, now)), issuers[0])
            _check_alone(current, now)
            if current not in self.roots and not _is_for_code(current):
                raise InvalidSignature("The authority of the certificate is not for signing.")
            depth += 1


def read(path: Path) -> "Sequence[Certificate]":
    """Every certificate in a PEM file; raises InvalidKey when there is none."""
    return _from_pem(keys.content(path), path)


def _from_pem(data: bytes, path: Path) -> "Sequence[Certificate]":
    try:
        from cryptography.x509 import load_pem_x509_certificates
    except ImportError as error:
        raise MissingLibrary("A signature", "cryptography", "sign") from error
    try:
        return load_pem_x509_certificates(data)
    except _unreadable() as error:
        raise InvalidKey(f"`{path}` holds no certificate in PEM.") from error


def identities(certificate: "Certificate") -> Iterator[str]:
    """The identities in a certificate: e-mail addresses, URIs, DNS names, and the common name."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is not None:
        yield from (one.value for one in names if isinstance(one, kinds))
        return
    for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        yield str(name.value)


def _parsed(chain: list[bytes]) -> "Sequence[Certificate]":
    from cryptography.x509 import load_der_x509_certificate

    if not 0 < len(chain) <= _LONGEST:
        raise InvalidSignature(f"The signature has {len(chain)} certificates.")
    try:
        return [load_der_x509_certificate(one) for one in chain]
    except _unreadable() as error:
        raise InvalidSignature("The certificates cannot be read.") from error


def _unreadable() -> tuple[type[Exception], ...]:
    """What `cryptography` raises, some of it late, for a certificate that it cannot read."""
    from cryptography import exceptions, x509

    late = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
    return (ValueError, exceptions.UnsupportedAlgorithm, *late)


def _check_alone(certificate: "Certificate", now: datetime) -> None:
    """Check the dates of a certificate, and that it has no unknown critical extensions."""
    if now > certificate.not_valid_after_utc:
        until = certificate.not_valid_after_utc.date()
        raise InvalidSignature(f"The certificate has expired on {until}.")
    if now < certificate.not_valid_before_utc:
        raise InvalidSignature("The certificate is not valid yet.")
    try:
        extensions = list(certificate.extensions)
    except _unreadable() as error:
        raise InvalidSignature("The certificates cannot be read.") from error
    for extension in extensions:
        name = extension.oid.dotted_string
        if name == _NAMES or (extension.critical and name not in _UNDERSTOOD):
            raise InvalidSignature(f"The certificate needs extension {name}, which is unknown.")


def _is_current(certificate: "Certificate", now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _has_issued(issuer: "Certificate", issued: "Certificate", depth: int) -> bool:
    """Whether `issuer` has signed `issued`, and may, with `depth` authorities below itself."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature as Mismatch

    try:
        constraints = _extension(issuer, x509.BasicConstraints)
        usage = _extension(issuer, x509.KeyUsage)
        if constraints is None or not constraints.ca:
            return False
        if constraints.path_length is not None and constraints.path_length < depth:
            return False
        if usage is not None and not usage.key_cert_sign:
            return False
        issued.verify_directly_issued_by(issuer)
    except (TypeError, Mismatch):
        return False
    except _unreadable():
        return False
    return True


def _is_for_code(certificate: "Certificate") -> bool:
    """Whether its purposes allow it to sign code, or to vouch for who does.

    RFC 5280, 4.2.1.12: a certificate that lists purposes is for these alone, so that of a web
    server, which may make signatures as well, signs no model.
    """
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    allowed = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    return purposes is None or not allowed.isdisjoint(purposes)


def _may_sign(certificate: "Certificate") -> bool:
    """Whether its owner has it for code, or for signatures and for no other purpose."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and ExtendedKeyUsageOID.CODE_SIGNING in purposes:
        return True
    usage = _extension(certificate, x509.KeyUsage)
    return usage is not None and usage.digital_signature and _is_for_code(certificate)


def _extension(certificate: "Certificate", kind: "type[_Extension]") -> "_Extension | None":
    """One of its extensions; None if it has no such."""
    from cryptography.x509 import ExtensionNotFound

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None


def _elliptic(certificate: "Certificate") -> "EllipticCurvePublicKey":
    key = _key_of(certificate)
    if not keys.is_elliptic(key):
        raise InvalidSignature("The key of the certificate is not on P-256, P-384 or P-521.")
    return key


def _key_of(certificate: "Certificate") -> Any:
    """Its public key; None where it is of a kind or on a curve that is unknown."""
    try:
        return certificate.public_key()
    except _unreadable():
        return None


def _der(certificate: "Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
