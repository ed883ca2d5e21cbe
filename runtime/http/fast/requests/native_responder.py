"""NativeResponder: encodes the output of a batch once, and writes to each client its part."""

import logging
import time
from typing import TYPE_CHECKING, Any

from ....data.rows import table
from ....dialects.reply import Reply
from ....models.operation import ModelOperation
from ....telemetry.queue_metrics import QueueMetrics
from .encoded_rows import EncodedRows, encoded_rows
from .queued_reply import OK, QueuedReply
from .request_tracker import RequestTracker
from .route_responder import RouteResponder

if TYPE_CHECKING:
    from .fast_request import FastRequest

log = logging.getLogger(__name__)


class NativeResponder(RouteResponder):
    """A Group that encodes the output of a batch once, and writes to each connection."""

    def __init__(
        self, path: str, operation: ModelOperation, tracker: RequestTracker, metrics: QueueMetrics
    ) -> None:
        super().__init__(path, tracker, metrics)
        self._operation = operation
        self._codec = operation.codec

    def answer(self, requests: "list[FastRequest]", output: Any, bounds: list[int]) -> None:
        """Send rows `bounds[i]:bounds[i + 1]` of `output` as the answer to request `i`."""
        if self._answer_much(requests, output, bounds):
            return
        rows = self._encoded(output)
        if rows is None or [each for each in requests if each.head.is_odd]:
            self._answer_each(requests, output, bounds, rows)
            return
        now = time.monotonic()
        date = self._tracker.date.at(now)
        template = date.template
        for request, body in zip(requests, rows.bodies(bounds), strict=True):
            request.sent = len(body)
            pipeline = request.pipeline
            if len(pipeline.waiting) == 1 and not pipeline.is_closing:  # nearly always
                pipeline.waiting.clear()
                pipeline.protocol.finish(template % (len(body), request.id, body), now)
            else:
                request.reply = QueuedReply(Reply(body), date)
                pipeline.answered(now)
        self._tracker.ended(requests, OK, now)

    def _encoded(self, output: Any) -> EncodedRows | None:
        try:
            return encoded_rows(output, nan_as_null=self._codec.nan_as_null)
        except Exception:  # each row is tried by itself, and then it is in the log
            log.debug("Answers of %s are encoded one by one.", self.route, exc_info=True)
            return None

    def _answer_each(
        self,
        requests: "list[FastRequest]",
        output: Any,
        bounds: list[int],
        rows: EncodedRows | None,
    ) -> None:
        """As `answer`, if answers have other heads or `output` cannot be encoded as a whole."""
        now = time.monotonic()
        date = self._tracker.date.at(now)
        answered = []
        for request, start, stop in zip(requests, bounds, bounds[1:], strict=False):
            if rows is None or request.head.accept:
                self._answer_alone(request, table.slice(output, start, stop))
                continue
            reply = Reply(rows.body(start, stop))
            self._reply(request, reply, date, now)
            answered.append(request)
        if answered:
            self._tracker.ended(answered, OK, now)

    def answer_empty(self, request: "FastRequest") -> None:
        """Answer a request without rows."""
        request.is_over = True
        self._send([request], Reply(self._codec.encode([]).body))

    def _encode(self, request: "FastRequest", output: Any) -> Reply:
        payload = self._codec.encode(output, request.head.accept)
        return Reply(payload.body, content_type=payload.content_type)

    async def _encode_offloaded(self, request: "FastRequest", output: Any) -> Reply:
        accept = request.head.accept
        payload = await self._operation.encode(output, accept, request.deadline)
        return Reply(payload.body, content_type=payload.content_type)
