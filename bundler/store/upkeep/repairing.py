"""Repairing: replaces damaged files by copies with the right digest."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from ....runtime import digest as digests
from ....runtime.errors import BundleError
from ....runtime.manifests.bundle_manifest import BundleManifest
from ....runtime.manifests.file_entry import FileEntry
from ....runtime.manifests.model_manifest import ModelManifest
from ...errors import Damaged
from ...tag import KINDS
from .. import oci
from ..blobs.blobs import Blobs
from ..blobs.delivery import Delivery
from ..blobs.trees import Trees
from ..files.hashing import Read
from ..item import Blob, Item
from ..refs.refs import Refs
from .copies import Copies, FolderCopies, LinkedCopies
from .record_repair import RecordRepair
from .verifying import Damage


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was repaired, and what is still damaged."""

    mended: list[Damage]
    left: list[Damage]

    @classmethod
    def between(cls, before: list[Damage], after: list[Damage]) -> Self:
        """Compare two verifications."""
        still = {(damage.tag, damage.path) for damage in after}
        return cls([one for one in before if (one.tag, one.path) not in still], after)


_ROUNDS = 3  # a manifest, then the model.json that it names, then the files


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair, after a verification, which has marked damaged blobs and trees."""

    refs: Refs
    blobs: Blobs
    trees: Trees
    records: RecordRepair

    def run(
        self, items: Sequence[Item] | None, copies: Sequence[Copies], delivery: Delivery
    ) -> list[Item] | None:
        """Repair these items, or all, and the records of the store.

        Returns:
            The items, read again from their refs; None for all.
        """
        self.records.run()
        trees, links = FolderCopies(self.trees.directory), LinkedCopies(self.blobs.directory)
        places: tuple[Copies, ...] = (trees, links, *copies)
        sound = [item for item in self._now(items) if not item.damaged]
        for _ in range(_ROUNDS):
            self._compose_manifests(sound)
            wanted = self._wanted(sound)
            for place in places:
                missing = {digest: size for digest, size in wanted.items() if self._is_bad(digest)}
                if missing:
                    place.offer(missing, _Taking(delivery, self.blobs).take)
        for item in sound:
            self._mend_tree(item)
        self.records.run()  # the manifest of a lost ref may be back
        return None if items is None else self._now(items)

    def _now(self, items: Sequence[Item] | None) -> list[Item]:
        """These items, or all, read again from their refs."""
        now = [item for kind in KINDS for item in self.refs.items(kind)]
        wanted = None if items is None else {_place(item) for item in items}
        return [item for item in now if wanted is None or _place(item) in wanted]

    def _wanted(self, items: Iterable[Item]) -> dict[str, int | None]:
        """The digests of blobs that can be replaced, with their sizes if known."""
        found: dict[str, int | None] = {}
        for item in items:
            known: dict[str, int | None] = {item.digest: None, item.manifest: item.manifest_size}
            known |= {entry.digest: entry.size for entry in self._entries(item)}
            found |= {digest: size for digest, size in known.items() if self._is_bad(digest)}
        return {digest: size for digest, size in found.items() if not self._is_folder(digest)}

    def _is_bad(self, digest: str) -> bool:
        path = self.blobs.path(digest)
        return self.blobs.marks.has(digest) or path.is_symlink() or not path.is_file()

    def _is_folder(self, digest: str) -> bool:
        """Whether there is a folder in its place, which may be anybody's; it is left there."""
        path = self.blobs.path(digest)
        return path.is_dir() and not path.is_symlink()

    def _compose_manifests(self, items: Iterable[Item]) -> None:
        """Rebuild damaged manifests from model.json or bundle.json, without a copy."""
        for item in items:
            if not self._is_bad(item.manifest) or self._is_bad(item.digest):
                continue
            with suppress(BundleError, OSError, ValueError):
                config = self.blobs.read(item.digest)
                files = _files(item, config)
                data = oci.manifest(item.kind, Blob(item.digest, len(config)), files)
                if digests.of_bytes(data) == item.manifest:
                    self.blobs.keep_bytes(data)

    def _mend_tree(self, item: Item) -> None:
        """Rebuild a damaged tree, if all its blobs are sound."""
        path, entries = self.trees.path(item.digest), self._entries(item)
        if not path.exists() or any(self._is_bad(entry.digest) for entry in entries):
            return
        if entries and not self.trees.is_whole(item.digest, entries):
            self.trees.make(item.digest, entries)

    def _entries(self, item: Item) -> tuple[FileEntry, ...]:
        """Every file of an item, its model.json or bundle.json included; none if unknown."""
        try:
            config, files = oci.read_manifest(self.blobs.read(item.manifest))
        except (BundleError, OSError):
            return ()
        return (FileEntry(oci.CONFIG_NAME[item.kind], config.digest, config.size), *files)


@dataclass(frozen=True, slots=True)
class _Taking:
    delivery: Delivery
    blobs: Blobs

    def take(self, blob: Blob, read: Read) -> None:
        """Take a copy, unless its digest differs."""
        with suppress(Damaged):
            self.delivery.receive(blob, read)
            self.delivery.keep()


def _place(item: Item) -> tuple[str, str, str]:
    return item.kind, item.name, item.version.lower()  # as in a damaged ref


def _files(item: Item, config: bytes) -> tuple[FileEntry, ...]:
    kind = ModelManifest if item.kind == "model" else BundleManifest
    return kind.from_json(json.loads(config)).files
