"""Importing: an archive becomes an item of the store, whole or not at all, and never trusted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ..errors import Damaged, InvalidArchive, InvalidTag
from ..progress import NullProgress, Progress
from ..store import Blob, Item, Store, disk
from ..store.delivery import Delivery
from ..store.hashing import Read
from ..tag import DIGEST, Kind, check_name, check_version
from . import opening
from .announcement import Announcement
from .inventory import Inventory
from .source import inventory as inventory_of


@dataclass(frozen=True, slots=True)
class Imported:
    """The item, and how many bytes of it the store did not have."""

    item: Item
    written: int


@disk.told("read the archive")
def import_item(
    store: Store,
    source: str,
    *,
    kind: Kind | None = None,
    rename: str | None = None,
    aliases: Sequence[str] = (),
    progress: Progress = NullProgress(),  # noqa: B008
) -> Imported:
    """Take in what `export_item` wrote: same digest, same tag, and only what is missing is written.

    Every byte is hashed before the first one is in the store. Nothing is run, and nothing that
    comes this way is trusted.

    Args:
        store: where to.
        source: a tar, a `.tar.zst`, a layout directory, a URL, or `-` for stdin.
        kind: refuse the other.
        rename: `name` or `name:version`, instead of those in the archive.
        aliases: further names that move to it.
        progress: told of the bytes.

    Raises:
        InvalidArchive: naming the member that is not as it was written.
        Refused: when the version exists with other content.
    """
    chosen = _Tag.parse(rename)
    with opening.opened(source) as archive:
        announced, found = inventory_of(archive)
        if kind not in {None, found.kind}:
            raise InvalidArchive(f"{archive.where} holds a {found.kind}, not a {kind}.")
        tag = chosen.filled(announced, found)
        with store.delivery() as delivery:
            delivery.expect(found.all_blobs)
            total = sum(blob.size for blob in found.blobs)
            with progress.meter(f"Importing {tag.name}:{tag.version}", total) as meter:
                receive = partial(_receive, delivery, found, archive.where, meter.advance)
                archive.deliver(found.blobs, receive)
            item = _commit(delivery, found, tag, aliases)
    return Imported(item, delivery.written)


def _receive(
    delivery: Delivery,
    found: Inventory,
    where: str,
    advance: Callable[[int], None],
    blob: Blob,
    read: Read,
) -> None:
    try:
        delivery.receive(blob, read, advance)
    except Damaged as error:
        path = next(entry.path for entry in found.files if entry.digest == blob.digest)
        raise InvalidArchive(
            f"{where} is damaged in `{path}`: {error}.", hint="Copy it again from where it was."
        ) from error


def _commit(delivery: Delivery, found: Inventory, tag: "_Tag", aliases: Sequence[str]) -> Item:
    return delivery.commit(
        found.kind,
        tag.name or "",
        found.config,
        found.files,
        version=tag.version,
        aliases=aliases,
        framework=found.framework,
        executes_code=found.executes_code,
        imported=True,
    )


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str | None
    version: str | None

    @classmethod
    def parse(cls, text: str | None) -> "_Tag":
        """What `--as` says."""
        if text is None:
            return cls(None, None)
        name, colon, version = text.partition(":")
        if DIGEST.fullmatch(text):
            raise InvalidTag("A digest cannot be chosen.", hint="Write `--as NAME[:VERSION]`.")
        return cls(check_name(name), check_version(version) if colon else None)

    def filled(self, announced: Announcement, found: Inventory) -> "_Tag":
        """With what the archive says where the person said nothing."""
        name = self.name or announced.name
        if name is None:
            raise InvalidTag(
                f"The archive does not say how its {found.kind} is called.",
                hint="Add `--as NAME` or `--as NAME:VERSION`.",
            )
        version = self.version or announced.version
        return _Tag(check_name(name), check_version(version) if version else None)
