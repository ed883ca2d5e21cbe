"""`bundle push`: copies a model or bundle to a registry or a shared directory."""

import shlex
from typing import Annotated

from typer import Argument, Option

from ...options.completion import any_tags
from ...options.options import Json, PlainHttp, Quiet
from ...terminal.console import Console
from ...terminal.size import human
from ..item_json import to_json

Tag = Annotated[str, Argument(metavar="TAG", help="A bundle or a model.", autocompletion=any_tags)]
Reference = Annotated[
    str, Argument(metavar="REFERENCE", help="`HOST/REPOSITORY[:TAG]`, or a directory `DIR[:NAME]`.")
]
Force = Annotated[
    bool, Option("--force", help="Replace a version that is there with other content.")
]


def push(
    tag: Tag,
    reference: Reference,
    force: Force = False,
    plain_http: PlainHttp = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Push a bundle or a model to a registry or a directory.

    Examples:

      bundle push iris:2.1 registry.example.com/team/iris

      bundle push bundle:fraud ghcr.io/team/fraud:production

      bundle push iris /mnt/models
    """
    from ....bundler.registry.pushing import push as push_item
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    done = push_item(
        tag, reference, Store.default(), plain_http=plain_http, force=force, progress=console
    )
    data = to_json(done.item) | {
        "references": list(done.references),
        "manifest": done.manifest,
        "sent": done.sent,
        "mounted": done.mounted,
        "present": done.present,
        "signatures": done.signatures,
    }
    spared = done.mounted + done.present
    there = f", {human(spared)} were there" if spared else ""
    sent = f"{human(done.sent)}{there}{_with(done.signatures)}"
    text = f"Pushed `{done.item.tag}` to `{done.references[0]}`: {sent}."
    plain = " --plain-http" if plain_http else ""
    pulled = f"bundle pull {shlex.quote(done.references[0])}{plain}"
    console.result(data, text, next_command=pulled)


def _with(signatures: int) -> str:
    if not signatures:
        return ""
    return f", with {signatures} signature{'s' if signatures > 1 else ''}"
