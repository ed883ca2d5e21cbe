"""Verifying: reads every byte, and reports what does not match its digest."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from operator import eq
from pathlib import Path

from ....runtime import digest as digests
from ....runtime.errors import InvalidBundle
from ....runtime.manifests.file_entry import FileEntry
from ...progress import Progress
from ...tag import KINDS
from .. import oci
from ..blobs.blobs import Blobs
from ..blobs.trees import Trees, mark
from ..files import disk, layout, record
from ..item import Item
from ..referrers import Referrers
from ..refs.refs import Refs
from . import lost_names

STORE = "store"
_CACHES = {"__pycache__"}


@dataclass(frozen=True, slots=True)
class Damage:
    """One difference from what was written.

    tag   `kind:name:version` of the item, or "store" if it belongs to none
    path  the file, relative to the item or to the store
    what  the expected and the actual content
    """

    tag: str
    path: str
    what: str


@dataclass(slots=True)
class Verification:
    """One pass over the store. It writes only marks, so that a new save repairs a damaged blob."""

    root: Path
    refs: Refs
    blobs: Blobs
    trees: Trees
    referrers: Referrers
    damages: list[Damage] = field(default_factory=list)
    uses: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    sizes: dict[str, int] = field(default_factory=dict)

    def run(self, items: Iterable[Item] | None, progress: Progress) -> list[Damage]:
        """Check these items, or all of them and the store itself."""
        chosen = [i for kind in KINDS for i in self.refs.items(kind)] if items is None else items
        sound = {item: files for item in chosen if (files := self._open(item)) is not None}
        if items is None:
            self._add_strays()
        with progress.meter("verify", sum(self.sizes.values())) as meter:
            for digest in sorted(self.uses):
                self._check_blob(digest, meter.advance)
        for item, files in sound.items():
            self._check_tree(item, files)
        if items is None:
            self._check_store()
            self._check_referrers({item.digest: _tag(item) for item in sound})
        return self.damages

    def _open(self, item: Item) -> tuple[FileEntry, ...] | None:
        """Note the blobs of an item; None if its manifest cannot be read."""
        if item.damaged:
            self._add(item, f"refs/{item.kind}s/{item.name}/{item.version}", item.damaged)
            return None
        self._use(item.manifest, item, "manifest")
        try:
            config, files = oci.read_manifest(disk.read(self.blobs.path(item.manifest), 1 << 28))
        except OSError:
            return None  # reported when its blob is checked
        except InvalidBundle as error:
            self._add(item, "manifest", str(error))
            return None
        name = oci.CONFIG_NAME[item.kind]
        if config.digest != item.digest:
            self._add(item, name, f"expected {item.digest}, got {config.digest}")
        entries = (FileEntry(name, config.digest, config.size), *files)
        for entry in entries:
            self._use(entry.digest, item, entry.path)
        return entries

    def _use(self, digest: str, item: Item, path: str) -> None:
        self.uses[digest].append((_tag(item), path))
        with suppress(OSError):
            self.sizes[digest] = self.blobs.path(digest).stat().st_size

    def _add_strays(self) -> None:
        """Add the blobs that no ref names, because a later save may reuse them."""
        for path, size in self.blobs.all().items():
            digest = "sha256:" + path.name
            if digest not in self.uses:
                self.uses[digest].append((STORE, f"blobs/sha256/{path.name}"))
                self.sizes[digest] = size

    def _check_blob(self, digest: str, advance: Callable[[int], None]) -> None:
        try:
            blob = self.blobs.path(digest)
            got = "a link" if blob.is_symlink() else digests.of_file(blob, advance)
        except FileNotFoundError:
            got = "nothing: the file is missing"
            if all(tag == STORE for tag, _ in self.uses[digest]):
                return  # collected meanwhile
        except OSError as error:
            got = f"nothing: {error.strerror}"
        self.blobs.marks.set(digest, damaged=got != digest)
        if got != digest:
            for tag, path in self.uses[digest]:
                self.damages.append(Damage(tag, path, f"expected {digest}, got {got}"))

    def _check_tree(self, item: Item, files: tuple[FileEntry, ...]) -> None:
        tree = self.trees.path(item.digest)
        known = {entry.path: entry for entry in files}
        before = len(self.damages)
        for path in _walk(tree):
            name = path.relative_to(tree).as_posix()
            if name not in known:
                self._add(item, f"trees/{tree.name}/{name}", "expected nothing, got a file")
            elif got := self._differs(path, known[name].digest):
                self._add(item, f"trees/{tree.name}/{name}", got)
        damaged = len(self.damages) > before or any(
            self.blobs.marks.has(entry.digest) for entry in files
        )
        self.blobs.marks.set(mark(item.digest), damaged=damaged and tree.exists())

    def _differs(self, path: Path, digest: str) -> str | None:
        with suppress(FileNotFoundError):
            if path.samefile(self.blobs.path(digest)):
                return None  # the same bytes, checked above
        try:
            got = digests.of_file(path)
        except OSError as error:
            got = f"nothing: {error.strerror}"
        return None if got == digest else f"expected {digest}, got {got}"

    def _check_store(self) -> None:
        for kind in KINDS:
            for path, why in self.refs.damaged_aliases(kind):
                tag = f"{kind}:{path.parent.name}{path.name}"
                self._damage(tag, path, f"The alias is damaged: {why}.")
        self._check_names()
        for name, expected in (("layout.json", layout.OURS), ("oci-layout", layout.OCI)):
            self._check_file(self.root / name, partial(eq, expected))
        self._check_file(self.root / "index.json", oci.is_sound_index)
        for path in sorted((self.root / "trust").glob("*")):
            try:
                record.load(path)
            except (OSError, ValueError) as error:
                self._damage(STORE, path, str(error))

    def _check_names(self) -> None:
        for name in lost_names.lost(self.root / "index.json", self.refs, self.blobs):
            kind, _, tag = name.partition("s/")
            path = self.refs.place(name)
            self._damage(f"{kind}:{tag}", path, "The ref is missing; `index.json` has its name.")

    def _check_referrers(self, tags: Mapping[str, str]) -> None:
        for path, why in self.referrers.damaged():
            self._damage(tags.get(f"sha256:{path.parent.name}", STORE), path, why)

    def _check_file(self, path: Path, is_sound: Callable[[bytes], bool]) -> None:
        try:
            if not is_sound(disk.read_whole(path)):
                self._damage(STORE, path, "It is not as it was written.")
        except FileNotFoundError:
            pass  # written by the next change
        except OSError as error:
            self._damage(STORE, path, str(error.strerror))

    def _add(self, item: Item, path: str, what: str) -> None:
        self.damages.append(Damage(_tag(item), path, what))

    def _damage(self, tag: str, path: Path, what: str) -> None:
        self.damages.append(Damage(tag, path.relative_to(self.root).as_posix(), what))


def _tag(item: Item) -> str:
    return f"{item.kind}:{item.tag}"


def _walk(tree: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(tree):
        folders[:] = sorted(set(folders) - _CACHES)
        yield from (Path(parent, name) for name in sorted(names))
