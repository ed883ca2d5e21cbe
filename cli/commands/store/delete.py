"""`bundle delete`, and the deletion that `bundle models delete` shares with it."""

import sys

import typer

from ....bundler.tag import Kind
from ....runtime.errors import BundleError
from ...options.options import BundleTag, Json, Quiet, Yes
from ...terminal.console import Console
from ...terminal.size import human
from ..item_json import to_json


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
    item = store.find(tag, kind)
    if not yes and sys.stdin.isatty() and not typer.confirm(f"Delete {kind} {item.tag}?", err=True):
        command = "bundle models delete" if kind == "model" else "bundle delete"
        hint = f"`{command} -y {item.tag}` does not ask."
        raise BundleError(f"`{item.tag}` was kept.", hint=hint)
    store.delete(item)
    text = f"Deleted `{item.tag}` ({human(item.size)})."
    console.result(to_json(item), text, next_command="bundle gc")
