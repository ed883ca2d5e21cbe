"""`bundle verify`: the stored bytes against their digests."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..bundler.errors import Damaged
from .completion import any_tags
from .console import Console
from .failed import Failed
from .listing import to_json
from .options import Json, Quiet

if TYPE_CHECKING:
    from ..bundler.store import Item, Store

Tag = Annotated[
    str | None,
    typer.Argument(
        metavar="[TAG|DIR]",
        help="A bundle, a model, or the directory of a bundle; default: the whole store.",
        autocompletion=any_tags,
    ),
]


def verify(tag: Tag = None, json: Json = False, quiet: Quiet = False) -> None:
    """Hash the stored bytes again and compare.

    Examples:

      bundle verify

      bundle verify fraud:1.4.0

      bundle verify ./unpacked-bundle
    """
    from ..bundler.store import Store

    console = Console(json=json, quiet=quiet)
    if tag and (Path(tag) / "bundle.json").is_file():
        return _verify_directory(Path(tag), console)
    store = Store.default()
    return _verify_items(store, [store.find(tag)] if tag else None, console)


def _verify_items(store: "Store", items: "list[Item] | None", console: Console) -> None:
    damages = store.verify(items, progress=console)
    if damages:
        text = "\n".join(f"`{damage.tag}`: {damage.path}: {damage.what}" for damage in damages)
        data = {"ok": False, "damaged": [asdict(damage) for damage in damages]}
        hint = "Save or build it again, then run `bundle gc`."
        raise Failed(text, data, hint=hint, exit_code=Damaged.exit_code)
    known = {} if items is None else to_json(items[0])
    what = "Every model and bundle" if items is None else f"`{items[0].tag}`"
    console.result(known | {"ok": True, "damaged": []}, f"{what} is as it was stored.")


def _verify_directory(directory: Path, console: Console) -> None:
    from ..bundler.checking import verify as verify_directory

    digest = verify_directory(directory, console)
    data: dict[str, Any] = {
        "tag": None,
        "digest": digest.removeprefix("sha256:"),
        "path": str(directory),
    }
    data |= {"ok": True, "damaged": []}
    console.result(data, f"`{directory}` is bundle {digest}, whole.")
