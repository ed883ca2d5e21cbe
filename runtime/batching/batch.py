"""One call of the model: collate, call, check, scatter; and in halves when it fails."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .lane import Lane, Piece, Request
from .observer import Release


class RowOps(Protocol):
    """What a batcher must be able to do with batches and answers; `runtime.table` does."""

    def rows(self, batch: Any, /) -> int:
        """How many rows `batch` has."""
        ...

    def concat(self, batches: list[Any], /) -> Any:
        """Their rows under one another."""
        ...

    def slice(self, batch: Any, start: int, stop: int, /) -> Any:
        """The rows `start:stop`, as a view where that is possible."""
        ...


class WrongLength(ValueError):
    """The model answered with more or fewer rows than it was asked for."""


class Batch:
    """Pieces of requests of one lane that run in one call."""

    __slots__ = ("is_guilty", "lane", "pieces", "reason", "rows", "sibling")

    def __init__(self, lane: Lane, pieces: Sequence[Piece], reason: Release) -> None:
        self.lane = lane
        self.pieces = pieces
        self.rows = sum(piece.stop - piece.start for piece in pieces)
        self.reason = reason
        self.sibling: Batch | None = None  # the other half, which is guilty if this one succeeds
        self.is_guilty = False  # known to fail as a whole: not worth a call

    def run(self, call: Callable[[Any], Any], ops: RowOps) -> list[Any]:
        """Call the model once; the answers, one a piece. Runs in the executor.

        Raises:
            WrongLength: when there are not as many answers as rows.
        """
        output = call(self._collate(ops))
        got = ops.rows(output)
        if got != self.rows:
            raise WrongLength(f"The model was given {self.rows} rows and answered {got}.")
        return self._scatter(output, ops)

    def run_whole(self, call: Callable[[Any], Any], ops: RowOps) -> list[Any]:  # noqa: ARG002
        """Call the model with the only request as it came; nothing is known of the answer."""
        return [call(self.pieces[0].request.batch)]

    def without(self, is_over: Callable[[Request], bool]) -> "Batch":
        """The same without the pieces of requests that are over; itself if there are none."""
        pieces = [piece for piece in self.pieces if not is_over(piece.request)]
        if len(pieces) == len(self.pieces):
            return self
        # What is known of the whole is not known of a part: neither sibling nor guilt.
        return Batch(self.lane, pieces, self.reason)

    def parts(self, error: BaseException) -> "tuple[Batch, ...]":
        """Smaller batches to try instead, after `error`; none if it is a request's own.

        Less than a batch fits into memory: half the rows each. Else somebody is guilty.
        """
        if is_out_of_memory(error) and self.rows > 1:
            return self.half_rows()
        return self.halves() if len(self.pieces) > 1 else ()

    def halves(self) -> "tuple[Batch, Batch]":
        """Two batches of half the requests each, to find the guilty one."""
        middle = len(self.pieces) // 2
        first = Batch(self.lane, self.pieces[:middle], "retry")
        second = Batch(self.lane, self.pieces[middle:], "retry")
        first.sibling = second
        return first, second

    def half_rows(self) -> "tuple[Batch, Batch]":
        """Two batches of half the rows each, for a smaller memory."""
        room = self.rows // 2
        first: list[Piece] = []
        second: list[Piece] = []
        for piece in self.pieces:
            cut = min(piece.stop, piece.start + room)
            if cut > piece.start:
                first.append(Piece(piece.request, piece.start, cut))
            if cut < piece.stop:
                second.append(Piece(piece.request, cut, piece.stop))
            room -= cut - piece.start
        return Batch(self.lane, first, "retry"), Batch(self.lane, second, "retry")

    def _collate(self, ops: RowOps) -> Any:
        inputs = [
            piece.request.batch
            if piece.is_whole
            else ops.slice(piece.request.batch, piece.start, piece.stop)
            for piece in self.pieces
        ]
        return inputs[0] if len(inputs) == 1 else ops.concat(inputs)

    def _scatter(self, output: Any, ops: RowOps) -> list[Any]:
        if len(self.pieces) == 1:
            return [output]
        answers, start = [], 0
        for piece in self.pieces:
            stop = start + piece.stop - piece.start
            answers.append(ops.slice(output, start, stop))
            start = stop
        return answers


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may succeed; knows the libraries' errors without importing them."""
    if isinstance(error, MemoryError):
        return True
    if any(cls.__name__ == "OutOfMemoryError" for cls in type(error).__mro__):
        return True  # torch.cuda.OutOfMemoryError
    # onnxruntime, xgboost and older torch have no class of their own for it.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "failed to allocate memory" in text
    )
