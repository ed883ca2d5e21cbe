"""Batcher: collects requests, calls the model with their rows, and answers each of them."""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Any

from ..errors import InvalidInput, Overloaded
from .admission.admission import Admission
from .admission.eviction import Eviction
from .arrival_wait import ArrivalWait
from .batch.batch import Batch
from .batch.delivery import Answers, Delivery
from .batch.hang import HangWatch
from .batch.recovery import Recovery
from .batch.slots import ExecutorSlot, Slots
from .deadline_timer import DeadlineTimer
from .execution.executor import Executor, RowOps
from .execution.measurement import Measurement
from .lanes.lane import Backlog, Lane
from .lanes.lanes import Lanes
from .lanes.ranked_lanes import RankedLanes
from .observer import BatchObserver, NullObserver, Release
from .outcome import Outcome
from .policy.cost import CostModel
from .policy.window import Limits
from .request import FutureRequest, Request
from .return_wait import ReturnWait
from .trickle_wait import TrickleWait


class Batcher:
    """Runs requests in batches, one call of the model each; no executor idles while requests wait.

    A batch stays open until an executor is free, and then takes the queued requests, oldest first.
    Only requests of equal `key` (shapes, dtypes, parameters) share a batch.

    executors   each runs one batch at a time, and returns as many rows in the same order
    ops         concatenates and slices rows
    clock       monotonic, in seconds; deadlines are on it

    All methods are called on the event loop's thread.
    """

    def __init__(
        self,
        executors: Executor | Sequence[Executor],
        ops: RowOps,
        limits: Limits | None = None,
        *,
        observer: BatchObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or Limits()
        self._ops = ops
        self._observer = observer or NullObserver()
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_accepting = False
        self._drained = asyncio.Event()  # set once the queue and all executors are empty
        self._slots = Slots(executors if isinstance(executors, Sequence) else [executors])
        is_ranked = self.limits.priorities or self.limits.fairness
        self._takes_many = self.limits.mergeable and not is_ranked
        self._lanes = RankedLanes(self.limits) if is_ranked else Lanes(self.limits)
        self._admission = Admission(self.limits, self._lanes, self._slots, self._observer)
        self._eviction = Eviction(self._lanes, self._in_flight, self._admission, self._observer)
        self._recovery = Recovery(self._eviction.is_over, idempotent=self.limits.idempotent)
        self._outcome = Outcome(
            self._lanes,
            self._admission.patience,
            self._recovery,
            Delivery(ops, is_whole=self.limits.mergeable, may_repeat=self.limits.idempotent),
            self._observer,
        )
        self._timer = DeadlineTimer(clock, self._expire)
        self._return_wait = ReturnWait(clock, partial(self._turn, "returned"))
        rows = lambda: self._lanes.backlog.rows  # noqa: E731
        self._arrival_wait = ArrivalWait(clock, rows, partial(self._turn, "ready"), self._is_busy)
        self._trickle = TrickleWait(clock, rows, self._turn)
        self._watch = HangWatch(self.limits, self._slots, self._has_more, clock)
        self._now = 0.0  # of this turn
        self._is_scheduled = False  # a turn is

    # --- life ---

    async def start(self) -> None:
        """Accept requests on the running loop. Harmless when started."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._is_scheduled = False
            self._drained = asyncio.Event()
            self._slots.start(self._loop, self._schedule)
        self._is_accepting = True

    async def stop(self, *, drain: bool = True) -> None:
        """Refuse new requests and answer the others: after their turn, or with 503 at once.

        Harmless when stopped. Without `drain` it does not wait for the batch that is running.
        """
        self._is_accepting = False
        if drain and self._loop is not None and self._is_busy():
            self._schedule()  # held-back requests are released now
            await self._drained.wait()
        self._abandon()
        self._timer.cancel()
        self._return_wait.cancel()
        self._watch.cancel()
        self._drained.set()
        if self._loop is not None:
            self._loop = None
            self._slots.stop()

    async def warm_up(
        self, sample: Any, key: Hashable = None, *, seconds: float = 1.0
    ) -> list[tuple[int, float]]:
        """Call the model with 1, 8, 64, ... rows like those of `sample`, and learn their cost.

        For a started batcher, before the first request; every executor that is ready warms up.
        See `Measurement.run`.
        """
        window = self._lanes[key].window
        ready = [slot.executor for slot in self._slots if slot.executor.is_ready]
        measurements = [Measurement(each, self._ops, self.limits, self._clock) for each in ready]
        measured = await asyncio.gather(
            *(each.run(sample, window, seconds) for each in measurements)
        )
        self._lanes.learn(window)
        return measured[0] if measured else []

    # --- requests ---

    async def submit(
        self,
        batch: Any,
        *,
        rows: int,
        key: Hashable = None,
        size: int = 0,
        deadline: float | None = None,
    ) -> Any:
        """The model's answer for the rows of `batch`; as `enqueue`, awaited."""
        request = FutureRequest(batch, rows, size, deadline)
        self.enqueue(request, key)
        return await request.answer()

    def enqueue(
        self, request: Request, key: Hashable = None, *, is_trickling: bool = False
    ) -> None:
        """Queue `request`, which gets the model's answer for exactly its rows.

        is_trickling   a library hands over one by one what comes together; see `TrickleWait`

        Raises:
            Overloaded: the queue is full, its turn is predicted to come too late, or the batcher
                is not running. The request itself may also fail with this, DeadlineExceeded,
                ModelDied, PredictionFailed, or a RequestError that the model raises for it alone.
            DeadlineExceeded: its deadline has passed.
            InvalidInput: it has no row.
        """
        if not self._is_accepting:
            raise self._admission.refused("stopped", "The server is not accepting requests.", 1.0)
        if request.rows < 1:
            raise InvalidInput("At least one row is needed.")
        if not self.limits.mergeable:
            request.rows = request.left = 1  # without merging, each request counts as one row
        now = request.arrived = self._clock()
        lane = self._lanes[key]
        if not self._admission.has_room(request.rows, request.size):
            self._eviction.make_room(request, now)
        self._admission.check(lane, request, now)
        lane.push(request)
        self._queued(lane, request.rows, now, request.deadline, is_trickling=is_trickling)

    def enqueue_all(self, requests: Sequence[Request], key: Hashable = None) -> bool:
        """Queue requests that arrived together: as `enqueue` for each, in less than half the time.

        Returns False, with none queued, if one of them needs the checks of `enqueue`.
        """
        if not self._is_accepting or not self._takes_many:
            return False
        now = self._clock()
        lane = self._lanes[key]
        rows = sum([request.rows for request in requests])
        size = sum([request.size for request in requests])
        deadline = min([request.deadline for request in requests])
        if not self._admission.is_plain(lane, rows, size, deadline, now):
            return False
        for request in requests:
            request.arrived = now
        lane.push_all(requests, rows, size)
        self._queued(lane, rows, now, deadline)
        return True

    def _queued(
        self, lane: Lane, rows: int, now: float, deadline: float, *, is_trickling: bool = False
    ) -> None:
        lane.window.arrived(now, rows)
        self._observer.queued(self._lanes.backlog.rows)
        if not lane.is_listed:
            self._lanes.enlist(lane)
        if deadline < self._timer.at and self._loop is not None:
            self._timer.set(self._loop, deadline)
        if self._is_scheduled or not self._slots.idle:
            return
        if is_trickling and self._loop is not None:
            self._is_scheduled = True
            self._trickle.wait(self._loop, lane.window.cost.alpha)
        else:
            self._schedule()

    def refusal(self) -> Overloaded | None:
        """The error that any request would get now, or None; needs no decoded rows."""
        if self._admission.has_room(1, 0) or self.limits.priorities or self.limits.fairness:
            return None  # a more urgent request may displace another
        now = self._clock()
        self._eviction.prune(now)
        return None if self._admission.has_room(1, 0) else self._admission.refuse_full(1, now)

    @property
    def is_full(self) -> bool:
        """Whether the queue has no room for another row."""
        return not self._admission.has_room(1, 0)

    @property
    def backlog(self) -> Backlog:
        """What waits for a batch."""
        return self._lanes.backlog

    @property
    def cost(self) -> CostModel:
        """The measured cost of recent batches."""
        return self._lanes.cost

    @property
    def predicted_wait(self) -> float:
        """Seconds until all that is here now will have been answered."""
        return self._admission.wait(self._clock())

    def poll(self) -> None:
        """Start and finish batches during a long turn of the loop."""
        if self._is_scheduled:
            self._turn()
        self._slots.poll()

    # --- turns ---

    def _schedule(self) -> None:
        """Schedule a turn after the callbacks that are due now: sockets are read first."""
        if not self._is_scheduled and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self, reason: Release = "idle") -> None:
        """Give every free executor a batch, as long as there is one."""
        self._is_scheduled = False
        if self._loop is None or self._is_resting():
            return
        self._now = self._eviction.now = self._clock()
        for slot in self._slots.free():
            batch = self._next(slot, reason)
            if batch is not None:
                self._release(slot, batch, self._loop)
        self._observer.queued(self._lanes.backlog.rows)
        if not self._is_accepting and not self._is_busy():
            self._drained.set()

    def _release(self, slot: ExecutorSlot, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        self._return_wait.cancel()
        self._eviction.is_pruned = False
        self._slots.begin(slot, batch, self._now)
        self._watch.begin(loop, slot, batch)
        batch.begin(self._now)
        waited = self._now - batch.requests[0].arrived
        self._observer.released(batch.rows, len(batch.requests), waited, batch.reason)
        rows = batch.rows if self.limits.mergeable else 0
        done = partial(self._done, slot, batch)
        try:
            slot.executor.submit(batch.inputs(self._ops), rows, done)
        except Exception as error:  # noqa: BLE001 - as if the model had raised it
            loop.call_soon(done, None, error)

    def _next(self, slot: ExecutorSlot, reason: Release) -> Batch | None:
        """The next batch: a part of one that failed, else of the lane with the oldest request."""
        batch = self._recovery.next(slot.index)
        if batch is not None:
            return batch
        while self._lanes:
            lane = self._lanes.first(self._now)
            self._eviction.prune_front(lane)
            if reason != "returned" and self._is_held(lane):
                return None
            self._lanes.delist_first()
            batch = self._take(lane, reason)
            self._lanes.enlist(lane)
            if batch is not None and batch.requests:
                return batch
        return None

    def _take(self, lane: Lane, reason: Release) -> Batch | None:
        head = lane.head
        if head is None:
            return None
        size = lane.window.size(lane.rows, head.deadline - self._now)
        if lane.rows >= size:
            reason = "full"
        elif self._return_wait:
            reason = "returned"
        return lane.take(size, reason, self._now, self._eviction)

    def _is_held(self, lane: Lane) -> bool:
        """Whether to wait for clients on their way back."""
        if self._loop is None or not self._is_accepting or len(self._lanes) > 1:
            return False
        return self._return_wait.holds(self._loop, lane, self._now)

    # --- answers ---

    def _done(
        self, slot: ExecutorSlot, batch: Batch, output: Any, error: BaseException | None
    ) -> None:
        """The executor of `slot` has run `batch`."""
        if batch is not slot.batch:
            return  # stopped without waiting for it
        self._slots.end(slot)
        self._now = self._eviction.now = self._clock()
        answers = self._outcome.of(slot, batch, output, error, self._now)
        if answers is None:
            self._turn("ready")
        else:
            self._deliver(batch, answers)

    def _deliver(self, batch: Batch, answers: Answers) -> None:
        """Hand over the answers, after the next batch has begun or before."""
        window = batch.window
        if self._loop is not None and self._answers_first(batch):
            self._is_scheduled = True
            try:
                answers.deliver()
            finally:
                now = self._clock()
                window.answered(now, answers.rows)
                self._arrival_wait.wait(self._loop, now + window.cost.alpha, len(batch.requests))
        else:
            window.answered(self._now, answers.rows)
            self._turn("ready")
            answers.deliver()

    def _answers_first(self, batch: Batch) -> bool:
        """Whether the next batch can only gain by it: no model computes while this loop writes."""
        is_full = self._lanes.backlog.rows >= batch.window.limit
        return self.limits.is_crowded and not is_full and not self._recovery

    # --- the end ---

    def _expire(self, now: float) -> float:
        """Fail requests whose deadline has passed; returns the next deadline."""
        following = self._eviction.expire(now)
        if not self._is_accepting:  # `stop` waits for the last of them, maybe without an executor
            self._recovery.prune()
            self._schedule()
        return following

    def _in_flight(self) -> Iterator[Request]:
        for batches in (self._slots.batches(), self._recovery.batches()):
            for batch in batches:
                yield from batch.requests

    def _abandon(self) -> None:
        """Answer 503 to all remaining requests."""
        left = [*self._in_flight(), *self._lanes.requests()]
        self._recovery.clear()
        self._lanes.clear()
        for slot in self._slots:
            slot.batch = None
        self._eviction.close(left)
        self._observer.queued(0)

    def _has_more(self) -> bool:
        """Whether something waits for an executor."""
        return bool(self._recovery) or self._lanes.backlog.rows > 0

    def _is_resting(self) -> bool:
        """Whether the queue is empty, and no `stop` waits for that."""
        return self._is_accepting and not self._lanes and not self._recovery

    def _is_busy(self) -> bool:
        return len(self._slots.idle) < len(self._slots) or self._has_more()
