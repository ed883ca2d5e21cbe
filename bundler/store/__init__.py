"""The store: content-addressed models and bundles, an OCI image layout on disk."""

from .item import Blob, Item, default_version
from .referrers import Referrer
from .store import Store
from .trust import Trust

__all__ = ["Blob", "Item", "Referrer", "Store", "Trust", "default_version"]
