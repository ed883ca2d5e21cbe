"""Sigstore: an identity signs, with a certificate of minutes and an entry in a public log.

All of it is done by the package `sigstore`, which is imported when it is asked for. It needs the
network: to sign always, to check until it has the roots.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...runtime.errors import BundleError, in_short
from ..errors import InvalidKey, InvalidSignature, MissingLibrary
from .envelope import Envelope
from .key import content
from .statement import PAYLOAD

TOKEN = "SIGSTORE_ID_TOKEN"  # noqa: S105 - the name of the variable
_CLIENT = "sigstore"


@dataclass(frozen=True, slots=True)
class SigstoreSigner:
    """Signs with the identity of a token, a workload or a browser login.

    trust  the roots and addresses of another sigstore than the public one
    """

    trust: Path | None = None

    def sign(self, payload: bytes) -> bytes:
        """The signature file for a statement.

        Raises:
            MissingLibrary: when `sigstore` is not installed.
            BundleError: when sigstore cannot be reached, or knows no identity.
        """
        with _told("sign"):
            from sigstore.dsse import Statement
            from sigstore.sign import SigningContext

            config = _config(self.trust)
            context = SigningContext.from_trust_config(config)
            with context.signer(_token(config)) as signer:
                return str(signer.sign_dsse(Statement(payload)).to_json()).encode()


@dataclass(frozen=True, slots=True)
class SigstoreVerifier:
    """Verifies signatures of an identity.

    identity  an e-mail address, or the URI of a workflow
    issuer    of its tokens, "https://accounts.google.com"
    """

    identity: str
    issuer: str
    trust: Path | None = None

    @property
    def name(self) -> str:
        """The signer in words."""
        return f"`{self.identity}` of {self.issuer}"

    def verify(self, envelope: Envelope, data: bytes) -> None:
        """Verify that the payload was signed by this identity, with an entry in the log.

        Raises:
            InvalidSignature: when it was not.
            MissingLibrary: when `sigstore` is not installed.
        """
        if envelope.kind != "sigstore":
            raise InvalidSignature("The signature was not made with sigstore.")
        with _told("check the signature"):
            kind, payload = self._verified(data)
        if kind != PAYLOAD or payload != envelope.payload:
            raise InvalidSignature("The signature does not match its statement.")

    def _verified(self, data: bytes) -> tuple[str, bytes]:
        from sigstore.errors import Error
        from sigstore.models import Bundle
        from sigstore.verify import Verifier, policy

        who = policy.Identity(identity=self.identity, issuer=self.issuer)
        verifier = Verifier(trusted_root=_config(self.trust).trusted_root)
        try:
            found: tuple[str, bytes] = verifier.verify_dsse(Bundle.from_json(data), who)
        except (Error, ValueError) as error:
            raise InvalidSignature(f"Sigstore rejects it: {in_short(error)}.") from error
        return found


def _config(trust: Path | None) -> Any:
    from sigstore.models import ClientTrustConfig

    if trust is None:
        return ClientTrustConfig.production()
    try:
        return ClientTrustConfig.from_json(content(trust).decode())
    except ValueError as error:
        raise InvalidKey(f"`{trust}` is not a trust configuration of sigstore.") from error


def _token(config: Any) -> Any:
    """The identity token: `$SIGSTORE_ID_TOKEN`, this machine's workload, or a browser login."""
    import sys

    from sigstore.oidc import IdentityToken, Issuer, detect_credential

    raw = os.environ.get(TOKEN) or detect_credential(_CLIENT)
    if raw:
        return IdentityToken(raw, _CLIENT)
    if not sys.stdin.isatty():
        raise BundleError(
            "There is no terminal to log in to sigstore.",
            hint=f"Put a token into `{TOKEN}`, or sign with `--key KEY.pem`.",
        )
    return Issuer(config.signing_config.get_oidc_url()).identity_token(client_id=_CLIENT)


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Convert an exception of the package to a message; they have no common base class."""
    try:
        yield
    except ImportError as error:
        raise MissingLibrary("Sigstore", "sigstore", "sigstore") from error
    except BundleError:
        raise
    except Exception as error:
        raise BundleError(
            f"Sigstore could not {doing}: {in_short(error)}.",
            hint="Is the network there? `--key KEY.pem` needs none.",
        ) from error
