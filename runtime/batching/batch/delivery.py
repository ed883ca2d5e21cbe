"""Delivery: hands each request its part of the output of a batch."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ..execution.executor import RowOps
from .batch import Batch, Piece
from .nan_check import NanCheck


class Answers(NamedTuple):
    """The answers of a batch: of how many rows they are the last ones, and what delivers them."""

    rows: int
    deliver: Callable[[], None]


class Delivery:
    """Cuts outputs into answers, with `ops`.

    is_whole    whether all answers of a group may be delivered in one call
    may_repeat  whether a batch may run again if all of its answers are NaN
    """

    __slots__ = ("_is_whole", "_nan_check", "_ops")

    def __init__(self, ops: RowOps, *, is_whole: bool, may_repeat: bool) -> None:
        self._ops = ops
        self._is_whole = is_whole
        self._nan_check = NanCheck(ops) if may_repeat else None

    def of(self, batch: Batch, output: Any) -> Answers:
        """Prepare the answers of `batch`.

        Raises:
            Exception: from `ops`, if the output has another number of rows.
            NoFiniteAnswer: see `NanCheck`.
        """
        if self._nan_check is not None:
            self._nan_check.check(batch, output)
        requests = batch.requests
        group = requests[0].group
        if group is None or not batch.is_for(group) or not self._is_whole:
            return self._pieces(batch, output)
        for request in requests:
            request.is_over = True
        return Answers(batch.rows, partial(group.answer, requests, output, batch.bounds))

    def _pieces(self, batch: Batch, output: Any) -> Answers:
        outputs = batch.outputs(output, self._ops)
        pieces = list(zip(batch.pieces(), outputs, strict=True))
        answered = sum(
            request.rows
            for (request, start, stop), _ in pieces
            if not request.is_over and request.left == stop - start
        )
        return Answers(answered, partial(self._settle, pieces))

    def _settle(self, pieces: list[tuple[Piece, Any]]) -> None:
        for (request, start, stop), part in pieces:
            if request.is_over:
                continue
            if stop - start == request.rows:
                request.settle(part)
            else:
                request.take_part(start, stop, part, self._ops.concat)
