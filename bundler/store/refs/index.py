"""`index.json`: for other OCI tools; derived from the refs, and never read as truth."""

import atexit
from contextlib import suppress
from pathlib import Path

from ...tag import KINDS
from .. import oci
from ..files.counter import Counter
from ..files.workspace import Workspace
from ..item import Item
from .refs import Refs

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
                with self._workspace.file(oci.index(items)) as temporary:
                    temporary.replace(self._path)
                if before == self._counter.value():
                    break
            self._written, self._pending = len(items), 0

    def _sound_items(self) -> list[Item]:
        return [item for kind in KINDS for item in self._refs.items(kind) if not item.damaged]
