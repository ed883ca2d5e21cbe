"""Counters: metrics in memory that all processes share, so that each can report them all.

The supervisor maps the memory before it forks; each worker writes its own row and nobody else's,
so that nothing is locked and a worker that dies leaves what it counted. Aligned 8-byte stores are
not torn, and a reader that is one request behind is right enough.
"""

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its series, in their order in memory.

    `bounds` are the upper bounds of a histogram's buckets; one for infinity is added. Shown as
    one sum over all workers, unless `is_by_worker`: then each has a series of its own.
    What is not `is_shown` is for the server itself; series that begin with labels in `rare` are
    shown once something was counted there.
    """

    name: str
    help: str
    kind: Kind
    labels: tuple[str, ...]
    series: tuple[tuple[str, ...], ...]
    bounds: tuple[float, ...] = ()
    is_by_worker: bool = False
    is_shown: bool = True
    rare: frozenset[tuple[str, ...]] = frozenset()

    @property
    def width(self) -> int:
        """Slots a series: a histogram has its buckets, the last for infinity, and a sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1

    @property
    def slots(self) -> int:
        """Slots of all series."""
        return self.width * len(self.series)


class Counters:
    """The counters of `workers` processes, in shared memory.

    A worker that starts calls `take` with its index; its gauges begin at zero, its counters go on.
    """

    def __init__(self, families: Sequence[Family], workers: int) -> None:
        self.families = tuple(families)
        self._slots = max(1, sum(family.slots for family in families))
        self._workers = workers
        self._offsets = dict(self._place())
        self._memory = memoryview(mmap.mmap(-1, 8 * self._slots * workers)).cast("d")
        self._row = self._memory[: self._slots]

    def _place(self) -> Iterator[tuple[str, int]]:
        offset = 0
        for family in self.families:
            yield family.name, offset
            offset += family.slots

    def take(self, worker: int) -> None:
        """Write into the row of `worker` from now on."""
        self._row = self._row_of(worker)
        self.forget(worker)

    def forget(self, worker: int) -> None:
        """Set the gauges of `worker` to zero: it begins, or it has died."""
        row = self._row_of(worker)
        for family in self.families:
            if family.kind == "gauge":
                start = self._offsets[family.name]
                for slot in range(start, start + family.slots):
                    row[slot] = 0.0

    def clear(self, labels: frozenset[str]) -> None:
        """Set all series whose first label is one of `labels` to zero, for all workers."""
        for family in self.families:
            for series in family.series:
                if not labels.isdisjoint(series[:1]):
                    start = self.slot(family, *series)
                    for slot in range(start, start + family.width):
                        for at in range(slot, len(self._memory), self._slots):
                            self._memory[at] = 0.0

    def _row_of(self, worker: int) -> "memoryview[float]":
        return self._memory[worker * self._slots : (worker + 1) * self._slots]

    def slot(self, family: Family, *labels: str) -> int:
        """Where the series with these labels starts.

        Raises:
            ValueError: when the family has no such series.
        """
        return self._offsets[family.name] + family.width * family.series.index(labels)

    def add(self, slot: int, amount: float = 1.0) -> None:
        """Count."""
        self._row[slot] += amount

    def set(self, slot: int, value: float) -> None:
        """Set a gauge."""
        self._row[slot] = value

    def observe(self, slot: int, bounds: tuple[float, ...], value: float) -> None:
        """Put `value` into the histogram at `slot`."""
        row = self._row
        row[slot + bisect_left(bounds, value)] += 1.0
        row[slot + len(bounds) + 1] += value

    def observe_all(self, slot: int, bounds: tuple[float, ...], values: Sequence[float]) -> None:
        """Put `values` into the histogram at `slot`."""
        row = self._row
        first, last = bisect_left(bounds, min(values)), bisect_left(bounds, max(values))
        if first == last:  # durations in one batch are mostly equal
            row[slot + first] += len(values)
        else:
            for value in values:
                row[slot + bisect_left(bounds, value)] += 1.0
        row[slot + len(bounds) + 1] += sum(values)

    def rows(self) -> list[list[float]]:
        """All numbers of each worker, in the order of their slots."""
        return [list(self._row_of(worker)) for worker in range(self._workers)]

    def total(self, slot: int) -> float:
        """The number at `slot`, over all workers."""
        return sum(self._memory[slot :: self._slots])

    def totals(self, slot: int, width: int) -> list[float]:
        """The numbers of `width` slots from `slot` on, each over all workers."""
        return [self.total(each) for each in range(slot, slot + width)]

    def largest(self, slot: int) -> float:
        """The largest number at `slot` that any worker has."""
        return max(self._memory[slot :: self._slots])
