"""DialectIntake: predictions of dialects on the fast path."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ...data import media
from ...data.rows import table
from ...dialects.dialect_request import DialectRequest
from ...dialects.prediction_codec import DecodedRequest, PredictionCodec
from ...dialects.reply import Reply
from ...dialects.served import Served
from ...errors import RequestError
from ...models.runner import Queue
from ..dialect_endpoint import DialectEndpoint
from ..request.coding import is_coding
from .intake import Intake
from .requests.fast_request import FastRequest
from .requests.queued_reply import OK
from .requests.request_tracker import RequestTracker
from .requests.route_responder import RouteResponder

log = logging.getLogger(__name__)

_MOST_GROUPS = 8  # methods of a path's model, of which requests name one or another


class DialectIntake(Intake):
    """Enqueues requests that the `PredictionCodec` of its rule decodes; its handler does the rest.

    The answers of a batch are written together.
    """

    def __init__(
        self,
        target: str,
        endpoint: DialectEndpoint,
        codec: PredictionCodec,
        tracker: RequestTracker,
    ) -> None:
        super().__init__(tracker)
        self.path = target
        self.route = endpoint.rule.name
        self._endpoint = endpoint
        self._codec = codec
        self.answers = DialectResponder(endpoint, codec, tracker, None)
        self._groups: dict[Served, DialectResponder] = {}

    def is_large(self, size: int, content_type: str) -> bool:  # noqa: ARG002
        """What is large is for the dialect to say, which sees the body."""
        return False

    def wanted(self, content_type: str, accept: str, coding: bytes) -> str | None:  # noqa: ARG002
        """What the client takes; None where the answer is to be compressed."""
        return None if is_coding(coding) else accept

    def numbers_at(self, headers: Mapping[bytes, bytes]) -> int | None:
        """Where numbers begin in a body that is mostly that; else None."""
        return self._codec.numbers_at(headers)

    def _take(self, arrived: Sequence[FastRequest]) -> None:
        for request in arrived:
            if not request.is_over:
                self._take_one(request)

    def _poll(self) -> None:
        for served in self._groups:
            if served.open_queue is not None:
                served.open_queue.batcher.poll()

    def _take_one(self, request: FastRequest) -> None:
        dialect_request = self._dialect_request(request)
        try:
            decoded = self._codec.decode(dialect_request)
            queue = None if decoded is None else decoded.served.open_queue
            if decoded is None or queue is None:
                self._begin(request, self._handle(request, dialect_request))
                return
            self._enqueue(request, dialect_request, decoded, queue)
        except RequestError as error:
            request.group.refuse([request], error)
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            request.group.fail(request, error)

    def _enqueue(
        self,
        request: FastRequest,
        dialect_request: DialectRequest,
        decoded: DecodedRequest,
        queue: Queue,
    ) -> None:
        request.rows = request.left = rows = decoded.rows
        served = decoded.served
        served.check(rows)
        request.batch = batch = decoded.batch
        request.deadline, request.priority = dialect_request.deadline, dialect_request.priority
        request.decoded = decoded
        request.body = b""
        request.group = self._group(served, queue)
        queue.metrics.pending(rows)
        queue.batcher.enqueue(request, table.key(queue.signature.inputs, batch))

    def _group(self, served: Served, queue: Queue) -> "DialectResponder":
        group = self._groups.get(served)
        if group is None:
            if len(self._groups) >= _MOST_GROUPS:
                self._groups.clear()  # of models that came and went few are kept
            group = self._groups[served] = DialectResponder(
                self._endpoint, self._codec, self.tracker, queue
            )
        return group

    def _dialect_request(self, request: FastRequest) -> DialectRequest:
        head, place = request.head, self._endpoint.place
        return DialectRequest(
            request.body, head.content_type, head.accept, request.deadline, request.priority,
            request.client, request.id, request.trace, method=request.method, path=place.path,
            parts=place.parts, query={}, headers=head.headers, route=self.route,
        )  # fmt: skip

    async def _handle(self, request: FastRequest, dialect_request: DialectRequest) -> None:
        """Have the rule's handler answer."""
        try:
            answer = await self._endpoint.handled(dialect_request)
        except RequestError as error:
            answer = self._endpoint.refusal(error)
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            if not request.is_over:
                self.answers.fail(request, error)
            return
        if not request.is_over:
            request.is_over = True
            request.rows = dialect_request.rows
            if dialect_request.queued is not None:
                request.arrived, request.run = (
                    dialect_request.queued.arrived,
                    dialect_request.queued.run,
                )
            self.answers.tell(request, answer)


class DialectResponder(RouteResponder):
    """A Group that encodes the output of a batch as a dialect does."""

    def __init__(
        self,
        endpoint: DialectEndpoint,
        codec: PredictionCodec,
        tracker: RequestTracker,
        queue: Queue | None,
    ) -> None:
        super().__init__(endpoint.rule.name, tracker, None if queue is None else queue.metrics)
        self._endpoint = endpoint
        self._codec = codec

    def answer(self, requests: list[FastRequest], output: Any, bounds: list[int]) -> None:
        """Send what is said of the rows `bounds[i]:bounds[i + 1]` of `output` to request i."""
        if self._answer_much(requests, output, bounds):
            return
        replies = self._replies(requests, output, bounds)
        if replies is None:
            for request, start, stop in zip(requests, bounds, bounds[1:], strict=False):
                self._answer_alone(request, table.slice(output, start, stop))
            return
        now = time.monotonic()
        date = self._tracker.date.at(now)
        for request, reply in zip(requests, replies, strict=True):
            pipeline = request.pipeline
            body = reply.body
            is_next = len(pipeline.waiting) == 1 and not pipeline.is_closing
            if is_next and _is_plain(reply) and not request.head.is_timed:  # nearly always
                assert isinstance(body, bytes)
                request.sent = len(body)
                pipeline.waiting.clear()
                pipeline.protocol.finish(date.template % (len(body), request.id, body), now)
            else:
                self._reply(request, reply, date, now)
        self._tracker.ended(requests, OK, now)

    def tell(self, request: FastRequest, reply: Reply) -> None:
        """Send one answer."""
        self._send([request], reply)

    def _replies(
        self, requests: list[FastRequest], output: Any, bounds: list[int]
    ) -> Sequence[Reply] | None:
        try:
            return self._codec.encode([each.decoded for each in requests], output, bounds)
        except Exception:  # each is tried by itself, and then it is in the log
            log.debug("Answers of %s are encoded one by one.", self.route, exc_info=True)
            return None

    def _encode(self, request: FastRequest, output: Any) -> Reply:
        return request.decoded.reply(output)

    async def _encode_offloaded(self, request: FastRequest, output: Any) -> Reply:
        return await request.decoded.reply_offloaded(output, request.deadline)

    def _refusal(self, error: RequestError) -> Reply:
        return self._endpoint.refusal(error)


def _is_plain(reply: Reply) -> bool:
    return not reply.headers and reply.content_type == media.JSON
