"""RouteResponder: writes the answers and refusals of one route to its clients."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ....data.rows import bulk, table
from ....dialects.reply import Reply
from ....errors import PredictionFailed, RequestError
from ....telemetry.queue_metrics import QueueMetrics
from ...request import timing
from ...request.exchange import named, refusal
from .queued_reply import Date, QueuedReply
from .request_tracker import RequestTracker

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from .fast_request import FastRequest

log = logging.getLogger(__name__)


class RouteResponder(ABC):
    """A Group that answers the clients of one route.

    route     for the metrics and the log
    metrics   of the queue of its requests; None for requests that are not queued
    """

    def __init__(self, route: str, tracker: RequestTracker, metrics: QueueMetrics | None) -> None:
        self.route = route
        self._tracker = tracker
        self._metrics = metrics
        self._writing: set[asyncio.Task[None]] = set()

    @abstractmethod
    def answer(self, requests: "list[FastRequest]", output: Any, bounds: list[int]) -> None:
        """Send rows `bounds[i]:bounds[i + 1]` of `output` as the answer to request `i`."""

    def _answer_alone(self, request: "FastRequest", output: Any) -> None:
        """Encode and send the answer to one request, whose rows are all of `output`."""
        try:
            reply = self._encode(request, output)
        except RequestError as error:
            self.refuse([request], error)
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            self.fail(request, error)
        else:
            self._send([request], reply)

    @abstractmethod
    def _encode(self, request: "FastRequest", output: Any) -> Reply:
        """Encode the answer to one request.

        Raises:
            Exception: when it cannot be encoded.
        """

    @abstractmethod
    async def _encode_offloaded(self, request: "FastRequest", output: Any) -> Reply:
        """As `_encode`; a large output is encoded by another process.

        Raises:
            Exception: when it cannot be encoded.
        """

    def _answer_much(self, requests: "list[FastRequest]", output: Any, bounds: list[int]) -> bool:
        """Answer in tasks if `output` is large, so that others are served meanwhile; else False."""
        whole = bulk.size(output)
        if whole < bulk.LARGE:
            return False
        parts = [table.slice(output, *each) for each in pairwise(bounds)]
        large = [bulk.is_large(part) for part in parts]
        if whole < bulk.MUCH and not any(large):
            return False
        answers = list(zip(requests, parts, large, strict=True))
        self._later(self._answer_in_turn([each[:2] for each in answers if not each[2]]))
        for request, part in [each[:2] for each in answers if each[2]]:
            self._later(self._answer_elsewhere(request, part))
        return True

    def _later(self, work: "Coroutine[Any, Any, None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _answer_in_turn(self, answers: "Sequence[tuple[FastRequest, Any]]") -> None:
        for request, output in answers:
            if not _is_gone(request):
                self._answer_alone(request, output)
                await asyncio.sleep(0)

    async def _answer_elsewhere(self, request: "FastRequest", output: Any) -> None:
        try:
            answer = await self._encode_offloaded(request, output)
        except RequestError as error:
            if not _is_gone(request):
                self.refuse([request], error)
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            if not _is_gone(request):
                self.fail(request, error)
        else:
            if not _is_gone(request):
                self._send([request], answer)

    def left(self, rows: int) -> None:
        """Count `rows` that are no longer queued."""
        if self._metrics is not None:
            self._metrics.pending(-rows)

    def refuse(self, requests: "Sequence[FastRequest]", error: RequestError) -> None:
        """Answer all of them with an error."""
        for request in requests:
            request.is_over = True
        self._send(requests, self._refusal(error))

    def fail(self, request: "FastRequest", error: Exception) -> None:
        """Log an unexpected error, and answer 500 without its details."""
        log.error("%s failed.", self.route, exc_info=error, extra=named(request))
        self.refuse([request], PredictionFailed())

    def _refusal(self, error: RequestError) -> Reply:
        """The answer for an error."""
        return refusal(error)

    def _send(self, requests: "Sequence[FastRequest]", reply: Reply) -> None:
        now = time.monotonic()
        date = self._tracker.date.at(now)
        for request in requests:
            self._reply(request, reply, date, now)
        self._tracker.ended(requests, reply.status, now)

    @staticmethod
    def _reply(request: "FastRequest", reply: Reply, date: Date, now: float) -> None:
        if request.head.is_timed:
            reply = reply.with_headers(timing.lines(request, request.began, now))
        request.reply = queued = QueuedReply(reply, date)
        request.sent = len(queued.body)
        request.pipeline.answered(now)


def _is_gone(request: "FastRequest") -> bool:
    """Whether the client has gone, or was answered because the server ends."""
    return request.reply is not None or request.pipeline.disconnected
