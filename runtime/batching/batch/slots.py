"""Slots: the executors of one batcher, and what each of them runs."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from ..execution.executor import Executor
from .batch import Batch


class ExecutorSlot:
    """One executor and the batch that it runs."""

    __slots__ = ("batch", "executor", "index", "is_cut", "predicted", "started")

    def __init__(self, index: int, executor: Executor) -> None:
        self.index = index
        self.executor = executor
        self.batch: Batch | None = None
        self.started = 0.0  # seconds, when the batch was
        self.predicted = 0.0  # predicted duration in seconds
        self.is_cut = False  # the executor was asked to end it

    def begin(self, batch: Batch, now: float) -> None:
        """Run `batch` from `now` on."""
        self.batch = batch
        self.started = now
        self.predicted = batch.window.cost.mean(batch.rows)
        self.is_cut = False


class Slots:
    """All executors; the one that was freed last is used first, as its caches are warm."""

    __slots__ = ("_all", "idle", "until")

    def __init__(self, executors: Sequence[Executor]) -> None:
        self._all = [ExecutorSlot(index, executor) for index, executor in enumerate(executors)]
        self.idle = self._all[::-1]  # without a batch, ready or not; the next one last
        self.until = 0.0  # seconds, when the first should be free; long past while one is

    def __iter__(self) -> Iterator[ExecutorSlot]:
        """Each of them."""
        return iter(self._all)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    @property
    def width(self) -> int:
        """The number of batches that can run at once; 1 if no executor is ready yet."""
        return len(self._all) or 1

    def start(self, loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]) -> None:
        """Start every executor."""
        for slot in self._all:
            slot.executor.start(loop, on_ready)

    def poll(self) -> None:
        """Poll the executors for finished batches."""
        for slot in self._all:
            if slot.batch is not None:
                slot.executor.poll()

    def stop(self) -> None:
        """Stop every executor and forget what runs."""
        for slot in self._all:
            slot.batch = None
            slot.executor.stop()
        self.idle, self.until = self._all[::-1], 0.0

    def free(self) -> list[ExecutorSlot]:
        """The slots that can take a batch now, the preferred one first."""
        return [slot for slot in reversed(self.idle) if slot.executor.is_ready]

    def begin(self, slot: ExecutorSlot, batch: Batch, now: float) -> None:
        """`slot` runs `batch` from `now` on."""
        self.idle.remove(slot)
        slot.begin(batch, now)
        if not self.idle:
            self.until = min(slot.started + slot.predicted for slot in self._all)

    def end(self, slot: ExecutorSlot) -> None:
        """Mark `slot` as free."""
        slot.batch = None
        self.idle.append(slot)
        self.until = 0.0

    def remaining(self, now: float) -> float:
        """Seconds until the first should be free."""
        return max(0.0, self.until - now)

    def batches(self) -> Iterator[Batch]:
        """What runs."""
        return (slot.batch for slot in self._all if slot.batch is not None)
