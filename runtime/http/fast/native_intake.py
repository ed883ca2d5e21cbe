"""NativeIntake: decodes requests of a native route that arrive in one turn as one batch."""

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import orjson

from ...data import media
from ...data.codecs import instances
from ...data.rows import column, number_rows, table
from ...data.rows.number_rows import NumberRows
from ...errors import RequestError
from ...manifests.signature import Field, Side
from ...models.operation import ModelOperation
from .intake import Intake
from .requests.fast_request import FastRequest
from .requests.native_responder import NativeResponder
from .requests.request_tracker import RequestTracker

log = logging.getLogger(__name__)

_PLAIN = frozenset({"", media.JSON, media.NPY, media.CSV})  # others may import a library
_ANY_JSON = frozenset({"", "*/*", media.JSON})
_ALIKE = frozenset("fib")  # dtype families whose values convert alike, whatever else is in the list


class NativeIntake(Intake):
    """Decodes the requests of one turn together, and gives each its rows.

    If the rows of several requests cannot be decoded together, each body is decoded alone, so
    that only the wrong one is refused, with a message about its own values.
    """

    def __init__(self, path: str, operation: ModelOperation, tracker: RequestTracker) -> None:
        super().__init__(tracker)
        self.path = self.route = path
        self.is_large = operation.is_large
        self._decode_large = operation.decode
        self.codec = operation.codec
        self.queue = operation.queue
        self._presence = operation.presence
        self.answers = NativeResponder(path, operation, tracker, self.queue.metrics)
        self._refused: dict[tuple[str, float | None], tuple[RequestError, list[FastRequest]]] = {}
        self._is_uniform = _is_uniform(self.codec.inputs)
        self._numbers = number_rows.of(self.codec.inputs)
        self._parse = orjson.loads if _is_of_floats(self.codec.inputs) else instances.exact
        self._has_kinds = _has_kinds(self.codec.inputs)

    def wanted(self, content_type: str, accept: str, coding: bytes) -> str | None:  # noqa: ARG002
        """The accepted media types: "" for JSON; None if the ASGI application must answer."""
        return _wanted(accept) if media.essence(content_type) in _PLAIN else None

    def numbers_at(self, headers: Mapping[bytes, bytes]) -> int | None:  # noqa: ARG002
        """None: another process decodes large bodies as a whole."""
        return None

    def _take(self, arrived: Sequence[FastRequest]) -> None:
        plain = []
        is_here, batcher = self._presence.is_here, self.queue.batcher
        is_full = batcher.is_full
        for request in arrived:
            if request.is_over:
                continue
            if not is_here:
                self._begin(request, self._take_late(request))
            elif is_full and (refusal := batcher.refusal()) is not None:
                self._refuse(request, refusal)
            elif request.head.is_large:
                self._take_large(request)
            elif not request.head.is_json or not self._is_uniform:
                self._take_alone(request)
            else:
                plain.append(request)
        if plain and self._numbers is not None:
            plain = self._take_numbers(plain, self._numbers)
        if plain:
            self._take_listed(plain)
        self._answer_refused()

    def _poll(self) -> None:
        self.queue.batcher.poll()

    def _answer_refused(self) -> None:
        if self._refused:
            refused, self._refused = self._refused, {}
            for error, requests in refused.values():
                self.answers.refuse(requests, error)

    def _take_numbers(self, requests: list[FastRequest], numbers: NumberRows) -> list[FastRequest]:
        """Decode bodies that are rows of numbers; returns the requests with others."""
        taken, others, texts, bounds = [], [], [], [0]
        for request in requests:
            found = numbers.read(request.body, self.codec.max_rows)
            if found is None:
                others.append(request)
                continue
            rows, text = found
            taken.append(request)
            texts.append(text)
            bounds.append(bounds[-1] + rows)
        if not taken:
            return others
        try:
            batch = numbers.array(texts, bounds[-1])
        except (ValueError, OverflowError):
            return requests  # the wrong one is found among its rows
        self._queue_together(taken, bounds, batch)
        return others

    def _take_listed(self, requests: list[FastRequest]) -> None:
        """Decode bodies with rows of any kind."""
        codec = self.codec
        taken: list[FastRequest] = []
        rows: list[Any] = []
        bounds = [0]
        for request in requests:
            found = self._rows(request)
            if found is None:
                self._take_alone(request)
                continue
            taken.append(request)
            rows += found
            bounds.append(len(rows))
        if not taken:
            return
        try:
            batch = table.gather(codec.inputs, rows, nan_as_null=codec.nan_as_null)
        except Exception:  # each is decoded alone, and the wrong one is refused
            log.debug("Bodies for %s are decoded one by one.", self.path, exc_info=True)
            for request in taken:
                self._take_alone(request)
            return
        self._queue_together(taken, bounds, batch)

    def _rows(self, request: FastRequest) -> list[Any] | None:
        """The rows of a body with nothing but `instances`; None leaves it to the codec."""
        body = request.body
        try:
            # One colon means one key, so no key is repeated.
            found = (
                self._parse(body)["instances"] if body.count(b":") == 1 else instances.loads(body)
            )
        except (ValueError, TypeError, KeyError, RequestError):
            return None
        if type(found) is list and 0 < len(found) <= self.codec.max_rows:
            return found
        return None

    def _queue_together(self, requests: list[FastRequest], bounds: list[int], batch: Any) -> None:
        """Queue requests; request i has the rows `bounds[i]:bounds[i + 1]` of `batch`."""
        has_kinds = self._has_kinds
        for request, (start, stop) in zip(requests, pairwise(bounds), strict=True):
            if has_kinds:
                request.batch = table.slice(batch, start, stop)
            else:
                request.batch, request.first = batch, start
            request.rows = request.left = stop - start
            request.body = b""
        if has_kinds:
            for request in requests:
                self._enqueue(request, table.key(self.codec.inputs, request.batch))
            return
        key = table.key(self.codec.inputs, batch)
        if self.queue.batcher.enqueue_all(requests, key):
            self.queue.metrics.pending(bounds[-1])
            return
        for request in requests:
            self._enqueue(request, key)

    def _take_alone(self, request: FastRequest) -> None:
        try:
            self._take_batch(request, self.codec.decode(request.body, request.head.content_type))
        except RequestError as error:
            self._refuse(request, error)
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            self.answers.fail(request, error)

    def _take_large(self, request: FastRequest) -> None:
        """Have another process decode a large body."""
        self._begin(request, self._read_large(request))

    async def _take_late(self, request: FastRequest) -> None:
        """Handle a request once its model is loaded."""
        try:
            await self._presence.arrival(request.deadline)
        except RequestError as error:
            if not request.is_over:
                self._refuse(request, error)
        else:
            if request.head.is_large:
                await self._read_large(request)
            elif not request.is_over:
                self._take_alone(request)
        self._answer_refused()

    async def _read_large(self, request: FastRequest) -> None:
        try:
            batch = await self._decode_large(
                request.body, request.head.content_type, request.deadline
            )
        except RequestError as error:
            if not request.is_over:
                self._refuse(request, error)
        except Exception as error:  # noqa: BLE001 - it is in the log, and the client is answered
            if not request.is_over:
                self.answers.fail(request, error)
        else:
            if not request.is_over:
                await self._take_read(request, batch)
        self._answer_refused()

    async def _take_read(self, request: FastRequest, batch: Any) -> None:
        """Queue a decoded batch; the model may have been unloaded meanwhile."""
        try:
            if not self._presence.is_here:
                await self._presence.arrival(request.deadline)
            self._take_batch(request, batch)
        except RequestError as error:
            if not request.is_over:
                self._refuse(request, error)

    def _take_batch(self, request: FastRequest, batch: Any) -> None:
        rows = table.rows(batch)
        if not rows:
            self.answers.answer_empty(request)
            return
        request.batch = batch
        request.rows = request.left = rows
        request.body = b""
        self._enqueue(request, table.key(self.codec.inputs, batch))

    def _enqueue(self, request: FastRequest, key: Any) -> None:
        self.queue.metrics.pending(request.rows)
        try:
            self.queue.batcher.enqueue(request, key)
        except RequestError as error:
            self._refuse(request, error)

    def _refuse(self, request: FastRequest, error: RequestError) -> None:
        """Refuse a request at the end of the turn, together with others of the same error."""
        request.is_over = True
        after = error.retry_after
        key = (error.detail, None if after is None else -(-after // 1))
        self._refused.setdefault(key, (error, []))[1].append(request)


def _is_uniform(side: Side) -> bool:
    """Whether rows convert to the same arrays together as they do alone."""
    return side.layout != "objects" and all(map(_is_alike, side.fields))


def _is_of_floats(side: Side) -> bool:
    """Whether all fields are floats, so that long integers may be parsed as floats."""
    return all(field.dtype.startswith("float") for field in side.fields)


def _has_kinds(side: Side) -> bool:
    """Whether the types of the values decide which requests may share a batch."""
    return side.layout == "columns" and any(field.dtype == "object" for field in side.fields)


def _is_alike(field: Field) -> bool:
    if field.shape == (None,):
        return True  # one value per row, converted by itself
    rows, *sizes = field.shape
    return rows is None and None not in sizes and column.family(field.dtype) in _ALIKE


def _wanted(accept: str) -> str | None:
    if accept in _ANY_JSON:
        return ""
    first = next(iter(media.ranked(accept, media.ANSWERS)), None)
    if first == media.JSON:
        return ""
    return accept if first == media.NPY else None
