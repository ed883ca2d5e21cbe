"""`bundle verify`: compares stored bytes with their digests."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from ....bundler.errors import Damaged
from ...options.completion import any_tags
from ...options.options import Json, Quiet
from ...terminal.console import Console
from ...terminal.failed import Failed
from ...usage import WrongUsage
from ..item_json import to_json
from .required_signers import RequiredSigners
from .sign import TrustConfig

if TYPE_CHECKING:
    from ....bundler.store import Item, Store
    from ....bundler.store.upkeep.verifying import Damage

Tag = Annotated[
    str | None,
    Argument(
        metavar="[TAG|DIR]",
        help="A bundle, a model, or the directory of a bundle; default: the whole store.",
        autocompletion=any_tags,
    ),
]


Repair = Annotated[
    bool, Option("--repair", help="Repair damaged files from copies with the right digest.")
]
From = Annotated[
    list[str] | None,
    Option(
        "--from",
        metavar="ARCHIVE|DIR",
        help="Where `--repair` looks for copies, beside the store itself; repeatable.",
    ),
]

Signer = Annotated[
    list[Path] | None,
    Option(
        "--signer",
        metavar="FILE",
        help="Who must have signed it: a public key, or certificates; repeatable.",
    ),
]
Identity = Annotated[
    str | None, Option("--identity", help="Who must have signed it, by certificate or sigstore.")
]
Issuer = Annotated[
    str | None,
    Option("--issuer", metavar="URL", help="Who must have issued --identity, for sigstore."),
]
SignatureFile = Annotated[
    list[Path] | None,
    Option("--signature", metavar="FILE", help="A signature that is not in the store; repeatable."),
]


def verify(
    tag: Tag = None,
    repair: Repair = False,
    from_: From = None,
    signer: Signer = None,
    identity: Identity = None,
    issuer: Issuer = None,
    trust_config: TrustConfig = None,
    signature: SignatureFile = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Hash the stored bytes again and compare.

    Examples:

      bundle verify

      bundle verify fraud:1.4.0

      bundle verify ./unpacked-bundle

      bundle verify --repair --from backup.tar

      bundle verify fraud --signer release.pub

      bundle verify ./unpacked-bundle --signer release.pub --signature fraud.sig
    """
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    if from_ and not repair:
        raise WrongUsage("`--from` is for `--repair`.", hint="Add `--repair`.")
    required = RequiredSigners(signer or [], identity, issuer, trust_config, signature or [])
    if required.is_asked and (tag is None or repair):
        raise WrongUsage("Whose signature shall it have?", hint="Name one bundle or one model.")
    if tag and (Path(tag) / "bundle.json").is_file():
        if repair:
            raise WrongUsage(
                "A directory is not repaired in place.", hint="Copy it again from where it was."
            )
        return _verify_directory(Path(tag), required, console)
    if tag and tag.startswith((".", "/")):
        raise _not_a_directory(tag)
    store = Store.default()
    items = None if tag is None else [store.find(tag, damaged=repair)]
    if repair:
        return _repair(store, items, from_ or [], console)
    return _verify_items(store, items, required, console)


def _not_a_directory(path: str) -> WrongUsage:
    return WrongUsage(
        f"`{path}` is not the directory of a bundle: there is no `bundle.json` in it.",
        hint="`bundle show TAG` names the directory of a bundle in the store; an archive is "
        "verified while it is imported.",
    )


def _repair(
    store: "Store", items: "list[Item] | None", sources: list[str], console: Console
) -> None:
    from ....bundler.archives import ArchiveCopies

    repaired = store.repair(items, [ArchiveCopies(source) for source in sources], console)
    mended = [asdict(damage) for damage in repaired.mended]
    known = {} if items is None else to_json(items[0])
    data = known | {"ok": not repaired.left, "mended": mended}
    if repaired.left:
        raise _failed(repaired.left, data)
    text = f"Mended {len(mended)} files." if mended else "Nothing was damaged."
    console.result(data | {"damaged": []}, text)


def _failed(damages: "list[Damage]", data: dict[str, Any]) -> Failed:
    text = "\n".join(f"`{damage.tag}`: {damage.path}: {damage.what}" for damage in damages)
    hint = "Mend it with `bundle verify --repair --from ARCHIVE`, or save or build it again."
    found = {"damaged": [asdict(damage) for damage in damages]}
    return Failed(text, data | found, hint=hint, exit_code=Damaged.exit_code)


def _verify_items(
    store: "Store", items: "list[Item] | None", required: RequiredSigners, console: Console
) -> None:
    damages = store.verify(items, progress=console)
    if damages:
        raise _failed(damages, {"ok": False})
    if items is not None and required.is_asked:
        _say_signer(items[0], required.of_item(items[0], store), console)
        return
    known = {} if items is None else to_json(items[0])
    subject = "Every model and bundle" if items is None else f"`{items[0].tag}`"
    console.result(known | {"ok": True, "damaged": []}, f"{subject} is as it was stored.")


def _say_signer(item: "Item", signer: str, console: Console) -> None:
    data = to_json(item) | {"ok": True, "damaged": [], "signer": signer}
    console.result(data, f"`{item.tag}` is as it was signed by {signer}.")


def _verify_directory(directory: Path, required: RequiredSigners, console: Console) -> None:
    from ....bundler.checking import verify as verify_directory

    digest = verify_directory(directory, console, with_caches=required.is_asked)
    data: dict[str, Any] = {
        "tag": None,
        "digest": digest.removeprefix("sha256:"),
        "path": str(directory),
    }
    data |= {"ok": True, "damaged": []}
    text = f"`{directory}` is bundle {digest}, whole."
    if required.is_asked:
        data["signer"] = required.of_directory(directory)
        text = f"{text[:-1]}, and signed by {data['signer']}."
    console.result(data, text)
