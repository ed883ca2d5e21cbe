"""Shell completion of tags: the names in the store, and never an error."""

from typing import TYPE_CHECKING

from ...bundler.tag import KINDS, Kind
from ...runtime.errors import BundleError

if TYPE_CHECKING:
    from ...bundler.store import Item


def model_tags(incomplete: str) -> list[str]:
    """Complete a model's tag."""
    return _tags("model", incomplete)


def bundle_tags(incomplete: str) -> list[str]:
    """Complete a bundle's tag."""
    return _tags("bundle", incomplete)


def any_tags(incomplete: str) -> list[str]:
    """Complete a tag of either, also with `bundle:` or `model:` in front."""
    found = bundle_tags(incomplete) + model_tags(incomplete)
    for kind in KINDS:
        if incomplete.startswith(f"{kind}:"):
            rest = incomplete.removeprefix(f"{kind}:")
            found += [f"{kind}:{name}" for name in _tags(kind, rest)]
    return found


def _tags(kind: Kind, incomplete: str) -> list[str]:
    from ...bundler.store import Store

    try:
        items = Store.default().items(kind)
    except (BundleError, OSError):
        return []  # a shell in the middle of a line cannot be told
    names = dict.fromkeys(name for item in items for name in _names(item, incomplete))
    return [name for name in names if name.startswith(incomplete)]


def _names(item: "Item", incomplete: str) -> list[str]:
    if "@" in incomplete:
        return [f"{item.name}@{alias}" for alias in item.aliases]
    return [item.name, item.tag]
