"""`bundle list`, and the rows that `bundle models list` shares with it."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from ....bundler.tag import Kind
from ...options.options import Json, Quiet
from ...terminal.console import Console
from ...terminal.size import human
from ..item_json import to_json

if TYPE_CHECKING:
    from ....bundler.store import Item

NamePrefix = Annotated[str | None, Argument(metavar="[NAME]", help="Only this name.")]


def list_bundles(name: NamePrefix = None, json: Json = False, quiet: Quiet = False) -> None:
    """List the bundles in the store.

    Examples:

      bundle list

      bundle list fraud --json
    """
    show_items("bundle", name, Console(json=json, quiet=quiet))


def show_items(kind: Kind, name: str | None, console: Console) -> None:
    """Say every item of a kind."""
    from ....bundler.store import Store

    stored = Store.default().items(kind)
    items = [item for item in stored if name in {None, item.name}]
    plural = f"{kind}s"
    columns = ("TAG", "ALIASES", "FRAMEWORK", "SIZE", "SAVED", "NOTE")
    rows = [_row(item) for item in items]
    console.table({plural: [to_json(item) for item in items]}, columns, rows)
    for item in items:
        if item.damaged:
            console.warning(f"`{item.tag}` is damaged: {item.damaged}")
    if not stored:
        first = "bundle save NAME SOURCE" if kind == "model" else "bundle build"
        console.step(f"No {plural} here yet; make one with `{first}`.")
    elif not items:
        console.step(f"No {kind} is named `{name}`.")


def _row(item: "Item") -> Sequence[str]:
    note = "damaged" if item.damaged else "runs code" if item.executes_code else ""
    aliases = " ".join(f"@{alias}" for alias in item.aliases)
    return (item.tag, aliases, item.framework or "", human(item.size), _ago(item.created), note)


def _ago(created: float) -> str:
    seconds = max(0, time.time() - created)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return "just now"
