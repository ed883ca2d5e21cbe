"""Batch: rows of several requests that run in one call, and how it is split after a failure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ..execution.executor import RowOps
from ..execution.out_of_memory import is_out_of_memory
from ..observer import Release
from ..policy.window import Window
from ..request import Request, Run

HALVING_CALLS = 1.5  # mean number of calls to find one guilty request by halving
MOST_HALVINGS = 2  # times that both halves have failed; then requests are run one by one

Cut = Callable[[Any, int, int], Any]
"""Cuts rows out of a batch."""


class Piece(NamedTuple):
    """The rows `start:stop` of a request that are in one batch."""

    request: Request
    start: int
    stop: int


class Family:
    """The two halves of a failed batch, and which of them failed.

    If both fail, more than one request is guilty. If that happens twice in a row, most of
    them seem to be, and halving costs more calls than trying them one by one.
    """

    __slots__ = ("failed", "parent")

    def __init__(self, parent: "Family | None") -> None:
        self.parent = parent
        self.failed = 0  # halves that did

    @property
    def doubt(self) -> int:
        """How often in this line both halves have failed."""
        inherited = self.parent.doubt if self.parent is not None else 0
        return inherited + (self.failed == 2)  # noqa: PLR2004  # both


class Batch:
    """Rows of requests of one lane; the window of that lane learns from it.

    requests   in the order of their rows
    bounds     request i has the rows `bounds[i]:bounds[i + 1]` of the batch
    starts     the first row that is here of each request; None where all are here with all rows
    """

    __slots__ = (
        "bounds", "family", "is_guilty", "is_suspect", "reason", "requests", "rows", "run",
        "sibling", "starts", "window",
    )  # fmt: skip

    def __init__(
        self,
        window: Window,
        reason: Release,
        requests: list[Request],
        bounds: list[int],
        starts: list[int] | None = None,
    ) -> None:
        self.window = window
        self.reason = reason
        self.requests = requests
        self.bounds = bounds
        self.starts = starts
        self.rows = bounds[-1]
        self.run: Run | None = None
        self.sibling: Batch | None = None  # the other half, which must fail if this one succeeds
        self.family: Family | None = None  # the two of them
        self.is_guilty = False  # known to fail: it is split without a call
        self.is_suspect = False  # the only request of one that the model died of: its last try

    @classmethod
    def of(cls, window: Window, reason: Release, pieces: Sequence[Piece]) -> "Batch":
        """The batch that is made of `pieces`."""
        bounds = [0]
        for piece in pieces:
            bounds.append(bounds[-1] + piece.stop - piece.start)
        whole = all(stop - start == request.rows for request, start, stop in pieces)
        starts = None if whole else [piece.start for piece in pieces]
        return cls(window, reason, [piece.request for piece in pieces], bounds, starts)

    def pieces(self) -> Iterator[Piece]:
        """Its rows by request."""
        bounds, starts = self.bounds, self.starts
        for index, request in enumerate(self.requests):
            start = 0 if starts is None else starts[index]
            yield Piece(request, start, start + bounds[index + 1] - bounds[index])

    @property
    def size(self) -> int:
        """The size of its requests in bytes, all of their rows included."""
        return sum([request.size for request in self.requests])

    def begin(self, now: float) -> None:
        """Mark it as running in an executor."""
        self.run = run = Run(self.rows, now)
        for request in self.requests:
            request.run = run

    def inputs(self, ops: RowOps) -> list[Any]:
        """The inputs to concatenate."""
        if self.starts is None:
            return self._joined(ops.slice)
        return [_cut(request, start, stop, ops.slice) for request, start, stop in self.pieces()]

    def _joined(self, cut: Cut) -> list[Any]:
        """All rows of the requests; in one piece where they lie one behind the other."""
        inputs = []
        batch, start, stop = None, 0, 0  # rows that are not among the inputs yet
        for request in self.requests:
            if request.first == stop and request.batch is batch:
                stop += request.rows
                continue
            if batch is not None:
                inputs.append(cut(batch, start, stop))
            batch, first = request.batch, request.first
            if first is None:
                inputs.append(batch)
                batch = None
            else:
                start, stop = first, first + request.rows
        if batch is None:
            return inputs
        if not inputs and len(self.requests) > 1:
            # Two pieces are copied. A model may change what it is given, and the batch run again.
            middle = start + self.requests[0].rows
            return [cut(batch, start, middle), cut(batch, middle, stop)]
        return [*inputs, cut(batch, start, stop)]

    def outputs(self, output: Any, ops: RowOps) -> list[Any]:
        """The answer of each request."""
        if len(self.requests) == 1:
            return [output]
        bounds, cut = self.bounds, ops.slice
        return [cut(output, bounds[i], bounds[i + 1]) for i in range(len(self.requests))]

    def is_for(self, group: object) -> bool:
        """Whether all of it can be handed to `group` at once."""
        if self.starts is not None or group is None:
            return False
        # A generator would cost more than the loop.
        for request in self.requests:  # noqa: SIM110
            if request.is_over or request.group is not group:
                return False
        return True

    # --- smaller ones ---

    def without(self, is_over: Callable[[Request], bool]) -> "Batch":
        """The same without the requests that are over; itself if there are none."""
        pieces = [piece for piece in self.pieces() if not is_over(piece.request)]
        if len(pieces) == len(self.requests):
            return self
        # What is known of the whole batch does not hold for its parts.
        rest = Batch.of(self.window, self.reason, pieces)
        rest.is_suspect = self.is_suspect
        return rest

    def parts(self, error: BaseException) -> "Sequence[Batch]":
        """Smaller batches to try after `error`; none if a single request is to blame.

        After an out-of-memory error: half the rows each. Else: as `suspects`.
        """
        if is_out_of_memory(error) and self.rows > 1:
            return self.half_rows()
        return self.suspects()

    def suspects(self) -> "Sequence[Batch]":
        """Smaller batches to find the guilty request; none of a single request.

        Halves; single requests if that takes less: the fixed cost of a call is small, or most of
        the requests seem to be guilty.
        """
        if len(self.requests) == 1:
            return ()
        doubt = self.family.parent if self.family is not None else None
        if (doubt is not None and doubt.doubt >= MOST_HALVINGS) or self._is_cheap_alone():
            return self.alone("retry")
        return self.halves()

    def _is_cheap_alone(self) -> bool:
        """Whether calling them one by one is no slower than halving, if one of them is guilty."""
        mean, count, rows = self.window.cost.mean, len(self.requests), self.rows
        alone = count * mean(max(1, rows // count))
        halving = 0.0
        while count > 1:
            count, rows = (count + 1) // 2, (rows + 1) // 2
            halving += HALVING_CALLS * mean(rows)
        return alone < halving

    def halves(self) -> "tuple[Batch, Batch]":
        """Two batches of half the requests each, to find the guilty one."""
        pieces = list(self.pieces())
        middle = len(pieces) // 2
        first = Batch.of(self.window, "retry", pieces[:middle])
        second = Batch.of(self.window, "retry", pieces[middle:])
        first.sibling = second
        first.family = second.family = Family(self.family)
        return first, second

    def half_rows(self) -> "tuple[Batch, Batch]":
        """Two batches of half the rows each, for a smaller memory."""
        room = self.rows // 2
        first: list[Piece] = []
        second: list[Piece] = []
        for request, start, stop in self.pieces():
            cut = min(stop, start + room)
            if cut > start:
                first.append(Piece(request, start, cut))
            if cut < stop:
                second.append(Piece(request, max(cut, start), stop))
            room = max(0, room - (cut - start))
        return Batch.of(self.window, "retry", first), Batch.of(self.window, "retry", second)

    def alone(self, reason: Release) -> "list[Batch]":
        """One batch for each request."""
        return [Batch.of(self.window, reason, [piece]) for piece in self.pieces()]

    def last_tries(self) -> "list[Batch]":
        """One batch for each request, after the model died of them."""
        batches = self.alone("alone")
        for batch in batches:
            batch.is_suspect = True
        return batches


def _cut(request: Request, start: int, stop: int, cut: Cut) -> Any:
    """The rows `start:stop` of a request."""
    first = request.first
    if first is None:
        return request.batch if stop - start == request.rows else cut(request.batch, start, stop)
    return cut(request.batch, first + start, first + stop)
