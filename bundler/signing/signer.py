"""Signer and Verifier: what signs a statement, and what says whose signature it is."""

from typing import Protocol

from .envelope import Envelope


class Signer(Protocol):
    """Signs with a key, a certificate, or an identity of sigstore."""

    def sign(self, payload: bytes) -> bytes:
        """The signature file for a statement."""


class Verifier(Protocol):
    """Knows one signer."""

    @property
    def name(self) -> str:
        """Who it is, in a sentence: "the key release.pub"."""

    def verify(self, envelope: Envelope, data: bytes) -> None:
        """Say nothing when the payload was signed by this one; `data` is the whole file.

        Raises:
            InvalidSignature: when it was not.
        """
