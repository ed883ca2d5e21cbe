"""The store: content-addressed models and bundles, an OCI image layout on disk."""

from .item import Blob, Item, default_version
from .referrers import Referrer
from .store import Store
from .trust import Trust
from .upkeep.collecting import Reclaimed
from .upkeep.copies import Copies, FolderCopies
from .upkeep.usage import Usage
from .upkeep.verifying import Damage

__all__ = [
    "Blob", "Copies", "Damage", "FolderCopies", "Item", "Reclaimed", "Referrer", "Store", "Trust",
    "Usage", "default_version",
]  # fmt: skip
