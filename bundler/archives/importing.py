"""Importing: adds an archive to the store, completely or not at all, and never as trusted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ..errors import Damaged, InvalidArchive, InvalidTag, NotAnArchive
from ..progress import SILENT, Progress
from ..store import Blob, Item, Store, default_version
from ..store.blobs.delivery import Delivery
from ..store.files import disk
from ..store.files.hashing import Read
from ..store.referrers import SIGNATURE
from ..tag import Kind, check_name, check_version, split
from . import opening
from .contents.announcement import Announcement
from .contents.inventory import Inventory
from .source import inventory as inventory_of


@dataclass(frozen=True, slots=True)
class Imported:
    """The item, how many bytes of it the store did not have, and how many signatures it has."""

    item: Item
    written: int
    signatures: int = 0


@disk.store_errors("read the archive")
def import_item(
    store: Store,
    source: str,
    *,
    kind: Kind | None = None,
    rename: str | None = None,
    aliases: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Imported:
    """Import what `export_item` wrote, with its digest and tag; only missing blobs are written.

    Every byte is hashed before the item is in the store. No code runs, and what is imported is not
    trusted.

    Args:
        store: where to.
        source: a tar, a `.tar.zst`, a layout directory, a URL, or `-` for stdin.
        kind: the only kind that is accepted; None for both.
        rename: `name` or `name:version`, instead of those in the archive.
        aliases: further names that move to it.
        progress: reports the bytes.

    Raises:
        InvalidArchive: naming the member that is damaged or not allowed.
        Refused: when the version exists with other content.
    """
    if rename is not None:
        split(rename)  # before anything is read
    with opening.opened(source) as archive:
        announced, found = inventory_of(archive)
        if kind not in {None, found.kind}:
            raise NotAnArchive(f"{archive.where} holds a {found.kind}, not a {kind}.")
        tag = _tag(rename, announced, found)
        with store.delivery() as delivery:
            delivery.check_free(found.kind, *tag, found.config_blob.digest)
            delivery.expect(found.all_blobs)
            total = sum(blob.size for blob in found.blobs)
            with progress.meter(f"Importing {':'.join(tag)}", total) as meter:
                receive = partial(_receive, delivery, found, archive.where, meter.advance)
                archive.deliver(found.blobs, receive)
            item = _commit(delivery, found, tag, aliases)
    for signature in found.signatures:
        store.referrers.attach(item, SIGNATURE, signature.content)
    return Imported(item, delivery.written, len(found.signatures))


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


def _commit(
    delivery: Delivery, found: Inventory, tag: tuple[str, str], aliases: Sequence[str]
) -> Item:
    return delivery.commit(
        found.kind,
        tag[0],
        found.config,
        found.files,
        version=tag[1],
        aliases=aliases,
        framework=found.framework,
        executes_code=found.executes_code,
        imported=True,
    )


def _tag(rename: str | None, announced: Announcement, found: Inventory) -> tuple[str, str]:
    """Name and version: what the person says, else what the archive says."""
    name, version = split(rename) if rename is not None else (None, None)
    name = name or announced.name
    if name is None:
        raise InvalidTag(
            f"The archive does not name its {found.kind}.",
            hint="Add `--as NAME` or `--as NAME:VERSION`.",
        )
    version = version or announced.version or default_version(found.config_blob.digest)
    return check_name(name), check_version(version)
