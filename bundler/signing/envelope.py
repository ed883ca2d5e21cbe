"""Envelope: a statement and its signature, as a sigstore bundle around a DSSE envelope.

Source: docs.sigstore.dev/about/bundle; github.com/secure-systems-lab/dsse, protocol.md v1.0.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from ...runtime import canonical
from ..errors import InvalidSignature
from ..untrusted import strict_json
from .statement import PAYLOAD

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
LARGEST = 64 << 20  # bytes of a signature file: half a million files are named in that

Kind = Literal["key", "certificate", "sigstore"]
_KINDS: Mapping[str, Kind] = {
    "publicKey": "key",
    "x509CertificateChain": "certificate",
    "certificate": "sigstore",
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """One signature.

    payload    the signed bytes
    signature  over `pae(payload)`
    material   for the verifier: the hint of the key, or certificates
    """

    payload: bytes
    signature: bytes
    material: Mapping[str, Any]

    @classmethod
    def with_key(cls, payload: bytes, signature: bytes, hint: str) -> Self:
        """A signature made with a key; `hint` identifies the key."""
        return cls(payload, signature, {"publicKey": {"hint": hint}, "tlogEntries": []})

    @classmethod
    def with_chain(cls, payload: bytes, signature: bytes, chain: list[bytes]) -> Self:
        """Made with the key of the first of these certificates (DER)."""
        certificates = [{"rawBytes": _encoded(one)} for one in chain]
        held = {"x509CertificateChain": {"certificates": certificates}, "tlogEntries": []}
        return cls(payload, signature, held)

    def encode(self) -> bytes:
        """The bytes of a signature file."""
        return canonical.dumps(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": dict(self.material),
                "dsseEnvelope": {
                    "payload": _encoded(self.payload),
                    "payloadType": PAYLOAD,
                    "signatures": [{"sig": _encoded(self.signature), "keyid": ""}],
                },
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a signature file; raises InvalidSignature when it is none."""
        try:
            document = strict_json.loads(data)
            if document["mediaType"] != MEDIA_TYPE:
                raise ValueError(f"its type is {document['mediaType']!r}")  # noqa: TRY301
            envelope = document["dsseEnvelope"]
            if envelope["payloadType"] != PAYLOAD:
                raise ValueError(f"it signs {envelope['payloadType']!r}")  # noqa: TRY301
            signature, *others = envelope["signatures"] or [None]
            if signature is None or others:
                raise ValueError("it has no signature in it, or several")  # noqa: TRY301
            payload = _decoded(envelope["payload"])
            material = dict(document["verificationMaterial"])
            return cls(payload, _decoded(signature["sig"]), material)
        except KeyError as error:
            raise InvalidSignature(
                f"This is not a signature of a model: it lacks {error}."
            ) from error
        except (TypeError, AttributeError) as error:
            raise InvalidSignature(
                "This is not a signature of a model: a part of it is of another type."
            ) from error
        except ValueError as error:
            raise InvalidSignature(f"This is not a signature of a model: {error}.") from error

    @property
    def kind(self) -> Kind:
        """The kind of its signer; raises InvalidSignature if it is unknown."""
        kinds = [kind for key, kind in _KINDS.items() if self.material.get(key)]
        if len(kinds) != 1:
            raise InvalidSignature("The signature names neither a key nor a certificate.")
        return kinds[0]

    @property
    def hint(self) -> str | None:
        """The hint of its key; None in old signatures."""
        key = self.material.get("publicKey")
        hint = key.get("hint") if isinstance(key, dict) else None
        return hint if isinstance(hint, str) else None

    @property
    def chain(self) -> list[bytes]:
        """The certificates in it (DER), that of its key first."""
        try:
            listed = self.material["x509CertificateChain"]["certificates"]
            return [_decoded(one["rawBytes"]) for one in listed]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidSignature("The certificates cannot be read.") from error


def pae(payload: bytes) -> bytes:
    """The bytes that are signed for `payload`: DSSE's unambiguous encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError("its base64 is damaged") from error
