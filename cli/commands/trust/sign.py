"""`bundle sign`: stores a signature beside a bundle or a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ...options.completion import any_tags
from ...options.options import Json, Quiet
from ...terminal import output_file
from ...terminal.console import Console
from ...usage import WrongUsage
from ..item_json import to_json

if TYPE_CHECKING:
    from ....bundler.signing import Signer
    from ....bundler.store import Item, Store

Tag = Annotated[str, Argument(metavar="TAG", help="A bundle or a model.", autocompletion=any_tags)]
Key = Annotated[
    Path | None, Option("--key", metavar="FILE", help="Private key, elliptic curve, PEM.")
]
Certificate = Annotated[
    Path | None,
    Option("--certificate", metavar="FILE", help="Certificate of --key and its chain, PEM."),
]
Sigstore = Annotated[
    bool, Option("--sigstore", help="Sign with your identity; the public log records it.")
]
TrustConfig = Annotated[
    Path | None,
    Option("--trust-config", metavar="FILE", help="A sigstore instance other than the public one."),
]
Attach = Annotated[
    Path | None,
    Option("--attach", metavar="FILE", help="Keep a signature that was made elsewhere."),
]
Output = Annotated[
    Path | None, Option("--output", "-o", metavar="FILE", help="Write the signature there, too.")
]


def sign(
    tag: Tag,
    key: Key = None,
    certificate: Certificate = None,
    sigstore: Sigstore = False,
    trust_config: TrustConfig = None,
    attach: Attach = None,
    output: Output = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sign a bundle or a model; keep the signature beside it.

    Its format is that of OpenSSF model signing: `model_signing verify` checks it as well.

    Examples:

      bundle sign fraud --key release.pem

      bundle sign fraud --certificate chain.pem --key release.pem -o fraud.sig

      bundle sign model:iris --sigstore

      bundle sign model:iris --attach iris.sig
    """
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    ways = [key is not None, sigstore, attach is not None]
    if sum(ways) != 1 or (certificate and not key) or (trust_config and not sigstore):
        raise WrongUsage(
            "A signature needs one of `--key`, `--sigstore` and `--attach`.",
            hint="`--certificate` goes with `--key`, and `--trust-config` with `--sigstore`.",
        )
    store = Store.default()
    item = store.find(tag)
    if attach is not None:
        data = _attached(item, store, attach)
    else:
        data = _signed(item, store, _signer(key, certificate, trust_config))
    if output is not None:
        output_file.write(output, data)
    _say(item, data, output, console)


def _signer(key: Path | None, certificate: Path | None, trust: Path | None) -> "Signer":
    from ....bundler.signing import CertificateSigner, KeySigner
    from ....bundler.signing.sigstore import SigstoreSigner

    if key is None:
        return SigstoreSigner(trust)
    return KeySigner.read(key) if certificate is None else CertificateSigner.read(key, certificate)


def _signed(item: "Item", store: "Store", signer: "Signer") -> bytes:
    from ....bundler.signing import sign as sign_item

    return sign_item(item, store, signer)


def _attached(item: "Item", store: "Store", path: Path) -> bytes:
    from ....bundler.signing import attach as attach_to
    from ....bundler.signing.key import content

    data = content(path)
    attach_to(item, store, data)
    return data


def _say(item: "Item", data: bytes, output: Path | None, console: Console) -> None:
    from ....bundler.signing import Envelope
    from ....bundler.store import Blob

    kind = Envelope.parse(data).kind
    signature = {"kind": kind, "digest": Blob.of_bytes(data).digest, "size": len(data)}
    signature |= {"file": str(output) if output else None}
    text = f"`{item.tag}` has a signature ({kind})."
    console.result(to_json(item) | {"signature": signature}, text)
