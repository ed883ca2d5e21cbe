"""Versions: the saved models that one entry of a bundlefile refers to."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import NotFound

if TYPE_CHECKING:
    from ..project.bundlefile import ModelRef
    from ..store import Item, Store


def chosen(reference: "ModelRef", store: "Store") -> list[tuple[str, "Item"]]:
    """Alias and model for each version that `reference` asks for, the default last.

    The default has the alias of the reference, every other that with its version behind it.

    Raises:
        NotFound: when the store has no such version.
    """
    alias = reference.alias
    *others, default = _items(reference, store)
    return [*((f"{alias}-{_in_alias(item.version)}", item) for item in others), (alias, default)]


def _items(reference: "ModelRef", store: "Store") -> Sequence["Item"]:
    name, versions = reference.tag.name or "", reference.versions
    if versions == 1:
        return [store.find(reference.ref, "model")]
    if isinstance(versions, tuple):
        return [store.find(f"{name}:{version}", "model") for version in versions]
    items = [item for item in store.items("model") if item.name == name and not item.damaged]
    if not items:
        raise NotFound("model", name, None)
    items.sort(key=lambda item: item.sequence)
    return items if versions == "all" else items[-versions:]


def _in_alias(version: str) -> str:
    """A version as a part of a name in code."""
    return re.sub("[^A-Za-z0-9_]", "-", version)
