"""Executor: runs batches one at a time, away from the event loop."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .worker import Done, Worker

if TYPE_CHECKING:
    import asyncio


class RowOps(Protocol):
    """The operations on batches and answers that a batcher needs; `data.rows.table` has them."""

    def rows(self, batch: Any, /) -> int:
        """How many rows `batch` has."""

    def concat(self, batches: list[Any], /) -> Any:
        """Their rows under one another."""

    def slice(self, batch: Any, start: int, stop: int, /) -> Any:
        """The rows `start:stop`, as a view where that is possible."""

    def is_finite(self, output: Any, /) -> bool:
        """Whether no number in an answer is NaN or infinite."""


class WrongLength(ValueError):
    """The model answered with more or fewer rows than it was asked for."""

    def __init__(self, rows: int, got: int) -> None:
        super().__init__(f"The model was given {rows} rows and answered {got}.")


class Executor(Protocol):
    """Runs one batch at a time of one method. All calls are made on the event loop's thread.

    Ends a batch with `ModelDied` when whatever ran it is gone, whether by itself or by `kill`.
    """

    @property
    def is_ready(self) -> bool:
        """Whether it can run a batch now; not while its process is being started."""

    def start(self, loop: "asyncio.AbstractEventLoop", on_ready: Callable[[], None]) -> None:
        """Take batches on `loop`; call `on_ready` there whenever it has become ready."""

    def submit(self, inputs: list[Any], rows: int, done: Done) -> None:
        """Run `inputs`, put under one another, as one batch.

        Then call, exactly once and on the loop, `done(output, None)` or `done(None, error)`.
        `rows` is how many there are and how many the answer must have, else the error is
        `WrongLength`; 0 where one input runs as it came and the answer may have any length.
        """

    def poll(self) -> None:
        """See at once whether the running batch has come to its end, where the loop is late."""

    def kill(self, why: str) -> None:
        """The running batch will not end by itself: end it, with `ModelDied`.

        Does nothing where that cannot be done, or while the batch has not begun because whatever
        would run it is busy with another method's. It may be said more than once.
        """

    def stop(self) -> None:
        """Take no more batches."""


class ThreadExecutor:
    """An Executor: `call` in a worker's thread, which others may share.

    on_hang   called with the reason when a batch is to be ended: only its process can be
    """

    is_ready = True

    def __init__(
        self,
        call: Callable[[Any], Any],
        ops: RowOps,
        worker: Worker | None = None,
        on_hang: Callable[[str], None] | None = None,
    ) -> None:
        self._call = call
        self._ops = ops
        self._worker = worker or Worker()
        self._on_hang = on_hang

    def start(self, loop: "asyncio.AbstractEventLoop", on_ready: Callable[[], None]) -> None:  # noqa: ARG002  # it always is
        """Start the thread, for the first user."""
        self._worker.start(loop)

    def submit(self, inputs: list[Any], rows: int, done: Done) -> None:
        """Hand the batch to the thread."""
        self._worker.submit(lambda: self._run(inputs, rows), done)

    def _run(self, inputs: list[Any], rows: int) -> Any:
        """One call. In the thread."""
        output = self._call(inputs[0] if len(inputs) == 1 else self._ops.concat(inputs))
        if rows:
            got = self._ops.rows(output)
            if got != rows:
                raise WrongLength(rows, got)
        return output

    def poll(self) -> None:
        """The thread tells the loop by itself."""

    def kill(self, why: str) -> None:
        """Call `on_hang`, as a thread cannot be ended; only its process can."""
        if self._on_hang is not None:
            self._on_hang(why)

    def stop(self) -> None:
        """Let the thread end after what it has been given, with the last user."""
        self._worker.stop()
