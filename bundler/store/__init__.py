"""The store: content-addressed models and bundles, an OCI image layout on disk."""

from .item import Blob, Item
from .store import Store

__all__ = ["Blob", "Item", "Store"]
