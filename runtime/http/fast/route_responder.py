"""RouteResponder: answers and refusals on their way to clients below ASGI."""

import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ...errors import PredictionFailed, RequestError
from ...telemetry.queue_metrics import QueueMetrics
from .. import timing
from ..exchange import Answer, named
from .reply import Date, Reply
from .request_tracker import RequestTracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .fast_request import FastRequest

log = logging.getLogger(__name__)


class RouteResponder(ABC):
    """A Group: tells the clients of one route.

    route     for the metrics and the log
    metrics   of the queue that its requests wait in; None where they have not come so far
    """

    def __init__(self, route: str, tracker: RequestTracker, metrics: QueueMetrics | None) -> None:
        self.route = route
        self._tracker = tracker
        self._metrics = metrics

    @abstractmethod
    def answer(self, requests: "list[FastRequest]", output: Any, bounds: list[int]) -> None:
        """Send what a model says to rows `bounds[i]:bounds[i + 1]` to request i."""

    def left(self, rows: int) -> None:
        """So many rows that were queued wait no more."""
        if self._metrics is not None:
            self._metrics.pending(-rows)

    def refuse(self, requests: "Sequence[FastRequest]", error: RequestError) -> None:
        """Tell all of them what went wrong."""
        for request in requests:
            request.is_over = True
        self._send(requests, self._refusal(error))

    def fail(self, request: "FastRequest", error: Exception) -> None:
        """Put what nobody expected into the log, and tell the client only that it happened."""
        log.error("%s failed.", self.route, exc_info=error, extra=named(request))
        self.refuse([request], PredictionFailed())

    def _refusal(self, error: RequestError) -> Answer:
        """How clients are told of an error."""
        return Answer.error(error)

    def _send(self, requests: "Sequence[FastRequest]", answer: Answer) -> None:
        now = time.monotonic()
        date = self._tracker.date.at(now)
        for request in requests:
            self._reply(request, answer, date, now)
        self._tracker.ended(requests, answer.status, now)

    @staticmethod
    def _reply(request: "FastRequest", answer: Answer, date: Date, now: float) -> None:
        if request.head.is_timed:
            answer = answer.with_headers(timing.lines(request, request.began, now))
        request.reply = reply = Reply(answer, date)
        request.sent = len(reply.body)
        request.pipeline.answered(now)
