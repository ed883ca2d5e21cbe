"""The batcher: rows of many requests, one call of the model, each answer to its request."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from math import inf
from typing import Any

from ..errors import DeadlineExceeded, InvalidInput, Overloaded, PredictionFailed, RequestError
from .alarm import Alarm
from .batch import Batch, RowOps, is_out_of_memory
from .executor import Executor, Worker
from .lane import Lane, Request
from .lanes import Lanes
from .measurement import Measurement
from .observer import BatchObserver, NullObserver, Refusal, Release
from .window import Limits

log = logging.getLogger(__name__)


class Batcher:
    """Many requests, one call: works while there is work, and never waits for more.

    A batch stays open until the executor is free and is then made of what has come, oldest first.
    Requests share a batch only within their `key` (shapes, dtypes, parameters: whatever must be
    equal). `call` runs in `executor` with the rows of one or more requests under one another and
    must answer as many rows in the same order; `ops` joins and cuts them.

    All methods are for the event loop's thread. `clock` counts seconds, monotonically; deadlines
    are on it.
    """

    def __init__(
        self,
        call: Callable[[Any], Any],
        ops: RowOps,
        limits: Limits | None = None,
        *,
        executor: Executor | None = None,
        observer: BatchObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or Limits()
        self._call = call
        self._ops = ops
        self._run = Batch.run if self.limits.mergeable else Batch.run_whole
        self._executor = executor or Worker()
        self._observer = observer or NullObserver()
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_accepting = False
        self._idle = asyncio.Event()  # set by the turn that finds nothing left to do
        self._lanes = Lanes(self.limits)
        self._alarm = Alarm(clock, self._expire)
        self._retries: deque[Batch] = deque()
        self._running: Batch | None = None
        self._started = 0.0  # when the running batch was
        self._now = 0.0  # of this turn
        self._is_scheduled = False  # a turn is
        self._is_weeded = False  # the queues have been, since the last batch
        self._timer: asyncio.TimerHandle | None = None  # while a batch is held back

    # --- life ---

    async def start(self) -> None:
        """Accept requests on the running loop. Harmless when started."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._is_scheduled = False
            self._idle = asyncio.Event()
            self._executor.start(self._loop)
        self._is_accepting = True

    async def stop(self, *, drain: bool = True) -> None:
        """Refuse new requests and answer the others: after their turn, or with 503 at once.

        Harmless when stopped. Without `drain` it does not wait for the batch that is running.
        """
        self._is_accepting = False
        if drain and self._loop is not None and self._is_busy():
            self._schedule(self._loop)  # what is held back goes now
            await self._idle.wait()
        self._abandon()
        self._alarm.cancel()
        self._end_hold()
        self._idle.set()
        if self._loop is not None:
            self._loop = None
            self._executor.stop()

    async def warm_up(
        self, sample: Any, key: Hashable = None, *, seconds: float = 1.0
    ) -> list[tuple[int, float]]:
        """Call the model with 1, 2, 4, ... rows like those of `sample`, and learn their cost.

        For a started batcher, before the first request. See `Measurement.run`.
        """
        window = self._lanes[key].window
        measurement = Measurement(self._call, self._ops, self._executor, self._clock)
        measured = await measurement.run(sample, window, self.limits, seconds)
        self._lanes.cost = window.cost
        return measured

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
        return await self.enqueue(batch, rows, key, size, deadline)

    def enqueue(
        self,
        batch: Any,
        rows: int,
        key: Hashable = None,
        size: int = 0,
        deadline: float | None = None,
    ) -> "asyncio.Future[Any]":
        """Queue `rows` rows; the future gets the model's answer for exactly these.

        `size` is what they weigh in bytes, `deadline` the time on `clock` after which nobody
        wants the answer. Cancel the future when its client leaves.

        Raises:
            Overloaded: the queue is full, or by prediction its turn comes too late, or the
                batcher is not running. The future may get it too, as well as DeadlineExceeded,
                PredictionFailed, and any RequestError that the model raises for it alone.
            DeadlineExceeded: it is too late already.
            InvalidInput: there is no row.
        """
        loop = self._loop
        if loop is None or not self._is_accepting:
            raise self._refused("stopped", "The server is not accepting requests.", 1.0)
        if rows < 1:
            raise InvalidInput("At least one row is needed.")
        if not self.limits.mergeable:
            rows = 1  # everything is counted in calls then
        now = self._clock()
        lane = self._lanes[key]
        self._admit(lane, rows, size, deadline, now)
        request = Request(loop.create_future(), batch, rows, size, now, deadline)
        lane.window.arrived(now, rows)
        lane.push(request)
        self._observer.queued(self._lanes.backlog.rows)
        if not lane.is_listed:
            self._lanes.enlist(lane)
        if request.deadline < self._alarm.at:
            self._alarm.set(loop, request.deadline)
        if self._running is None:
            self._schedule(loop)
        return request.future

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._lanes.backlog.rows

    @property
    def queued_bytes(self) -> int:
        """Bytes of the requests that they belong to."""
        return self._lanes.backlog.bytes

    @property
    def predicted_wait(self) -> float:
        """Seconds until all that is here now will have been answered."""
        return self._remaining(self._clock()) + self._lanes.duration()

    def _admit(self, lane: Lane, rows: int, size: int, deadline: float | None, now: float) -> None:
        backlog, limits = self._lanes.backlog, self.limits
        if backlog.rows and (
            backlog.rows + rows > limits.max_queue_rows
            or backlog.bytes + size > limits.max_queue_bytes
        ):
            self._weed(now)
            if backlog.rows + rows > limits.max_queue_rows:
                raise self._refused("rows", "The queue is full.", self.predicted_wait)
            if backlog.rows and backlog.bytes + size > limits.max_queue_bytes:
                raise self._refused("bytes", "The queue is full.", self.predicted_wait)
        if deadline is None:
            return
        if deadline <= now:
            self._observer.refused("expired")
            raise DeadlineExceeded("The deadline has passed before the request arrived.")
        if self._running is None and not backlog.rows:
            return  # a lone request is always tried, whatever the predictions
        ahead = self._remaining(now) + self._lanes.others(lane)
        wait = ahead + lane.window.duration(lane.rows + rows)
        if not lane.window.admits(wait, deadline - now):
            raise self._refused("wait", "The queue is too long for the deadline.", wait)

    def _remaining(self, now: float) -> float:
        if self._running is None:
            return 0.0
        predicted = self._running.lane.window.duration(self._running.rows)
        return max(0.0, predicted - (now - self._started))

    def _refused(self, reason: Refusal, detail: str, retry_after: float) -> Overloaded:
        self._observer.refused(reason)
        return Overloaded(detail, retry_after=retry_after)

    # --- turns ---

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have a turn after the callbacks that are due now: sockets that are readable come in."""
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._turn)

    def _turn(self, reason: Release = "idle") -> None:
        """Give the executor the next batch, if it is free and there is one."""
        self._is_scheduled = False
        if self._running is not None:
            return
        self._now = self._clock()
        batch = self._next(reason)
        self._observer.queued(self._lanes.backlog.rows)
        if batch is None:
            if not self._is_accepting and not self._is_busy():
                self._idle.set()
            return
        self._end_hold()
        self._is_weeded = False
        self._running, self._started = batch, self._now
        waited = self._now - batch.pieces[0].request.arrived
        self._observer.released(batch.rows, len(batch.pieces), waited, batch.reason)
        work = partial(self._run, batch, self._call, self._ops)
        self._executor.submit(work, partial(self._done, batch))

    def _next(self, reason: Release) -> Batch | None:
        """The next batch: a part of one that failed, else of the lane with the oldest request."""
        while self._retries:
            batch = self._retries.popleft().without(self._is_over)
            if batch.is_guilty and len(batch.pieces) > 1:
                self._retries.extendleft(reversed(batch.halves()))
            elif batch.pieces:
                return batch
        while self._lanes:
            lane = self._lanes.first()
            self._weed_front(lane)
            if lane.queue and reason != "returned" and self._is_held(lane):
                return None
            self._lanes.delist_first()
            batch = self._take(lane, reason)
            if lane.queue:
                self._lanes.enlist(lane)
            if batch.pieces:
                return batch
        return None

    def _take(self, lane: Lane, reason: Release) -> Batch:
        if not lane.queue:
            return Batch(lane, (), reason)
        size = lane.window.size(lane.rows, lane.queue[0].deadline - self._now)
        if lane.rows >= size:
            reason = "full"
        elif self._timer is not None:
            reason = "returned"
        return Batch(lane, lane.take(size, self._is_over), reason)

    def _is_held(self, lane: Lane) -> bool:
        """Whether to wait for clients on their way back; arms the timer that ends it."""
        if self._loop is None or not self._is_accepting or len(self._lanes) > 1:
            return False
        head = lane.queue[0]
        wait = lane.window.hold(
            self._now, lane.rows, self._now - head.arrived, head.deadline - self._now
        )
        if wait > 0.0 and self._timer is None:
            self._timer = self._loop.call_later(wait, self._give_up_hold)
        return wait > 0.0

    def _give_up_hold(self) -> None:
        self._timer = None
        self._turn("returned")

    def _end_hold(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- answers ---

    def _done(self, batch: Batch, answers: list[Any], error: BaseException | None) -> None:
        """The executor has run `batch`."""
        if batch is not self._running:
            return  # stopped without waiting for it
        self._running = None
        self._now = self._clock()
        if error is None:
            window = batch.lane.window
            window.observe(batch.rows, self._now - self._started)
            self._lanes.cost = window.cost
            self._observer.finished(batch.rows, self._now - self._started)
            self._deliver(batch, answers)
        else:
            self._recover(batch, error)
        self._turn("ready")

    def _deliver(self, batch: Batch, answers: list[Any]) -> None:
        answered = 0
        for piece, answer in zip(batch.pieces, answers, strict=True):
            if piece.request.accept(piece, answer, self._ops.concat):
                answered += piece.request.rows
        if answered:
            batch.lane.window.returns.answered(self._now, answered)
        if batch.sibling is not None:
            batch.sibling.is_guilty = True

    def _recover(self, batch: Batch, error: BaseException) -> None:
        """Run a failed batch again in parts, or fail its requests."""
        if is_out_of_memory(error) and batch.rows > 1:
            batch.lane.window.ran_out_of_memory(batch.rows)
            log.warning("Out of memory with %d rows: going on with fewer.", batch.rows)
        rest = batch.without(self._is_over)
        if self.limits.idempotent:
            # If somebody has left, it may have been the guilty one.
            parts = batch.parts(error) if rest is batch else (rest,)
            self._retries.extendleft(reversed(parts))
            if parts:
                return
        if isinstance(error, RequestError) and len(rest.pieces) == 1:
            rest.pieces[0].request.fail(error)
        elif rest.pieces:
            log.error("The model failed on %d rows.", rest.rows, exc_info=error)
            for piece in rest.pieces:
                failure = PredictionFailed()
                failure.__cause__ = error
                piece.request.fail(failure)

    # --- what is over ---

    def _is_over(self, request: Request) -> bool:
        """Whether nobody waits for it; tells those whose deadline has passed."""
        if request.future.done():
            if request.future.cancelled():
                self._observer.refused("cancelled")
            return True
        if request.deadline > self._now:
            return False
        self._observer.refused("expired")
        return request.fail(DeadlineExceeded("The deadline passed before the answer came."))

    def _weed_front(self, lane: Lane) -> None:
        """Drop from the front what is over, and what cannot be helped while others can."""
        while lane.queue:
            request = lane.queue[0]
            if not self._is_over(request):
                slack = request.deadline - self._now
                if request.taken or not lane.window.is_hopeless(lane.rows, request.rows, slack):
                    return
                wait = lane.window.duration(lane.rows)
                request.fail(self._refused("overload", "The server is overloaded.", wait))
            lane.pop()

    def _weed(self, now: float) -> None:
        """Drop whatever is over from all queues, at most once a batch."""
        if not self._is_weeded:
            self._is_weeded = True
            self._now = now
            self._lanes.weed(self._is_over)
            self._observer.queued(self._lanes.backlog.rows)

    def _expire(self, now: float) -> float:
        """Tell those whose deadline has passed, running or not; the next deadline."""
        self._is_weeded = False
        self._weed(now)
        for request in self._in_flight():
            self._is_over(request)
        waiting = [*self._in_flight(), *self._lanes.requests()]
        return min((r.deadline for r in waiting if not r.future.done()), default=inf)

    def _in_flight(self) -> Iterator[Request]:
        batches = [self._running, *self._retries] if self._running else self._retries
        return (piece.request for batch in batches for piece in batch.pieces)

    def _abandon(self) -> None:
        """Answer 503 to everything that is left."""
        for request in [*self._in_flight(), *self._lanes.requests()]:
            if request.fail(Overloaded("The server is shutting down.", retry_after=1.0)):
                self._observer.refused("stopped")
        self._retries.clear()
        self._running = None
        self._lanes.clear()
        self._observer.queued(0)

    def _is_busy(self) -> bool:
        return bool(self._running or self._retries or self._lanes)
