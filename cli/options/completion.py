"""Shell completion of tags: the names in the store, and never an error."""

from ...bundler.tag import Kind
from ...runtime.errors import BundleError


def model_tags(incomplete: str) -> list[str]:
    """Complete a model's tag."""
    return _tags("model", incomplete)


def bundle_tags(incomplete: str) -> list[str]:
    """Complete a bundle's tag."""
    return _tags("bundle", incomplete)


def any_tags(incomplete: str) -> list[str]:
    """Complete a tag of either."""
    return bundle_tags(incomplete) + model_tags(incomplete)


def _tags(kind: Kind, incomplete: str) -> list[str]:
    from ...bundler.store import Store

    try:
        items = Store.default().items(kind)
    except (BundleError, OSError):
        return []  # a shell in the middle of a line cannot be told
    names = dict.fromkeys(name for item in items for name in (item.name, item.tag))
    return [name for name in names if name.startswith(incomplete)]
