"""Signatures of models and bundles, in the format of OpenSSF model signing."""

from .certificate import CertificateSigner, CertificateVerifier
from .envelope import Envelope
from .key import KeySigner, KeyVerifier
from .signer import Signer, Verifier
from .signing import ARTIFACT, Signed, attach, sign, signatures, verify, verify_directory
from .statement import Statement

__all__ = [
    "ARTIFACT", "CertificateSigner", "CertificateVerifier", "Envelope", "KeySigner", "KeyVerifier",
    "Signed", "Signer", "Statement", "Verifier", "attach", "sign", "signatures", "verify",
    "verify_directory",
]  # fmt: skip
