"""Archives: a model or a bundle as an OCI image layout, in a directory or a tar, and back."""

from .archive_copies import ArchiveCopies
from .exporting import Exported, export_item
from .importing import Imported, import_item

__all__ = ["ArchiveCopies", "Exported", "Imported", "export_item", "import_item"]
