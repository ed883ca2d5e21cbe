"""`index.json`: for other OCI tools; derived from the refs, and never read as truth.

For a damaged ref, it keeps the previous entry, which a repair uses.
"""

import atexit
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...tag import KINDS
from .. import oci
from ..files import disk
from ..files.counter import Counter
from ..files.workspace import Workspace
from ..item import Item
from .refs import LATEST, Refs

_SHARE = 20  # rewrite when a twentieth of the index is new: a long loop of saves stays linear


class Index:
    """Writes `index.json` after a change: at once, or in a long loop now and then and at its end.

    A process that is killed in between leaves an index that misses the newest items; the next
    change of the store mends it.
    """

    def __init__(self, path: Path, refs: Refs, counter: Counter, workspace: Workspace) -> None:
        self._path = path
        self._refs = refs
        self._counter = counter
        self._workspace = workspace
        self._written = 0  # items in the index as this process last wrote it
        self._pending = 0

    def changed(self) -> None:
        """A ref has changed."""
        self._pending += 1
        if self._pending * _SHARE > self._written:
            self.settle()
        elif self._pending == 1:
            atexit.register(self.settle)

    def forget(self, names: Collection[str]) -> None:
        """Write the index without these names, before their refs are removed.

        So a name without a ref is a lost one, not a half-done deletion. On a full disk they stay.
        """
        gone = {name.lower() for name in names}
        with suppress(OSError):
            entries = self._entries(self._sound_items())
            self._write({name: one for name, one in entries.items() if name.lower() not in gone})

    def settle(self) -> None:
        """Write the index if refs changed since it was written.

        A full disk does not undo a commit, so it is no error here. Two processes may both write:
        the one that sees the counter moved while it wrote, writes again, so the last is right.
        """
        if not self._pending:
            return
        atexit.unregister(self.settle)
        with suppress(OSError):
            while True:
                before = self._counter.value()
                items = self._sound_items()
                self._write(self._entries(items))
                if before == self._counter.value():
                    break
            self._written, self._pending = len(items), 0

    def _write(self, entries: Mapping[str, Any]) -> None:
        with self._workspace.file(oci.index(entries)) as temporary:
            temporary.replace(self._path)

    def _sound_items(self) -> list[Item]:
        return [item for kind in KINDS for item in self._refs.items(kind) if not item.damaged]

    def _entries(self, items: list[Item]) -> Mapping[str, Any]:
        entries = oci.entries(items)
        data, before = self._before()
        kept = {name for name in before.keys() - entries.keys() if self._refs.is_there(name)}
        if not kept or not oci.is_sound_index(data):
            return entries
        kept |= {name for name in map(_latest, kept) if _is_latest(name, kept, before, entries)}
        return entries | {name: before[name] for name in sorted(kept)}

    def _before(self) -> tuple[bytes, dict[str, Any]]:
        """The current entries of the index; empty if it cannot be read."""
        try:
            data = disk.read_whole(self._path)
            return data, oci.read_index(data)
        except (OSError, ValueError):
            return b"", {}


def _latest(name: str) -> str:
    return f"{name.partition('@')[0].partition(':')[0]}@{LATEST}"


def _is_latest(
    latest: str, kept: set[str], before: Mapping[str, Any], now: Mapping[str, Any]
) -> bool:
    """Whether one that cannot be read was the latest, and no other was saved since."""
    start = latest.partition("@")[0] + ":"
    if latest not in before:
        return False
    was = before[latest]["digest"]
    known = {before[name]["digest"] for name in before if name.startswith(start)}
    is_old = latest not in now or now[latest]["digest"] in known
    return is_old and was in {before[name]["digest"] for name in kept if name.startswith(start)}
