"""Supervisor: several servers on one socket, started again when they die.

It forks before anything heavy is imported: each worker loads the models itself, because torch,
xgboost and whatever else uses OpenMP may hang in a child that is forked after its threads exist.
The supervisor holds the listening socket, so that a worker that dies leaves the connections that
wait in it to the others.
"""

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import BundleError
from .newcomers import LAME_DUCK
from .worker_process import Serve, WorkerProcess, how_it_ended

if TYPE_CHECKING:
    from .voice import Voice

log = logging.getLogger(__name__)

FIRST_DELAY = 0.1  # seconds before a dead worker is replaced, doubled each time
LONGEST_DELAY = 10.0
PROVEN = 60.0  # seconds after which a worker's death is no longer a crash loop
PATIENCE = 8  # crashes in a row, with nobody left to serve, after which it gives up
KILL_AFTER = 5.0  # seconds beyond the grace after which workers are killed


class Supervisor:
    """Keeps `workers` children serving.

    grace         seconds that running requests have after SIGTERM
    on_death      called with the index of a worker that will be replaced
    on_last_call  called when the workers have told everybody that they are going
    """

    def __init__(
        self,
        workers: int,
        serve: Serve,
        *,
        grace: float,
        on_ready: Callable[[], None] = lambda: None,
        on_death: Callable[[int], None] = lambda _: None,
        on_last_call: Callable[[], None] = lambda: None,
    ) -> None:
        self._count = workers
        self._serve = serve
        self._grace = grace
        self._on_ready = on_ready
        self._on_death = on_death
        self._on_last_call = on_last_call
        self._workers: dict[int, WorkerProcess] = {}  # by pid
        self._due: dict[int, float] = {}  # index -> when to start it, on the monotonic clock
        self._crashes: dict[int, int] = {}  # index -> in a row
        self._selector = selectors.DefaultSelector()
        self._wake = (-1, -1)
        self._signals: list[int] = []
        self._was_ready = False

    def run(self) -> int:
        """Serve until a signal; the exit code.

        Raises:
            BundleError: when the workers cannot start, or die faster than they can serve.
        """
        wake, woken = os.pipe()
        for end in (wake, woken):
            os.set_blocking(end, False)
        before = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        handlers = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        }
        self._selector.register(wake, selectors.EVENT_READ)
        self._wake = (wake, woken)
        try:
            self._due = dict.fromkeys(range(self._count), 0.0)
            return self._watch()
        finally:
            self._stop()
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._selector.close()
            os.close(wake)
            os.close(woken)

    def _note(self, number: int, _: object) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _watch(self) -> int:
        while not self._signals:
            self._start_due()
            for key, _ in self._selector.select(self._timeout()):
                self._hear(key)
            self._reap()
        return 128 + signal.SIGINT if self._signals[0] == signal.SIGINT else 0

    # --- birth ---

    def _start_due(self) -> None:
        now = time.monotonic()
        for index in [index for index, when in self._due.items() if when <= now]:
            del self._due[index]
            worker = WorkerProcess(index, now)
            others = (v.reader for other in self._workers.values() for v in other.voices)
            worker.start(self._serve, (*self._wake, *others))
            self._workers[worker.pid] = worker
            for voice in worker.voices:
                self._selector.register(voice.reader, selectors.EVENT_READ, voice)

    def _timeout(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, min(self._due.values()) - time.monotonic())

    def _hear(self, key: selectors.SelectorKey) -> None:
        """A signal has come, or a worker tells something."""
        voice: Voice | None = key.data
        if voice is None:
            os.read(key.fd, 1 << 12)
            return
        if not voice.read():
            self._selector.unregister(key.fd)
        if not self._was_ready and sum(w.is_ready for w in self._workers.values()) == self._count:
            self._was_ready = True
            self._on_ready()

    # --- death ---

    def _reap(self) -> None:
        """Bury who has died."""
        for worker, status in self._dead():
            words = self._hear_last(worker)
            if not self._signals:
                self._bury(worker, how_it_ended(status), words)

    def _dead(self) -> Iterator[tuple[WorkerProcess, int]]:
        with suppress(ChildProcessError):
            while self._workers:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                worker = self._workers.pop(pid, None)
                if worker is not None:
                    yield worker, status

    def _hear_last(self, worker: WorkerProcess) -> str:
        for voice in worker.voices:
            self._selector.unregister(voice.reader)
        return worker.last_words()

    def _bury(self, worker: WorkerProcess, why: str, words: str) -> None:
        """Say why a worker died, and have another one; unless none of them could ever start."""
        self._on_death(worker.index)
        if not self._was_ready and not worker.is_ready:
            raise worker.failure or BundleError(f"A worker {why} while it was loading the bundle.")
        now = time.monotonic()
        crashes = 1 if now - worker.began > PROVEN else self._crashes.get(worker.index, 0) + 1
        self._crashes[worker.index] = crashes
        if crashes > PATIENCE and not any(each.is_ready for each in self._workers.values()):
            raise worker.failure or BundleError(f"The workers keep dying: the last one {why}.")
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (crashes - 1))
        self._due[worker.index] = now + delay
        which = f"Worker {worker.index} (pid {worker.pid})"
        reason = f" ({worker.failure})" if worker.failure else ""
        said = f" Its last words:\n{words}" if words else ""
        log.error("%s %s%s; starting another in %g s.%s", which, why, reason, delay, said)

    def _stop(self) -> None:
        """Have all workers drain; kill who does not, and all of them at a second signal."""
        self._send(signal.SIGTERM)
        now = time.monotonic()
        self._await_end(now + LAME_DUCK)
        self._on_last_call()
        self._await_end(now + self._grace + KILL_AFTER)
        self._send(signal.SIGKILL)
        while self._workers:
            worker = self._workers.pop(os.wait()[0], None)
            if worker is not None:
                self._hear_last(worker)

    def _await_end(self, deadline: float) -> None:
        while self._workers and len(self._signals) <= 1 and time.monotonic() < deadline:
            for key, _ in self._selector.select(deadline - time.monotonic()):
                self._hear(key)
            for worker, _ in self._dead():
                self._hear_last(worker)

    def _send(self, number: int) -> None:
        for worker in self._workers.values():
            worker.send(number)
