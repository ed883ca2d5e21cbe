"""Exporting: writes an item of the store as an archive, with the same bytes on every machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import InvalidDestination
from ..progress import SILENT, Progress
from ..store import Item, Store
from ..store.files import disk
from .contents.inventory import Inventory
from .layout_directory import LayoutDirectory
from .streams import destination as destinations
from .streams.remote_location import is_remote, local, shown
from .tar.writer import TarWriter

Format = Literal["tar", "tar.zst", "oci"]
FORMATS: tuple[Format, ...] = ("tar", "tar.zst", "oci")
_SUFFIXES: dict[str, Format] = {".tar": "tar", ".tar.zst": "tar.zst", ".tzst": "tar.zst"}
_FOREIGN = (".gz", ".tgz", ".xz", ".bz2", ".zip", ".zst", ".7z")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: where, how, and how many bytes of files are in it."""

    destination: str
    format: Format
    content: int


@disk.store_errors("write the archive")
def export_item(
    store: Store,
    item: Item,
    destination: str | None = None,
    *,
    format: Format | None = None,
    progress: Progress = SILENT,
) -> Exported:
    """Write an item to a `.tar`, a `.tar.zst`, an OCI layout directory, a URL or `-` for stdout.

    Every byte is hashed on its way out. The same item under the same tag gives the same bytes.

    Raises:
        Damaged: when the store's bytes are not as they were saved; nothing is left behind then.
        InvalidDestination: when nobody can tell which format is meant.
    """
    destination = local(destination or f"{item.name}-{item.version}.tar")
    chosen = format or format_of(destination)
    with store.hold(item):
        inventory = Inventory.of(store, item)
        with progress.meter(f"Exporting {item.tag}", sum(b.size for b in inventory.blobs)) as meter:
            if chosen == "oci":
                _check_local(destination)
                documents = inventory.documents(item.name, item.version)
                directory = LayoutDirectory(Path(destination))
                directory.write(documents, inventory.blobs, store, meter.advance)
            else:
                _check_no_directory(destination)
                _write_tar(store, item, inventory, (destination, chosen), meter.advance)
    return Exported(shown(destination), chosen, item.size)


def format_of(destination: str) -> Format:
    """The format that a destination's name asks for: by its suffix; without one a directory.

    Raises:
        InvalidDestination: when the suffix is of an archive that is not ours.
    """
    if destination == destinations.STDOUT or destinations.is_device(destination):
        return "tar"
    name = destination.rstrip("/").rpartition("/")[2].lower()
    for suffix, known in _SUFFIXES.items():
        if name.endswith(suffix) and not destination.endswith("/"):
            return known
    if name.endswith(_FOREIGN) or is_remote(destination):
        raise InvalidDestination(
            f"`{destination[-80:]}` has an unknown suffix.",
            hint="End it with `.tar` or `.tar.zst`, or name the format with `--format`.",
        )
    return "oci"


def _write_tar(
    store: Store,
    item: Item,
    inventory: Inventory,
    target: tuple[str, Format],
    advance: Callable[[int], None],
) -> None:
    with destinations.opened(target[0], is_compressed=target[1] == "tar.zst") as sink:
        writer = TarWriter(sink, advance)
        for name, data in inventory.documents(item.name, item.version):
            writer.add_bytes(name, data)
        for blob in inventory.blobs:
            writer.add_blob(blob, store.blob(blob.digest))
        writer.close()


def _check_local(destination: str) -> None:
    if destination == destinations.STDOUT or is_remote(destination):
        raise InvalidDestination(
            "An OCI layout is a directory on this machine.", hint="Export a `.tar` there."
        )


def _check_no_directory(destination: str) -> None:
    if Path(destination).is_dir():
        raise InvalidDestination(
            f"`{destination[-80:]}` is a directory.",
            hint="Name a file in it, or write an OCI layout with `--format oci`.",
        )
