"""`bundle diff`: what differs between two bundles or two models."""

import json as jsonlib
from collections.abc import Mapping
from os.path import commonprefix
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument

from ...options.completion import any_tags
from ...options.options import Json, Quiet
from ...terminal.console import Console
from ...usage import WrongUsage

if TYPE_CHECKING:
    from ....bundler.difference import Change, Difference
    from ....bundler.store import Item

First = Annotated[str, Argument(metavar="A", help="A tag.", autocompletion=any_tags)]
Second = Annotated[str, Argument(metavar="B", help="Another.", autocompletion=any_tags)]
SHORT = 60  # characters of a value in a line for a person
_LEAD = 20  # characters that two values share, shown before where they differ


def diff(a: First, b: Second, json: Json = False, quiet: Quiet = False) -> None:
    """Show what differs between two bundles or two models.

    Examples:

      bundle diff fraud:1.3.0 fraud:1.4.0

      bundle diff model:iris@production model:iris
    """
    from ....bundler.difference import Contents
    from ....bundler.difference import diff as compare
    from ....bundler.store import Store

    store = Store.default()
    before, after = (store.find(tag) for tag in (a, b))
    _check_kinds(before, after)
    found = compare(Contents.of_item(before, store), Contents.of_item(after, store))
    text = "\n".join(_lines(found)) or f"`{before.tag}` and `{after.tag}` are the same."
    data = {"a": before.tag, "b": after.tag, "same": found.is_empty} | _data(found)
    Console(json=json, quiet=quiet).result(data, text)


def _check_kinds(before: "Item", after: "Item") -> None:
    if before.kind != after.kind:
        text = f"`{before.tag}` is a {before.kind}, and `{after.tag}` is a {after.kind}."
        hint = "Compare two of a kind; `bundle:` or `model:` in front of a tag says which is meant."
        raise WrongUsage(text, hint=hint)


def _data(found: "Difference") -> dict[str, Any]:
    return {
        kind: [{"what": c.what, "before": c.before, "after": c.after} for c in changes]
        for kind, changes in _kinds(found).items()
    }


def _lines(found: "Difference") -> list[str]:
    lines = []
    for kind, changes in _kinds(found).items():
        shown = [line for change in changes for line in _told(change)]
        lines += [f"{kind}:", *(f"  {line}" for line in shown)] if shown else []
    return lines


def _told(change: "Change") -> list[str]:
    """One line, or for a route that is there on both sides one for each part of it that differs."""
    from ....bundler.difference import parts

    if isinstance(change.before, Mapping) and isinstance(change.after, Mapping):
        return [_line(part) for part in parts(change)]
    return [_line(change)]


def _kinds(found: "Difference") -> "dict[str, tuple[Change, ...]]":
    return {
        kind: getattr(found, kind) for kind in ("models", "packages", "routes", "settings", "files")
    }


def _line(change: "Change") -> str:
    if change.before is None:
        return f"+ {change.what}{_named(change.after)}"
    if change.after is None:
        return f"- {change.what}{_named(change.before)}"
    before, after = _from_difference(_text(change.before), _text(change.after))
    return f"~ {change.what}: {_short(before)} -> {_short(after)}"


def _named(value: object) -> str:
    # --json has all of a route
    return "" if isinstance(value, Mapping) else f": {_short(_text(value))}"


def _from_difference(before: str, after: str) -> tuple[str, str]:
    """Both without most of what they begin with, where that hides how they differ."""
    same = len(commonprefix([before, after])) - _LEAD  # noqa: RUF071 - of characters
    if same <= 0 or max(len(before), len(after)) <= SHORT:
        return before, after
    return f"…{before[same:]}", f"…{after[same:]}"


def _text(value: object) -> str:
    text = value if isinstance(value, str) else jsonlib.dumps(value, ensure_ascii=False)
    return text[7:19] if text.startswith("sha256:") else text


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[:SHORT] + "…"
