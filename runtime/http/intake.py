"""Intake: requests for one route that came in one turn of the loop, decoded together."""

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from ..data import column, table
from ..errors import RequestError
from ..models.operation import ModelOperation
from ..signature import Side
from .answers import Answers
from .fast_request import FastRequest

if TYPE_CHECKING:
    from .reception import Reception

AT_ONCE = 1 << 20  # bytes of bodies that are parsed before the loop turns again
_ALIKE = frozenset("fib")  # families whose values are converted alike, in whatever company


class Intake:
    """Collects what came in one turn, turns it into one batch, and hands each request its rows.

    Rows that cannot be taken together are taken request by request, so that whoever is wrong is
    told of it in the words for its own body, and nobody else is.
    """

    def __init__(self, path: str, operation: ModelOperation, reception: "Reception") -> None:
        self.path = path
        self.codec = operation.codec
        self.queue = operation.queue
        self.reception = reception
        self.answers = Answers(self)
        self._arrived: list[FastRequest] = []
        self._is_uniform = _is_uniform(self.codec.inputs)

    def arrived(self, request: FastRequest) -> None:
        """Take a request, whose body is complete, with the others of this turn."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._take)
        self._arrived.append(request)

    def _take(self) -> None:
        arrived, self._arrived = self._arrived, []
        self.reception.began(len(arrived))
        together: list[FastRequest] = []
        rows: list[Any] = []
        bounds = [0]
        for request in arrived:
            if request.is_over:
                continue
            instances = self._instances(request) if request.head.is_json else None
            if instances is None:
                self._take_alone(request)
                continue
            together.append(request)
            rows += instances
            bounds.append(len(rows))
        if together:
            self._take_together(together, rows, bounds)

    def _instances(self, request: FastRequest) -> list[Any] | None:
        """The rows in a body that is as it should be; None leaves it to the codec."""
        body = request.body
        if not self._is_uniform or body.count(b":") != 1:
            return None
        try:
            instances = orjson.loads(body)["instances"]
        except (ValueError, TypeError, KeyError):
            return None
        if type(instances) is list and 0 < len(instances) <= self.codec.max_rows:
            return instances
        return None

    def _take_together(
        self, requests: list[FastRequest], rows: list[Any], bounds: list[int]
    ) -> None:
        codec = self.codec
        try:
            batch = table.collate(codec.inputs, rows, nan_as_null=codec.nan_as_null)
        except RequestError:
            for request in requests:
                self._take_alone(request)
            return
        key = table.key(codec.inputs, batch)
        start = 0
        for request, stop in zip(requests, bounds[1:], strict=True):
            request.batch = batch[start:stop]
            self._enqueue(request, stop - start, key)
            start = stop

    def _take_alone(self, request: FastRequest) -> None:
        try:
            batch = self.codec.decode(request.body, request.head.content_type)
        except RequestError as error:
            self.answers.refuse([request], error)
            return
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            self.answers.fail(request, error)
            return
        rows = table.rows(batch)
        if not rows:
            self.answers.answer_nothing(request)
            return
        request.batch = batch
        self._enqueue(request, rows, table.key(self.codec.inputs, batch))

    def _enqueue(self, request: FastRequest, rows: int, key: Any) -> None:
        request.rows = request.left = rows
        request.body = b""
        self.queue.metrics.pending(rows)
        try:
            self.queue.batcher.enqueue(request, key)
        except RequestError as error:
            self.answers.refuse([request], error)


def _is_uniform(side: Side) -> bool:
    """Whether rows of any requests make the same arrays together as they do alone."""
    return side.layout == "array" and all(
        column.family(field.dtype) in _ALIKE
        and field.shape[:1] == (None,)
        and None not in field.shape[1:]
        for field in side.fields
    )
