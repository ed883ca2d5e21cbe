"""`bundle pull`: copies a model or bundle from a registry or a shared directory."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ...options.options import Json, PlainHttp, Quiet
from ...terminal.console import Console
from ...terminal.size import human
from ..item_json import to_json
from .importing import came_along

if TYPE_CHECKING:
    from ....bundler.store import Item

Reference = Annotated[
    str,
    Argument(
        metavar="REFERENCE", help="`HOST/REPOSITORY[:TAG|@sha256:…]`, or a directory `DIR[:NAME]`."
    ),
]
As = Annotated[
    str | None, Option("--as", metavar="NAME[:VERSION]", help="Name here; default: its own.")
]
Aliases = Annotated[
    list[str] | None,
    Option("--alias", metavar="NAME", help="`production`, `canary`, ...; repeatable."),
]


def pull(
    reference: Reference,
    as_name: As = None,
    alias: Aliases = None,
    plain_http: PlainHttp = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Pull a bundle or a model; run nothing, trust nothing.

    Examples:

      bundle pull registry.example.com/team/iris:2.1

      bundle pull ghcr.io/team/fraud:production --as fraud --alias production

      bundle pull /mnt/models:iris:2.1
    """
    from ....bundler.registry.pulling import Wanted
    from ....bundler.registry.pulling import pull as pull_item
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    store = Store.default()
    wanted = Wanted.parse(as_name, tuple(alias or ()))
    done = pull_item(reference, store, wanted=wanted, plain_http=plain_http, progress=console)
    is_trusted = store.trust.is_trusted(done.item.digest)
    data = to_json(done.item) | {
        "reference": reference,
        "manifest": done.manifest,
        "fetched": done.fetched,
        "present": done.present,
        "signatures": done.signatures,
        "trusted": is_trusted,
    }
    here = f", {human(done.present)} were here" if done.present else ""
    lines = [f"Pulled `{done.item.tag}`: {human(done.fetched)}{here}."]
    if done.signatures:
        lines.append(came_along(done.signatures))
    lines += [] if is_trusted else _strange(done.item)
    tag = f"{done.item.kind}:{done.item.tag}"
    verb = "serve" if is_trusted or not done.item.executes_code else "show"
    console.result(data, "\n".join(lines), next_command=f"bundle {verb} {tag}")


def _strange(item: "Item") -> list[str]:
    if not item.executes_code:
        return []
    once = f"`bundle serve {item.kind}:{item.tag} --trust`"
    return [
        "It runs code, and it is not trusted on this machine.",
        f"If you know where it comes from: {once}, once.",
    ]
