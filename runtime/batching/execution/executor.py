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
        """The rows `start:stop`, as a view if possible."""

    def is_finite(self, output: Any, /) -> bool:
        """Whether no number in an answer is NaN or infinite."""


class WrongLength(ValueError):
    """The output has another number of rows than the input."""

    def __init__(self, rows: int, got: int) -> None:
        super().__init__(f"The model was given {rows} rows and answered {got}.")


class Executor(Protocol):
    """Runs one batch at a time of one method. All calls are made on the event loop's thread.

    A batch ends with `ModelDied` if the process that runs it dies, by itself or by `kill`.
    """

    @property
    def is_ready(self) -> bool:
        """Whether it can run a batch now; not while its process is being started."""

    def start(self, loop: "asyncio.AbstractEventLoop", on_ready: Callable[[], None]) -> None:
        """Start to accept batches; `on_ready` is called on `loop` whenever it becomes ready."""

    def submit(self, inputs: list[Any], rows: int, done: Done) -> None:
        """Run the concatenated `inputs` as one batch.

        Then calls, exactly once and on the loop, `done(output, None)` or `done(None, error)`.
        rows   the number of rows of the inputs, which the output must have, else the error is
               `WrongLength`; 0 = one input runs as it is, and its output may have any length
        """

    def poll(self) -> None:
        """Check for the end of the running batch, without waiting for an event."""

    def kill(self, why: str) -> None:
        """End the running batch, which hangs, with `ModelDied`.

        Does nothing if that is impossible, or while the process is still busy with a batch of
        another method. May be called more than once.
        """

    def stop(self) -> None:
        """Accept no more batches."""


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
        """Nothing: the thread notifies the loop."""

    def kill(self, why: str) -> None:
        """Call `on_hang`, as a thread cannot be ended; only its process can."""
        if self._on_hang is not None:
            self._on_hang(why)

    def stop(self) -> None:
        """Let the thread end after what it has been given, with the last user."""
        self._worker.stop()
