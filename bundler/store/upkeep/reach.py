"""Reach: the blobs that are still referred to."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ....runtime import digest as digests
from ....runtime.errors import InvalidBundle
from ...errors import Damaged
from ...tag import KINDS
from .. import oci
from ..blobs.blobs import Blobs
from ..files import disk, workspace
from ..item import Item
from ..referrers import Referrers
from ..refs.refs import Refs
from . import trash


@dataclass(frozen=True, slots=True)
class Reach:
    """Follows refs to manifests, manifests to files, and items to their referrers."""

    refs: Refs
    blobs: Blobs
    tmp: Path
    referrers: Referrers

    def live(self) -> set[str]:
        """Digests that a running process or a ref needs.

        Workspaces are read before refs, because a process writes the ref before it releases a blob.

        Raises:
            Damaged: when a ref or manifest cannot be read, so its blobs are unknown.
        """
        self._check_folders()
        live = workspace.all_held(self.tmp) | self.referrers.live()
        for kind in KINDS:
            for item in self.refs.items(kind):
                try:
                    live.update(self.of_item(item))
                except Damaged:
                    if self.refs.has(item):
                        raise  # else it was deleted meanwhile
        return live

    def forget(self) -> None:
        """Remove referrers of items that were deleted at least a day ago.

        None is removed while a damaged item has no known digest.
        """
        items = [item for kind in KINDS for item in self.refs.items(kind)]
        if not any(item.damaged for item in items):
            there = {item.digest for item in items}
            self.referrers.forget(there.__contains__)

    def _check_folders(self) -> None:
        """A store that has blobs had these folders, so without them nobody knows its items."""
        for kind in KINDS:
            if not (self.refs.directory / f"{kind}s").is_dir() and self.blobs.all():
                raise Damaged(
                    f"Nothing was removed: `refs/{kind}s` is missing, and with it what the store "
                    "needs.",
                    hint="Bring it back from a backup, or mend it with `bundle verify --repair`.",
                )

    def of_item(self, item: Item) -> set[str]:
        """Digests of everything that makes up an item."""
        if item.damaged:
            raise _unknown(item, item.damaged)
        try:
            config, files = oci.read_manifest(self._manifest(item.manifest))
        except (Damaged, InvalidBundle) as error:
            raise _unknown(item, str(error)) from error
        return {item.manifest, config.digest, *(entry.digest for entry in files)}

    def _manifest(self, digest: str) -> bytes:
        """The bytes of a manifest, even if it is in the trash of a collection, perhaps our own."""
        for path in self._places(digest):
            with suppress(OSError):
                data = disk.read_whole(path)
                if digests.of_bytes(data) == digest:
                    return data
        return self.blobs.read(digest)

    def _places(self, digest: str) -> Iterator[Path]:
        path = self.blobs.path(digest)
        yield path
        yield from trash.places(path.name, self.tmp)


def _unknown(item: Item, why: str) -> Damaged:
    return Damaged(
        f"Nothing was removed: it is unknown what the {item.kind} `{item.tag}` needs. {why}",
        hint=f"Mend it with `bundle verify --repair`, or delete it: `{item.deletion}`.",
    )
