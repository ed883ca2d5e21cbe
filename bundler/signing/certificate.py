"""Certificates: the key of a certificate signs; whoever trusts its root learns whose it is.

The chain is checked at the time of the check, for a signature carries no time that anybody could
believe: when the certificate has expired, so has the signature.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import InvalidKey, InvalidSignature, MissingLibrary
from . import key as keys
from .envelope import Envelope

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.x509 import Certificate

_LONGEST = 8  # certificates between a signature and its root
_UNDERSTOOD = frozenset(
    ("2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37")
)  # key usage, alternative names, basic constraints, extended key usage


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
        if certificates[0].public_key() != private.public_key():
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
        who = f"`{identity}` by " if identity else ""
        return cls(read(path), f"{who}the certificates in `{path.name}`", identity)

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
            issuer = next((one for one in above if _has_issued(one, current, depth)), None)
            if issuer is None or depth > _LONGEST:
                raise InvalidSignature("No trusted authority has issued the certificate.")
            _check_alone(issuer, now)
            current, depth = issuer, depth + 1


def read(path: Path) -> "Sequence[Certificate]":
    """Every certificate in a PEM file; raises InvalidKey when there is none."""
    try:
        from cryptography.x509 import load_pem_x509_certificates
    except ImportError as error:
        raise MissingLibrary("A signature", "cryptography", "sign") from error
    data = keys.content(path)
    try:
        return load_pem_x509_certificates(data)
    except ValueError as error:
        raise InvalidKey(f"`{path}` holds no certificate in PEM.") from error


def identities(certificate: "Certificate") -> Iterator[str]:
    """The identities in a certificate: e-mail addresses, URIs, DNS names, and the common name."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        yield from (one.value for one in names if isinstance(one, kinds))
    except x509.ExtensionNotFound:
        for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            yield str(name.value)


def _parsed(chain: list[bytes]) -> "Sequence[Certificate]":
    from cryptography.x509 import load_der_x509_certificate

    if not 0 < len(chain) <= _LONGEST:
        raise InvalidSignature(f"The signature has {len(chain)} certificates.")
    try:
        return [load_der_x509_certificate(one) for one in chain]
    except ValueError as error:
        raise InvalidSignature("The certificates cannot be read.") from error


def _check_alone(certificate: "Certificate", now: datetime) -> None:
    """Check the dates of a certificate, and that it has no unknown critical extensions."""
    if now > certificate.not_valid_after_utc:
        until = certificate.not_valid_after_utc.date()
        raise InvalidSignature(f"The certificate has expired on {until}.")
    if now < certificate.not_valid_before_utc:
        raise InvalidSignature("The certificate is not valid yet.")
    try:
        critical = [one for one in certificate.extensions if one.critical]
    except ValueError as error:
        raise InvalidSignature("The certificates cannot be read.") from error
    for extension in critical:
        if extension.oid.dotted_string not in _UNDERSTOOD:
            raise InvalidSignature(
                f"The certificate needs extension {extension.oid.dotted_string}, which is unknown."
            )


def _has_issued(issuer: "Certificate", issued: "Certificate", depth: int) -> bool:
    """Whether `issuer` has signed `issued`, and may, with `depth` authorities below itself."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature as Mismatch

    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        longest = constraints.path_length
        if not constraints.ca or (longest is not None and longest < depth):
            return False
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.key_cert_sign:
            return False
    except x509.ExtensionNotFound as error:
        if error.oid == x509.BasicConstraints.oid:
            return False
    except ValueError:
        return False
    try:
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, Mismatch):
        return False
    return True


def _may_sign(certificate: "Certificate") -> bool:
    """Whether its owner has it for code, or for signatures and for no other purpose.

    RFC 5280, 4.2.1.12: a certificate that lists purposes is for these alone, so that of a web
    server, which may make signatures as well, signs no model.
    """
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.CODE_SIGNING in purposes:
            return True
        if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in purposes:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.digital_signature


def _elliptic(certificate: "Certificate") -> "EllipticCurvePublicKey":
    key = certificate.public_key()
    if not keys.is_elliptic(key):
        raise InvalidSignature("The key of the certificate is not on P-256, P-384 or P-521.")
    return key


def _der(certificate: "Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
