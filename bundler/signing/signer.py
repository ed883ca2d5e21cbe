"""Signer and Verifier: sign a statement, and verify a signature."""

from typing import Protocol

from .envelope import Envelope


class Signer(Protocol):
    """Signs with a key, a certificate, or an identity of sigstore."""

    def sign(self, payload: bytes) -> bytes:
        """The signature file for a statement."""


class Verifier(Protocol):
    """Verifies the signatures of one signer."""

    @property
    def name(self) -> str:
        """The signer in words: "the key release.pub"."""

    def verify(self, envelope: Envelope, data: bytes) -> None:
        """Verify that the payload was signed by this signer; `data` is the whole file.

        Raises:
            InvalidSignature: when it was not.
        """
