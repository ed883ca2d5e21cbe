"""`bundle delete`, and the deletion that `bundle models delete` shares with it."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from ....bundler.errors import NotFound
from ....bundler.tag import Kind, Tag
from ....runtime.errors import BundleError
from ...options.options import BundleTag, Json, Quiet, Yes
from ...terminal.console import Console
from ...terminal.size import human
from ..item_json import to_json

if TYPE_CHECKING:
    from ....bundler.store import Item, Store

COMMANDS: Mapping[Kind, str] = {"model": "bundle models delete", "bundle": "bundle delete"}
LISTS: Mapping[Kind, str] = {"model": "bundle models list", "bundle": "bundle list"}


def delete(bundle: BundleTag, yes: Yes = False, json: Json = False, quiet: Quiet = False) -> None:
    """Delete a bundle; `bundle gc` then frees its bytes.

    Example:

      bundle delete fraud:1.4.0
    """
    delete_item(bundle, "bundle", Console(json=json, quiet=quiet), yes=yes)


def delete_item(tag: str, kind: Kind, console: Console, *, yes: bool) -> None:
    """Delete an item after a question, where somebody can answer one."""
    from ....bundler.store import Store

    store = Store.default()
    item = _find(store, tag, kind)
    if not yes and sys.stdin.isatty() and not typer.confirm(f"Delete {kind} {item.tag}?", err=True):
        hint = f"`{COMMANDS[kind]} -y {item.tag}` does not ask."
        raise BundleError(f"`{item.tag}` was kept.", hint=hint)
    store.delete(item)
    text = f"Deleted `{item.tag}` ({human(item.size)})."
    console.result(to_json(item), text, next_command="bundle gc")


def _find(store: "Store", tag: str, kind: Kind) -> "Item":
    try:
        item = store.find(tag, kind, damaged=True)
        is_meant = not item.damaged or Tag.parse(tag, kind).version
        return item if is_meant else store.find(tag, kind)  # which tells the version to name
    except NotFound as error:
        if not error.other:
            raise
        hint = _of_other(store, tag, error.other)
        raise BundleError(str(error), hint=hint) from error  # not how to build one of it


def _of_other(store: "Store", tag: str, kind: Kind) -> str:
    """What to type where something of the other kind has this name."""
    try:
        store.find(tag, kind, damaged=True)
    except NotFound:
        name = Tag.parse(tag, kind).name
        return f"A {kind} is named `{name}`, but has no such version: `{LISTS[kind]} {name}`."
    return f"It is a {kind}: `{COMMANDS[kind]} {tag}`."
