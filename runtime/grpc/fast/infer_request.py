"""FastInferRequest: one call of `ModelInfer` that waits for a batch."""

import logging
import time
from typing import TYPE_CHECKING, Any

from ...batching.request import FutureRequest
from ...errors import PredictionFailed, RequestError
from ...telemetry.trace_context import TraceContext

if TYPE_CHECKING:
    from .infer_forms import Form

log = logging.getLogger(__name__)

PATH = "/inference.GRPCInferenceService/ModelInfer"


class FastInferRequest(FutureRequest):
    """A request whose future gets the bytes of the answer.

    began      seconds on the monotonic clock
    remaining  seconds until the client's own deadline at that time
    is_told    whether its end is in the metrics and the log
    """

    __slots__ = ("began", "form", "group", "id", "is_told", "remaining", "sent", "status")

    method = "POST"  # the method, as it is transmitted
    path = PATH
    trace: TraceContext | None = None

    def __init__(self, batch: Any, rows: int, size: int, deadline: float, priority: int) -> None:
        super().__init__(batch, rows, size, deadline, priority)
        self.began = self.deadline
        self.remaining: float | None = None
        self.id = b""
        self.status = self.sent = 0
        self.is_told = False
        self.form: Form
        self.group: Any = None

    @property
    def received(self) -> int:
        """Bytes of the message."""
        return self.size

    @property
    def seconds(self) -> float:
        """Time since it began."""
        return time.monotonic() - self.began

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The trailing metadata of the answer."""
        return (("x-request-id", self.id.decode()),)

    def succeed(self, output: Any) -> None:
        """Hand over the answer to exactly these rows."""
        if self.future.done():
            return
        try:
            self.tell(self.group.alone(self, output))
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            self._failed(error)

    async def succeed_later(self, output: Any) -> None:
        """As `succeed`, for a large answer, which another process writes."""
        if self.future.done():
            return
        try:
            self.tell(await self.group.aside(self, output))
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, RequestError):
            log.error("%s failed.", self.path, exc_info=error)
            failure = PredictionFailed()
            failure.__cause__ = error
            error = failure
        if not self.future.done():
            self.future.set_exception(error)

    def tell(self, reply: bytes) -> None:
        """Hand over the bytes of the answer."""
        self.status, self.sent = 200, len(reply)
        if not self.future.done():
            self.future.set_result(reply)
