"""Canary: tells a model that is broken from one that fails on what it is asked."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RequestError
from .message import Message
from .slabs import slab_reader
from .slabs.slab import Slab

if TYPE_CHECKING:
    from .slabs.layout import Layout

FAILURES = 3  # consecutive ones, after which the model is asked again what it has answered
_MOST = 48  # of them, as each time it answers well doubles their number
_BYTES = 1 << 16  # of a batch that is kept
_KINDS = 16  # of batches that are kept


class BrokenModel(Exception):
    """The model fails on rows that it has answered before: only a new process helps."""

    def __init__(self) -> None:
        super().__init__("The model fails on rows that it has answered before.")


class Canary:
    """Keeps the first batches of each method that were answered, and tries them after failures.

    One of a single row and one of several: adapters and models treat them differently.

    What one request does to the process can outlast it: a module, a tensor or a setting that its
    rows have changed. All others would then fail until somebody starts the server again. A client
    that sends nothing but bad rows must not cost the others a call for each three of its own, so
    each check that finds the model sound doubles the failures before the next.
    """

    def __init__(self, call: Callable[[str, Any], Any]) -> None:
        self._call = call
        self._kept: dict[tuple[str, bool], tuple[Message, Layout, bytes]] = {}
        self._kind = ("", False)  # of the batch that runs: its method, and whether it is one row
        self._running: tuple[Message, Layout, bytes] | None = None  # to be kept, if it succeeds
        self._failures = 0
        self._limit = FAILURES

    def begin(self, method: str, message: Message, body: "Layout", slab: Slab) -> None:
        """A batch is about to run; its bytes are copied if it may be kept."""
        self._kind = (method, message.rows == 1)
        is_wanted = self._kind not in self._kept and len(self._kept) < _KINDS
        if is_wanted and message.size <= _BYTES:
            self._running = (message, body, slab.root[: message.size].tobytes())
        else:
            self._running = None

    def answered(self) -> None:
        """The batch was answered."""
        self._failures = 0
        if self._running is not None:
            self._kept[self._kind] = self._running
            self._running = None

    def failed(self, error: BaseException) -> None:
        """The batch failed; what its client is to blame for does not count."""
        if not isinstance(error, RequestError):
            self._failures += 1

    def check(self) -> None:
        """After many failures, call the model with what it has answered.

        Raises:
            BrokenModel: when it fails on that, too.
        """
        if self._failures < self._limit:
            return
        self._failures = 0
        self._limit = min(2 * self._limit, _MOST)
        method, _ = self._kind
        for kept in [kept for kind, kept in self._kept.items() if kind[0] == method]:
            self._try(method, *kept)

    def _try(self, method: str, message: Message, body: "Layout", content: bytes) -> None:
        slab = Slab(-1)
        slab.root = np.frombuffer(bytearray(content), np.uint8)
        try:
            self._call(method, slab_reader.read(slab, message, body, copies=False))
        except BaseException as error:
            raise BrokenModel from error
