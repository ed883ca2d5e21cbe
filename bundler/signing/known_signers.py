"""Known signers: the verifiers for a key file, a root certificate or an identity."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import InvalidKey
from .certificate import CertificateVerifier
from .key import KeyVerifier, content
from .signer import Verifier
from .sigstore import SigstoreVerifier

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def from_file(path: Path, identity: str | None = None) -> Verifier:
    """The verifier for a PEM file: a public key, or root certificates.

    Raises:
        InvalidKey: when it is neither, or if it is a key and an `identity` is given.
    """
    data = content(path)  # once: it may be a pipe
    if _CERTIFICATE in data:
        return CertificateVerifier.parse(data, path, identity)
    if identity is not None:
        raise InvalidKey(
            f"`{path}` holds no certificate, and nothing else says who `{identity}` is.",
            hint="Name the certificates that vouch for it, or leave out the identity.",
        )
    return KeyVerifier.parse(data, path)


def named(
    files: Sequence[Path], identity: str | None, issuer: str | None, trust: Path | None = None
) -> list[Verifier]:
    """The verifiers for the options of the command line or the entries of a policy.

    `identity` is that of a certificate if files are given, else one of sigstore.

    Raises:
        InvalidKey: for a file of another kind than that, or beside what only sigstore has.
    """
    if files and (issuer is not None or trust is not None):
        raise InvalidKey(
            "An issuer and a trust configuration are sigstore's: a key or a certificate has none.",
            hint="Name either files, or an identity and its issuer.",
        )
    if files:
        return [from_file(path, identity) for path in files]
    if not identity or not issuer:
        return []
    return [SigstoreVerifier(identity, issuer, trust)]
