"""Worker: a thread for calls of a model, so that the event loop is never blocked."""

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

Work = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]


class Worker:
    """Runs jobs one after the other: one thread, one queue, two context switches per job.

    `concurrent.futures` and `loop.run_in_executor` do the same with three futures and four locks.
    The thread is a daemon, so that a model that hangs cannot keep the process from ending.
    """

    def __init__(self, name: str = "model") -> None:
        self._name = name
        self._jobs: SimpleQueue[tuple[Work, Done] | None] | None = None
        self._users = 0

    def start(self, loop: "asyncio.AbstractEventLoop") -> None:
        """Start the thread, for the first user; results are delivered on `loop`."""
        self._users += 1
        if self._jobs is not None:
            return
        self._jobs = SimpleQueue()
        threading.Thread(
            target=_work, args=(self._jobs, loop), name=self._name, daemon=True
        ).start()

    def submit(self, work: Work, done: Done) -> None:
        """Run `work` in the thread, then call `done(result, None)` or `done(None, error)`."""
        if self._jobs is None:
            raise RuntimeError("The worker has not been started.")
        self._jobs.put((work, done))

    def stop(self) -> None:
        """Let the thread end after what it has been given, with the last user."""
        self._users -= 1
        if self._jobs is not None and not self._users:
            self._jobs.put(None)
            self._jobs = None


def settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    """A `Done` that resolves `future`, unless that was cancelled."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _work(jobs: "SimpleQueue[tuple[Work, Done] | None]", loop: "asyncio.AbstractEventLoop") -> None:
    while (job := jobs.get()) is not None:
        work, done = job
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - the caller is answered with it
            error = caught
        # A closed loop cannot be notified.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(done, result, error)
        del job, work, done, result, error  # the last batch must not live until the next one
