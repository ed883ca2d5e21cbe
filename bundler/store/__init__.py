"""The store: content-addressed models and bundles, an OCI image layout on disk."""

from .collecting import Reclaimed
from .copies import Copies, FolderCopies
from .item import Blob, Item, default_version
from .referrers import Referrer
from .store import Store
from .trust import Trust
from .usage import Usage
from .verifying import Damage

__all__ = [
    "Blob", "Copies", "Damage", "FolderCopies", "Item", "Reclaimed", "Referrer", "Store", "Trust",
    "Usage", "default_version",
]  # fmt: skip
