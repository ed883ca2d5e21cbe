"""`bundle trust`: lists, and withdraws, what may run code on this machine."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument

from ...command import Command, Group
from ...options.completion import any_tags
from ...options.options import Json, Quiet
from ...terminal.console import Console

if TYPE_CHECKING:
    from typer import Typer

    from ....bundler.store import Store
    from ....bundler.withdrawal import Withdrawal

What = Annotated[
    str,
    Argument(
        metavar="TAG|DIGEST", help="A bundle, a model, or 64 hex digits.", autocompletion=any_tags
    ),
]


def create_app() -> "Typer":
    """Put the verbs of trust under `bundle trust`."""
    app = typer.Typer(
        help="List what may run code on this machine; withdraw it.",
        cls=Group,
        rich_markup_mode=None,
    )
    for name, function in VERBS.items():
        app.command(name, cls=Command)(function)
    return app


def list_trusted(json: Json = False, quiet: Quiet = False) -> None:
    """List what is trusted on this machine, and why.

    Example:

      bundle trust list
    """
    from ....bundler.store import Store

    console, store = Console(json=json, quiet=quiet), Store.default()
    tags = _tags(store)
    granted = [(one, tags.get(one.digest, [])) for one in store.trust.granted()]
    found = [
        {"digest": one.digest[7:], "tags": named, "reason": one.reason} for one, named in granted
    ]
    rows = [(one.digest[7:19], " ".join(named), one.reason or "") for one, named in granted]
    console.table({"trusted": found}, ("DIGEST", "TAGS", "REASON"), rows)
    if not found:
        console.step("Nothing is trusted on this machine yet.")


def withdraw(what: What, json: Json = False, quiet: Quiet = False) -> None:
    """Withdraw trust from a bundle or a model.

    Bundles that were built of the model here lose it, too.

    Examples:

      bundle trust withdraw fraud:1.4.0

      bundle trust withdraw model:fraud
    """
    from ....bundler.store import Store
    from ....bundler.withdrawal import Withdrawal

    console, store = Console(json=json, quiet=quiet), Store.default()
    done, tags = Withdrawal.of(what, store), _tags(store)
    for sentence in _still(done):
        console.warning(sentence)
    names = [" ".join(tags.get(one, [])) or one[7:19] for one in done.digests]
    data: dict[str, Any] = {"withdrawn": [one[7:] for one in done.digests]}
    data |= {"bundles": list(done.bundles), "models": list(done.models)}
    console.result(data, f"No longer trusted: {', '.join(f'`{name}`' for name in names)}.")


def _still(done: "Withdrawal") -> Iterator[str]:
    if done.bundles:
        listed = ", ".join(f"`{tag}`" for tag in done.bundles)
        yield f"Bundles of this model that are trusted by their own digest stay so: {listed}."
    if done.models:
        listed = ", ".join(f"`{tag}`" for tag in done.models)
        yield f"It runs all the same, because what runs in it is trusted by itself: {listed}."


def _tags(store: "Store") -> dict[str, list[str]]:
    """By digest, with the kind of a model in front, as every command reads it."""
    found: dict[str, list[str]] = {}
    for item in (*store.items("bundle"), *store.items("model")):
        tag = f"model:{item.tag}" if item.kind == "model" else item.tag
        found.setdefault(item.digest, []).append(tag)
    return found


VERBS: dict[str, Callable[..., None]] = {"list": list_trusted, "withdraw": withdraw}
