"""LayerCache: a cache of unpacked packages, bytecode, interpreters and layer digests.

An entry is kept while a bundle in the store needs it, or a process holds it. A process declares an
entry before it looks for it, as with blobs, and garbage collection reads these declarations twice.
"""

import errno
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from ...runtime import digest as digests
from ...runtime.manifests.bundle_manifest import BundleManifest
from ..errors import Damaged, StoreError
from ..store import Store
from ..store.files import disk, record, workspace
from ..store.upkeep.usage import freed_size
from .bundle_files import WORKDIR

PACKAGES, BYTECODE, KNOWN, LAST, PYTHON = "packages", "bytecode", "known", "last", "python"
AGE = 30 * 24 * 3600  # seconds after which an entry that no bundle names is old
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Collected:
    """The number of removed entries, and the bytes that this has freed."""

    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LayerCache:
    """The folder `layers` of a store."""

    store: Store

    @property
    def directory(self) -> Path:
        """The directory of the cache, which may not exist."""
        return self.store.root / "layers"

    def unused(self) -> list[Path]:
        """Entries that no bundle of the store needs and no process holds.

        Raises:
            Damaged: when a bundle cannot be read, for then nobody knows what it asks for.
        """
        held = workspace.all_held(self.store.root / "tmp")
        named = _Named.of(self.store)
        return [path for path in self._doomed(named) if digest_of(path) not in held]

    def collect(self, *, dry_run: bool = False) -> Collected:
        """Remove unused entries; with `dry_run`, only compute what that would free."""
        doomed = self.unused()
        sizes = {path: freed_size(path) for path in doomed}
        gone = doomed if dry_run else remove(self.store, doomed)
        return Collected(len(gone), sum(sizes[path] for path in gone))

    def reclaimable(self) -> int:
        """Bytes that `collect` would free; 0 while that is unknown."""
        try:
            return self.collect(dry_run=True).bytes
        except Damaged:
            return 0

    def _doomed(self, named: "_Named") -> Iterator[Path]:
        for path in _below(self.directory / PACKAGES):
            tree = path.with_suffix("")  # its note lies beside it, or is left of it
            if not tree.is_dir() or lock_of(tree) not in named.locks:
                yield path
        for folder in _below(self.directory / BYTECODE):
            yield from (path for path in _below(folder) if digest_of(path) not in named.sources)
        for path in _below(self.directory / LAST):
            if digest_of(path) not in named.names:
                yield path
        yield from self._old()

    def _old(self) -> Iterator[Path]:
        """Entries that are cheap to make again, and were not used for a month."""
        kept = {str(one) for path in _below(self.directory / LAST) for one in _layers(path)}
        for path in (*_below(self.directory / KNOWN), *_below(self.directory / PYTHON)):
            if disk.age(path) > AGE and str(_load(path).get("digest")) not in kept:
                yield path


def remove(store: Store, paths: Iterable[Path]) -> list[Path]:
    """Remove entries unless a process holds them by now; returns the removed ones."""
    doomed = list(paths)
    if not doomed:
        return []
    tmp = store.root / "tmp"
    with ExitStack() as stack:
        trash = _trash(store, stack)
        held = workspace.all_held(tmp)
        places = {path: _aside(path, trash) for path in doomed if digest_of(path) not in held}
        moved = [path for path, place in places.items() if _renamed(path, place)]
        held = workspace.all_held(tmp)
        gone = [path for path in moved if digest_of(path) not in held]
        for path in moved:
            if path not in gone:
                _renamed(places[path], path)
            elif trash is None:
                _discard(places[path])
        return gone


def digest_of(path: Path) -> str:
    """The name by which a process holds the entry."""
    return f"sha256:{path.name.partition('.')[0]}"


def note_lock(tree: Path, lock: str) -> None:
    """Record beside a tree of packages which lock it belongs to."""
    with suppress(OSError):
        _place(tree).write_bytes(record.encode({"lock": lock}))


def lock_of(tree: Path) -> str:
    """The lock that a tree of packages was made from; "" if it is unknown."""
    return str(_load(_place(tree)).get("lock", ""))


@dataclass(frozen=True, slots=True)
class _Named:
    """What the bundles of a store need.

    locks    digests of locks
    sources  names of the compiled files of their sources, see `Compiler`
    names    digests of the bundles' names
    """

    locks: frozenset[str]
    sources: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, store: Store) -> "_Named":
        locks, sources, names = set(), set(), set()
        for item in store.items("bundle"):
            if item.damaged:
                raise Damaged(
                    f"No layers were removed, because the bundle `{item.tag}` cannot be read. "
                    f"{item.damaged}",
                    hint=f"Mend it with `bundle verify --repair`, or delete it: `{item.deletion}`.",
                )
            manifest = BundleManifest.from_json(orjson.loads(store.config(item)))
            home = str(manifest.image.get("workdir") or WORKDIR).strip("/")
            locks.add(manifest.lock or "")
            names.add(digests.of_bytes(item.name.encode()))
            for entry in store.files(item):
                if entry.path.endswith(".py"):
                    sources.add(source_key(f"{home}/{entry.path}", entry.digest))
        return cls(frozenset(locks - {""}), frozenset(sources), frozenset(names))


def source_key(path: str, digest: str) -> str:
    """The name of the compiled file of a source at its path in an image."""
    return digests.of_bytes(f"{path}\n{digest}".encode())


def _place(tree: Path) -> Path:
    return tree.with_name(f"{tree.name}.lock")


def _below(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _load(path: Path) -> dict[str, object]:
    try:
        return record.load(path)
    except (OSError, ValueError):
        return {}


def _layers(path: Path) -> list[object]:
    found = _load(path).get("layers")
    return found if isinstance(found, list) else []


def _trash(store: Store, stack: ExitStack) -> Path | None:
    """A temporary directory; None if the disk is full."""
    try:
        return stack.enter_context(store.staging())
    except StoreError as error:
        if getattr(error.__cause__, "errno", None) not in _FULL:
            raise
        return None


def _aside(path: Path, trash: Path | None) -> Path:
    """The path of an entry between the two checks; a rename in one directory needs no space."""
    if trash is None:
        return path.with_name(f"{path.name}.gone")
    return trash / f"{path.parent.name}.{path.name}"


def _renamed(path: Path, place: Path) -> bool:
    try:
        path.rename(place)
    except OSError:  # another collection removed it, or it was made again
        return False
    return True


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        disk.remove(path)
