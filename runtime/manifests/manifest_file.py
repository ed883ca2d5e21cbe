"""Manifest file: `model.json` or `bundle.json` on disk, and the version of its schema.

Both are canonical JSON without a clock, a host, a user or an absolute path, so the sha256 of the
file is the identity of what it describes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import canonical
from ..errors import InvalidBundle


def read(path: Path) -> dict[str, Any]:
    """The object that a manifest file holds.

    Raises:
        InvalidBundle: when there is none, or it cannot be read.
    """
    try:
        data = json.loads(path.read_bytes(), object_pairs_hook=_once)
        canonical.dumps(data)  # no halves of characters, and no numbers beyond all
    except FileNotFoundError as error:
        raise InvalidBundle(f"There is no `{path.name}` in `{path.parent}`.") from error
    except (ValueError, RecursionError, OSError) as error:
        raise InvalidBundle(f"`{path}` cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise InvalidBundle(f"`{path}` is not a JSON object.")
    return data


def check_schema(name: str, data: Mapping[str, Any], known: int) -> None:
    """Refuse what a newer version wrote.

    Raises:
        InvalidBundle: when the schema is newer than `known`, or is not named.
    """
    schema = data.get("schema") if isinstance(data, Mapping) else None
    if not isinstance(schema, int):
        raise InvalidBundle(f"`{name}` names no schema version.")
    if schema > known:
        raise InvalidBundle(
            f"`{name}` has schema {schema}; this version reads up to {known}.",
            hint="Upgrade with `pip install -U modelbundle`.",
        )


def unlike(name: str, kind: str, error: Exception) -> InvalidBundle:
    """The error of a file that is no such `kind` of file, as its reader found out."""
    why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    return InvalidBundle(f"`{name}` is not {kind}: {why}.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice: another reader might take the other one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "a key appears twice in it"
        raise ValueError(message)
    return found
