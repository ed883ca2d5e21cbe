"""Threads: run an author's sync methods, and notice those that do not return."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import inf
from typing import Any

from ..batching.batch.hang import ABANDONED_GRACE, CHECK_INTERVAL, OVERDUE_FACTOR
from ..batching.deadline_timer import DeadlineTimer
from ..errors import Overloaded

_SHARE = 0.85  # share of the time until its deadline that a call may wait
_KEPT = 0.9  # weight of the previous average


def escaped(error: BaseException) -> RuntimeError:
    """A RuntimeError in place of an exception that would affect other requests.

    `sys.exit()` in one request would end the process under all others, and StopIteration fits into
    no future: nobody would ever hear of it.
    """
    return RuntimeError(f"{type(error).__name__} was raised, which ends more than a request.")


class ThreadJob:
    """One call in a thread.

    name      of the method
    future    its result
    began     seconds on the monotonic clock, 0 while it waits for a thread
    expected  seconds on that clock until which it may be just slow; set when nobody waits for it
    """

    __slots__ = ("began", "expected", "future", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.future: Future[Any] = Future()
        self.began = 0.0
        self.expected = inf


class Threads(ThreadPoolExecutor):
    """A limited number of threads.

    A thread cannot be ended. One that has not come back for a second and 20 times what its method
    usually takes, though nobody waits for it any more, is lost; `on_hang` is called with the reason
    when others wait for a thread, or when nobody is there whom the end of the process would hurt.

    timeout   seconds that a method may take of which nothing is known
    is_idle   whether nobody waits for any answer
    """

    def __init__(self, count: int, timeout: float, is_idle: Callable[[], bool]) -> None:
        super().__init__(count, thread_name_prefix="api")
        self.on_hang: Callable[[str], None] | None = None
        self._timeout = timeout
        self._is_idle = is_idle
        self._usual: dict[str, float] = {}
        self._job_seconds = 0.0  # moving average over all methods
        self._waiting: set[ThreadJob] = set()  # for a thread
        self._abandoned: list[ThreadJob] = []
        self._timer = DeadlineTimer(time.monotonic, self._look)

    def begin(self, name: str, work: Callable[[], Any], deadline: float = inf) -> ThreadJob:
        """Run `work` of the method called `name`, as soon as there is a thread.

        Raises:
            Overloaded: when too many wait before it for it to be done by `deadline`. Were it taken,
                it would only make those behind it late as well.
        """
        ahead = len(self._waiting) * self._job_seconds / self._max_workers
        left = deadline - time.monotonic()
        if self._waiting and ahead + self._usual.get(name, 0.0) > _SHARE * left:
            raise Overloaded("The queue is full.", retry_after=1)
        job = ThreadJob(name)
        self._waiting.add(job)
        job.future = self.submit(self._run, job, work)
        job.future.add_done_callback(lambda _: self._waiting.discard(job))
        return job

    async def result(self, job: ThreadJob, deadline: float = 0.0) -> Any:
        """The job's result or exception; if the caller is cancelled, it has until `deadline`."""
        try:
            return await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            if self.on_hang is not None and not job.future.done():
                self._abandon(job, deadline)
            raise

    def _run(self, job: ThreadJob, work: Callable[[], Any]) -> Any:
        """In the thread."""
        job.began = time.monotonic()
        self._waiting.discard(job)
        try:
            result = work()
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, StopIteration):
                raise
            raise escaped(error) from error
        took, known = time.monotonic() - job.began, self._usual.get(job.name)
        self._usual[job.name] = took if known is None else _KEPT * known + (1 - _KEPT) * took
        self._job_seconds = (
            _KEPT * self._job_seconds + (1 - _KEPT) * took if self._job_seconds else took
        )
        return result

    def _abandon(self, job: ThreadJob, deadline: float) -> None:
        usual = self._usual.get(job.name)
        allowed = self._timeout if usual is None else min(self._timeout, OVERDUE_FACTOR * usual)
        job.expected = max(time.monotonic(), deadline) + ABANDONED_GRACE + allowed
        self._abandoned.append(job)
        if job.expected < self._timer.at:
            self._timer.set(asyncio.get_running_loop(), job.expected)

    def _look(self, now: float) -> float:
        self._abandoned = [job for job in self._abandoned if not job.future.done()]
        lost = [job for job in self._abandoned if job.expected <= now]
        if not lost:
            return min((job.expected for job in self._abandoned), default=inf)
        if self.on_hang is not None and (self._waiting or self._is_idle()):
            seconds = now - lost[0].began
            self.on_hang(f"`{lost[0].name}` has not come back from its thread for {seconds:.1f} s")
        return now + CHECK_INTERVAL
