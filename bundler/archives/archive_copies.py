"""ArchiveCopies: looks for lost bytes in an archive, or in an unpacked bundle."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..store.upkeep.copies import FolderCopies, Offer
from . import opening
from .contents import layout


@dataclass(frozen=True, slots=True)
class ArchiveCopies:
    """A path, a URL or `-`, as `bundle import` takes it; also any directory of files.

    The archive need not be whole: each blob is taken for itself, by its digest.
    """

    source: str

    def offer(self, wanted: Mapping[str, int | None], offer: Offer) -> None:
        """Hand over what has the name of a digest; of a plain directory, what has its bytes.

        Raises:
            InvalidArchive: when it is no archive, or damaged beyond what it has given.
        """
        path = Path(self.source)
        if path.is_dir() and not (path / layout.MARKER).exists():
            FolderCopies(path).offer(wanted, offer)
            return
        with opening.opened(self.source) as archive:
            archive.offer(wanted, offer)
