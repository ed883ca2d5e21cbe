"""The store: content-addressed models and bundles, an OCI image layout on disk."""

from .collecting import Reclaimed
from .item import Blob, Item
from .store import Store
from .trust import Trust
from .usage import Usage
from .verifying import Damage

__all__ = ["Blob", "Damage", "Item", "Reclaimed", "Store", "Trust", "Usage"]
