"""`bundle models`: the saved models."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from ...command import Command, Group
from ...options.options import Json, ModelTag, Quiet, Yes
from ...terminal.console import Console
from ..item_json import to_json
from ..transfer.export import export_model
from ..transfer.importing import import_model
from .delete import delete_item
from .listing import NamePrefix, show_items
from .show import show_item

if TYPE_CHECKING:
    from typer import Typer


def create_app() -> "Typer":
    """Put the verbs of models under `bundle models`."""
    app = typer.Typer(
        help="List, show, delete, alias, export and import saved models.",
        cls=Group,
        rich_markup_mode=None,
    )
    for name, function in VERBS.items():
        app.command(name, cls=Command)(function)
    return app


def list_models(name: NamePrefix = None, json: Json = False, quiet: Quiet = False) -> None:
    """List the models in the store.

    Examples:

      bundle models list

      bundle models list iris --json
    """
    show_items("model", name, Console(json=json, quiet=quiet))


def show_model(model: ModelTag, json: Json = False, quiet: Quiet = False) -> None:
    """Show all of a model; run nothing.

    Example:

      bundle models show iris:latest
    """
    show_item(model, "model", Console(json=json, quiet=quiet))


def delete_model(
    model: ModelTag, yes: Yes = False, json: Json = False, quiet: Quiet = False
) -> None:
    """Delete a model; `bundle gc` then frees its bytes.

    Example:

      bundle models delete iris:3f1a9c0b7d22
    """
    delete_item(model, "model", Console(json=json, quiet=quiet), yes=yes)


AliasName = Annotated[str, Argument(metavar="ALIAS", help="`production`, `canary`, ...")]
Remove = Annotated[bool, Option("--remove", help="Remove the alias.")]


def alias(
    model: ModelTag,
    alias: AliasName,
    remove: Remove = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Point a movable name at a model's version.

    Examples:

      bundle models alias fraud:2.1 production

      bundle models alias fraud canary --remove
    """
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    store = Store.default()
    item = store.find(model, "model")
    if remove:
        store.find(f"{item.name}@{alias}", "model")  # else says which alias was meant
        store.unalias("model", item.name, alias)
        text = f"Removed `{item.name}@{alias}`."
    else:
        store.alias(item, alias)
        text = f"`{item.name}@{alias}` is `{item.tag}`."
    console.result(to_json(store.find(item.tag, "model")), text)


VERBS: dict[str, Callable[..., None]] = {
    "list": list_models,
    "show": show_model,
    "delete": delete_model,
    "alias": alias,
    "export": export_model,
    "import": import_model,
}
