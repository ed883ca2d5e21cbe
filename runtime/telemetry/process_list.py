"""ProcessList: the processes of a server, in memory that forks share.

Only the supervisor writes, as it forks and reaps all processes; any process reads.
"""

import mmap
from collections.abc import Iterator
from contextlib import suppress

import orjson

from ..system import proc

MOST = 1024  # processes
SIZE = 256  # bytes of one entry

Labels = dict[str, str]


class ProcessList:
    """An entry for each process: its pid and its labels."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, MOST * SIZE)
        self._places: dict[int, int] = {}  # the supervisor's: pid -> place

    def enter(self, pid: int, **labels: str) -> None:
        """There is another process; beyond the most that fit, it stays unknown."""
        entry = orjson.dumps([pid, labels])
        taken = set(self._places.values())
        place = self._places.get(pid, next((i for i in range(MOST) if i not in taken), None))
        if place is None or len(entry) > SIZE:
            return
        self._places[pid] = place
        self._write(place, entry)

    def leave(self, pid: int) -> None:
        """It has ended."""
        place = self._places.pop(pid, None)
        if place is not None:
            self._write(place, b"")

    def _write(self, place: int, entry: bytes) -> None:
        self._memory[place * SIZE : (place + 1) * SIZE] = entry.ljust(SIZE, b"\0")

    def __iter__(self) -> Iterator[tuple[int, Labels]]:
        """The current entries."""
        for place in range(MOST):
            entry = self._memory[place * SIZE : (place + 1) * SIZE].rstrip(b"\0")
            if entry:
                with suppress(orjson.JSONDecodeError):  # it is being written: the next time
                    pid, labels = orjson.loads(entry)
                    yield pid, labels

    def memory(self) -> list[tuple[Labels, int, int]]:
        """The memory of each process in bytes: resident, and its share, where n sharers count 1/n.

        The kernel may take milliseconds for a large process.
        """
        found = ((labels, pid, proc.resident(pid)) for pid, labels in self)
        return [(labels, held, proc.proportional(pid)) for labels, pid, held in found if held]
