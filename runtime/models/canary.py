"""Canary: distinguishes a broken model from one that fails on certain requests."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ..errors import RequestError

FAILURES = 3  # consecutive failures, after which the known batches are tried
MOST_BYTES = 1 << 16  # of a batch that is kept
_MOST = 48  # failures, as each time it answers well doubles their number
_KINDS = 16  # of batches that are kept

KeptBatch = Callable[[], Any]
"""Copies a batch, because a model may change its rows in place."""


class BrokenModel(Exception):
    """The model fails on rows that it has answered before: only a new process helps."""

    def __init__(self) -> None:
        super().__init__("The model fails on rows that it has answered before.")


class Canary:
    """Keeps the first answered batches of each method, and tries them again after failures.

    One of a single row and one of several: adapters and models treat them differently.

    What one request does to the process can outlast it: a module, a tensor or a setting that its
    rows have changed. All others would then fail until somebody starts the server again. A client
    that sends nothing but bad rows must not cost the others a call for each three of its own, so
    each check that finds the model sound doubles the failures before the next.

    All methods are for the thread that calls the model.
    """

    def __init__(self, call: Callable[[str, Any], Any]) -> None:
        self._call = call
        self._kept: dict[tuple[str, bool], KeptBatch] = {}
        self._kind = ("", False)  # of the batch that runs: its method, and whether it is one row
        self._running: KeptBatch | None = None  # to be kept, if it succeeds
        self._failures = 0
        self._limit = FAILURES

    def begin(self, method: str, rows: int) -> bool:
        """A batch is about to run; whether it is one to `keep`, if it has `MOST_BYTES` at most."""
        self._kind = (method, rows == 1)
        self._running = None
        return self._kind not in self._kept and len(self._kept) < _KINDS

    def keep(self, batch: KeptBatch) -> None:
        """The batch that is about to run; it is forgotten unless it is answered."""
        self._running = batch

    def answered(self) -> None:
        """The batch was answered."""
        self._failures = 0
        if self._running is not None:
            self._kept[self._kind] = self._running
            self._running = None

    def failed(self, error: BaseException) -> None:
        """Count a failed batch, unless its client is to blame."""
        if not isinstance(error, RequestError) or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._failures += 1

    def check(self) -> None:
        """After many failures, call the model with the known batches.

        Raises:
            BrokenModel: when it fails on these, too.
        """
        if self._failures < self._limit:
            return
        self._failures = 0
        self._limit = min(2 * self._limit, _MOST)
        method, _ = self._kind
        for kept in [kept for kind, kept in self._kept.items() if kind[0] == method]:
            self._try(method, kept)

    def _try(self, method: str, kept: KeptBatch) -> None:
        try:
            self._call(method, kept())
        except BaseException as error:
            raise BrokenModel from error
