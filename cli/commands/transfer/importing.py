"""`bundle import`: adds what `bundle export` wrote to the store."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ....bundler.tag import Kind
from ...options.options import Json, Quiet
from ...terminal.console import Console
from ...terminal.size import human
from ..item_json import to_json

if TYPE_CHECKING:
    from ....bundler.archives import Imported

Source = Annotated[
    str,
    Argument(
        metavar="SRC", help="A .tar, a .tar.zst, an OCI layout directory, a URL; - for stdin."
    ),
]
Rename = Annotated[
    str | None,
    Option("--as", metavar="NAME[:VERSION]", help="Tag; default: the one in the archive."),
]
Aliases = Annotated[
    list[str] | None,
    Option("--alias", metavar="NAME", help="`production`, `canary`, ...; repeatable."),
]


def import_any(
    src: Source,
    rename: Rename = None,
    alias: Aliases = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Import a bundle or a model; run nothing, trust nothing.

    Examples:

      bundle import fraud.tar

      bundle import s3://models/iris.tar --as iris:2.1 --alias production

      ssh host bundle export fraud - | bundle import -
    """
    _import(src, None, (rename, alias), Console(json=json, quiet=quiet))


def import_model(
    src: Source,
    rename: Rename = None,
    alias: Aliases = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Import a model; run nothing, trust nothing.

    Example:

      bundle models import iris.tar
    """
    _import(src, "model", (rename, alias), Console(json=json, quiet=quiet))


def _import(
    source: str, kind: Kind | None, named: tuple[str | None, list[str] | None], console: Console
) -> None:
    from ....bundler.archives import import_item
    from ....bundler.store import Store

    store, (rename, aliases) = Store.default(), named
    came = import_item(
        store, source, kind=kind, rename=rename, aliases=tuple(aliases or ()), progress=console
    )
    _say(came, console, is_trusted=store.trust.is_trusted(came.item.digest))


def _say(came: "Imported", console: Console, *, is_trusted: bool) -> None:
    item = came.item
    news = f"{human(came.written)} of them new" if came.written else "all of them here already"
    text = f"Imported {item.kind} `{item.tag}` ({human(item.size)}, {news})."
    runs = item.executes_code and not is_trusted
    if runs:
        console.warning(
            f"`{item.tag}` runs code that is not trusted on this machine. Look at it with "
            f"`bundle show {item.kind}:{item.tag}`; if you know where it comes from, add `--trust` "
            "when it is served."
        )
    if came.signatures:
        text += f" {came_along(came.signatures)}"
    data = {"trusted": is_trusted, "written": came.written, "signatures": came.signatures}
    served = f"bundle serve {item.kind}:{item.tag}"
    console.result(to_json(item) | data, text, next_command=f"{served} --trust" if runs else served)


def came_along(signatures: int) -> str:
    """The sentence about the signatures of what came from elsewhere."""
    count = "A signature" if signatures == 1 else f"{signatures} signatures"
    return f"{count} came along: `bundle verify --signer KEY` says whose."
