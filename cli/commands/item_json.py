"""The JSON of a model or bundle that all commands print with `--json`."""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...bundler.store import Item


def to_json(item: "Item") -> dict[str, Any]:
    """An item for a program: `tag` and `digest` (64 hex) first."""
    return {
        "tag": item.tag,
        "digest": item.digest.removeprefix("sha256:"),
        "kind": item.kind,
        "name": item.name,
        "version": item.version,
        "aliases": list(item.aliases),
        "framework": item.framework,
        "executes_code": item.executes_code,
        "size": item.size,
        "created": _iso(item.created),
        "damaged": item.damaged,
    }


def _iso(created: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))
