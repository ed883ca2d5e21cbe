"""Store: everything that was saved and built, content-addressed, under `$BUNDLE_HOME`.

A commit needs no lock, because of its order: every blob is written to a temporary file, synced and
renamed, the directory is synced, and the ref is written last. Before that nothing is visible, after
it the item is durable, listed and `latest`.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime.manifests.file_entry import FileEntry
from ..errors import Damaged
from ..progress import SILENT, Progress
from ..tag import Kind, check_version
from . import oci
from .blobs.batch import Batch
from .blobs.blobs import Blobs
from .blobs.delivery import Delivery
from .blobs.ingest import Ingest
from .blobs.marks import Marks
from .blobs.memo import Memo
from .blobs.trees import Trees
from .files import disk
from .files.barrier import Barrier
from .files.counter import Counter
from .files.layout import Layout
from .files.placing import place
from .files.workspace import Workspace
from .item import Blob, Item, default_version
from .referrers import Referrers
from .refs import lookup
from .refs.index import Index
from .refs.names import Names
from .refs.refs import LATEST, Refs, check_names
from .trust import Trust

if TYPE_CHECKING:  # upkeep takes as long to import as the rest
    from .upkeep.collecting import Reclaimed
    from .upkeep.copies import Copies
    from .upkeep.repairing import Repaired
    from .upkeep.upkeep import Upkeep
    from .upkeep.usage import Usage
    from .upkeep.verifying import Damage


class Store:
    """Models and bundles on disk; creating the object does no I/O."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._workspace = Workspace(root / "tmp")
        self._layout = Layout(root, self._workspace)
        marks = Marks(root / "damaged")
        self._blobs = Blobs(root / "blobs" / "sha256", marks, self._workspace)
        self._refs = Refs(root / "refs", self._workspace)
        self._counter = Counter(root / "counter", self._refs.highest)
        self._names = Names(self._refs, self._counter)
        self._index = Index(root / "index.json", self._refs, self._counter, self._workspace)
        self._trees = Trees(root / "trees", self._blobs, self._workspace)
        self._ingest = Ingest(self._blobs, Memo(root / "memo", self._workspace), self._workspace)
        self.trust = Trust(root / "trust", self._layout, self._workspace)
        self.referrers = Referrers(root / "referrers", self._blobs, self._workspace, self._layout)

    @classmethod
    def default(cls) -> "Store":
        """The store of `$BUNDLE_HOME`, else of `$XDG_DATA_HOME/bundle` or `~/.local/share`."""
        if home := os.environ.get("BUNDLE_HOME"):
            return _opened(Path(home).absolute())
        data = os.environ.get("XDG_DATA_HOME")
        return _opened((Path(data) if data else Path.home() / ".local" / "share") / "bundle")

    # Writing

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A directory in the store's file system, removed afterwards."""
        with disk.store_errors("write to the store"):
            self._layout.prepare()
            path = self._workspace.new()
            disk.make_directory(path)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    @disk.store_errors("take the file into the store")
    def ingest(
        self,
        path: Path,
        *,
        move: bool = False,
        progress: Progress = SILENT,
    ) -> Blob:
        """Add a file's bytes as a blob, hashed once; with `move` the file may be renamed away.

        Until it is committed, the blob is kept as long as this process lives.
        """
        self._layout.prepare()
        return self._ingest.take(path, move=move, progress=progress)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """A batch of files, which are in the store, and durable, when the block ends."""
        with self.staging() as directory:
            batch = Batch(self._ingest, self._blobs, self._workspace, directory)
            with batch.ending():
                yield batch

    @disk.store_errors("write to the store")
    def has(self, digest: str, size: int) -> bool:
        """Whether the blob exists; if so, it is kept as long as this process lives."""
        self._layout.prepare()
        self._workspace.hold(digest)
        if self._blobs.has(digest, size):
            return True
        self._workspace.release([digest])
        return False

    @disk.store_errors("take the file into the store")
    def adopt(self, path: Path, digest: str) -> Blob:
        """Add a file of a staging directory, whose digest was computed while it was written."""
        return self._blobs.keep(path, digest)

    @disk.store_errors("write to the store")
    def ingest_bytes(self, data: bytes) -> Blob:
        """Add bytes as a blob."""
        self._layout.prepare()
        return self._blobs.keep_bytes(data)

    @contextmanager
    def delivery(self) -> Iterator[Delivery]:
        """A delivery of an item from elsewhere; without a commit, its files are removed."""
        with self.staging() as directory, Barrier(directory) as barrier:
            delivery = Delivery(
                self._blobs, self._refs, self._workspace, directory, self.commit, barrier
            )
            try:
                yield delivery
            finally:
                delivery.release()

    @disk.store_errors("write to the store")
    def commit(  # noqa: PLR0913 - what a ref says
        self,
        kind: Kind,
        name: str,
        config: bytes,
        files: Sequence[FileEntry],
        *,
        version: str | None = None,
        aliases: Sequence[str] = (),
        framework: str | None = None,
        executes_code: bool = False,
        imported: bool = False,
    ) -> Item:
        """Make an item of added blobs: listed, durable, and `latest` of its name.

        Args:
            kind: model or bundle.
            name: its name.
            config: the bytes of model.json or bundle.json; their digest is its identity.
            files: every other file.
            version: by default the start of the digest, so identical content has one tag.
            aliases: aliases that are moved to it.
            framework: for listings.
            executes_code: for listings.
            imported: whether it came from another store.

        Raises:
            Refused: when the version exists with other content.
        """
        check_names(name, version, aliases)
        oci.check_paths(files)
        self._layout.prepare()
        own = self._blobs.keep_bytes(config)
        manifest = self._blobs.keep_bytes(oci.manifest(kind, own, files))
        item = Item(
            kind=kind,
            name=name,
            version=version or default_version(own.digest),
            digest=own.digest,
            manifest=manifest.digest,
            manifest_size=manifest.size,
            size=own.size + sum(entry.size for entry in files),
            created=time.time(),
            framework=framework,
            executes_code=executes_code,
            imported=imported,
        )
        blobs = [own, manifest, *(Blob(entry.digest, entry.size) for entry in files)]
        return self._publish(item, blobs, aliases)

    def _publish(self, item: Item, blobs: Sequence[Blob], aliases: Sequence[str]) -> Item:
        with self._workspace.holding(blob.digest for blob in blobs):
            self._blobs.settle(blobs)
            item = self._names.publish(item, aliases)
        self._names.moved()
        self._workspace.release(blob.digest for blob in blobs)  # what taking them in had held
        self._index.changed()
        return self._refs.named(item)

    @disk.store_errors("move the alias")
    def alias(self, item: Item, alias: str) -> None:
        """Set `name@alias` to this item."""
        check_version(alias, "alias")
        self._layout.prepare()
        self._names.alias(item, alias)
        self._index.changed()

    @disk.store_errors("remove the alias")
    def unalias(self, kind: Kind, name: str, alias: str) -> None:
        """Remove an alias; the item stays."""
        self._layout.check()
        if alias != LATEST:
            self._index.forget([f"{kind}s/{name}@{alias}"])
        self._names.unalias(kind, name, alias)
        self._index.changed()

    @disk.store_errors("delete it")
    def delete(self, item: Item) -> None:
        """Remove an item's tag and aliases; `gc` then frees what nothing else refers to."""
        self._layout.check()
        self._index.forget(oci.entries([item]))
        self._names.delete(item)
        self._index.changed()

    # Housekeeping

    @contextmanager
    def hold(self, item: Item) -> Iterator[None]:
        """Protect an item's files from garbage collection, even if the item is deleted.

        This process holds them; the protection ends with it.
        """
        with self.holding([item.manifest, *(entry.digest for entry in self._entries(item))]):
            yield

    @contextmanager
    def holding(self, digests: Iterable[str]) -> Iterator[None]:
        """Protect blobs or cache entries by digest; without effect in a read-only store."""
        with ExitStack() as stack:
            with disk.store_errors("write to the store"), disk.unless_closed():
                stack.enter_context(self._workspace.holding(digests))
            yield

    @disk.store_errors("collect garbage")
    def gc(self, *, dry_run: bool = False) -> "Reclaimed":
        """Remove what no ref and no running process needs.

        Raises:
            Damaged: when a ref or manifest cannot be read; nothing is removed then.
        """
        self._layout.check()
        return self._upkeep().collector().collect(dry_run=dry_run)

    @disk.store_errors("verify the store")
    def verify(
        self,
        items: Iterable[Item] | None = None,
        *,
        progress: Progress = SILENT,
    ) -> "list[Damage]":
        """Read every byte of these items, or of the whole store; returns what differs."""
        self._layout.check()
        return self._upkeep().verify(items, progress)

    @disk.store_errors("repair the store")
    def repair(
        self,
        items: Iterable[Item] | None = None,
        copies: "Sequence[Copies]" = (),
        progress: Progress = SILENT,
    ) -> "Repaired":
        """Repair what `verify` finds, from the store's trees and other copies."""
        from .upkeep.record_repair import RecordRepair
        from .upkeep.repairing import Repaired

        chosen = None if items is None else list(items)
        found = self.verify(chosen, progress=progress)
        if found:
            records = RecordRepair(self._layout, self.trust, self._refs, self._blobs, self._counter)
            with self.delivery() as delivery:
                chosen = self._upkeep().repair(chosen, copies, records, delivery)
            self._index.changed()
            self._index.settle()
        return Repaired.between(found, self.verify(chosen, progress=progress) if found else [])

    @disk.store_errors("measure the store")
    def usage(self) -> "Usage":
        """The disk usage."""
        self._layout.check()
        return self._upkeep().usage()

    def _upkeep(self) -> "Upkeep":
        from .upkeep.upkeep import Upkeep

        stored = self._refs, self._blobs, self._trees, self.referrers
        return Upkeep(self.root, *stored, self._workspace)

    def settle(self) -> None:
        """Write `index.json` now, within a long loop of saves."""
        self._index.settle()

    # Reading

    @disk.store_errors("read the store")
    def items(self, kind: Kind) -> list[Item]:
        """All models or bundles, by name and order of saving; damaged ones are marked."""
        self._layout.check()
        return self._refs.items(kind)

    @disk.store_errors("read the store")
    def find(self, text: str, kind: Kind | None = None, *, damaged: bool = False) -> Item:
        """The item that a tag, alias or digest names; a bare name is looked for in bundles first.

        Raises:
            NotFound: with the nearest tag.
            Damaged: when its ref cannot be read, unless `damaged` ones are wanted, for deletion.
        """
        self._layout.check()
        item = lookup.find(self._refs, text, kind)
        if item.damaged and not damaged:
            raise Damaged(
                f"The {item.kind} `{item.tag}` cannot be read. {item.damaged}",
                hint=f"Mend it with `bundle verify --repair`, or delete it: `{item.deletion}`.",
            )
        return item

    @disk.store_errors("read the store")
    def config(self, item: Item) -> bytes:
        """The bytes of its model.json or bundle.json."""
        return self._blobs.read(item.digest)

    @disk.store_errors("read the store")
    def manifest(self, item: Item) -> bytes:
        """The bytes of its OCI manifest, the same as in a registry."""
        return self._blobs.read(item.manifest)

    @disk.store_errors("read the store")
    def files(self, item: Item) -> tuple[FileEntry, ...]:
        """All files of an item except its model.json or bundle.json."""
        return oci.read_manifest(self._blobs.read(item.manifest))[1]

    @disk.store_errors("read the store")
    def blob(self, digest: str) -> Path:
        """The path of a blob; raises Damaged if it is missing."""
        return self._blobs.find(digest)

    # Placing

    @disk.store_errors("lay out its files")
    def directory(self, item: Item) -> Path:
        """The item as a directory of read-only links, model.json or bundle.json included.

        Garbage collection spares it while this process lives. If the store is read-only, the
        directory is a temporary one of this process.
        """
        self._layout.check()
        entries = self._entries(item)
        with disk.unless_closed():
            self._workspace.hold(item.digest)
        if self._trees.is_whole(item.digest, entries):
            return self._trees.path(item.digest)
        return self._laid_out(entries, partial(self._trees.make, item.digest, entries))

    @contextmanager
    def laying_out(self, files: Sequence[FileEntry]) -> Iterator[Path]:
        """A directory of links to these files, removed when the block ends."""
        with disk.store_errors("lay out its files"):
            path = self._laid_out(files, partial(self._trees.lay_out, files))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _laid_out(self, files: Sequence[FileEntry], make: Callable[[], Path]) -> Path:
        with disk.unless_forbidden():
            self._layout.prepare()  # a service without models needs no store before
            return make()
        return self._trees.lend(files)

    @disk.store_errors("place the file")
    def place(self, digest: str, destination: Path, *, executable: bool = False) -> None:
        """Make `destination` a read-only reflink, hard link or copy of a blob."""
        place(self._blobs.find(digest), destination, executable=executable)

    def _entries(self, item: Item) -> tuple[FileEntry, ...]:
        config, files = oci.read_manifest(self._blobs.read(item.manifest))
        return (FileEntry(oci.CONFIG_NAME[item.kind], config.digest, config.size), *files)


@cache
def _opened(root: Path) -> Store:
    return Store(root)
