"""FastInfer: calls of `ModelInfer` whose form is known, with one coroutine each.

What is out of the ordinary - parameters, an id, metadata that mean something, a batch that does
not fit, a model that is not there - is left to the handler that knows all of it: what clients are
told is the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from ...data.rows import table
from ...dialects.catalog import Catalog
from ...dialects.served import Served
from ...dialects.tensors import method_outputs
from ...dialects.tensors.batch import to_batch
from ...errors import ClientGone, DeadlineExceeded, RequestError
from ...http.request.ids import Ids
from ...http.request.queue_headers import DEFAULT
from ...models.runner import Queue
from ..dispatcher import Dispatcher
from ..messages.pool import pool
from ..refusal import Refusal
from .answers import FastInferAnswers
from .infer_forms import Form, InferForms
from .infer_request import PATH, FastInferRequest

Handle = Callable[[bytes, Any], Awaitable[bytes]]

_FOR_HANDLERS = frozenset(
    {"x-request-id", "x-request-timeout", "x-priority", "x-timing", "traceparent"}
)
_MOST_GROUPS = 64  # models with cached answers
_IDS = Ids()


class FastInfer:
    """Handles the calls that it can; `other` is the handler of all others."""

    def __init__(
        self, catalog: Catalog, dispatcher: Dispatcher, other: grpc.RpcMethodHandler
    ) -> None:
        messages = pool()
        self._catalog = catalog
        self._dispatcher = dispatcher
        self._shared = dispatcher.shared
        self._other: Handle = other.unary_unary
        self._forms = InferForms(messages["inference.ModelInferRequest"])
        self._response = messages["inference.ModelInferResponse"]
        self._groups: dict[Served, FastInferAnswers] = {}

    def handler(self) -> grpc.RpcMethodHandler:
        """What answers the call."""
        return grpc.unary_unary_rpc_method_handler(self._handle)

    async def _handle(self, data: bytes, context: Any) -> bytes:
        form = self._forms.find(data)
        if form is None:
            reply = await self._other(data, context)
            self._forms.learn(data)  # it was answered, so that it is one
            return reply
        request = None
        if _needs_no_handler(context.invocation_metadata()):
            request = self._request(form, data, context)
        if request is None:
            return await self._other(data, context)
        try:
            reply = await self._answer(request)
        except RequestError as error:
            await self._dispatcher.gate.wait()
            refusal = Refusal.of(error)
            metadata = (*refusal.metadata, *request.metadata)
            await context.abort(refusal.code, refusal.detail, metadata)
        context.set_trailing_metadata(request.metadata)
        if self._dispatcher.gate.is_closed:
            await self._dispatcher.gate.wait()
        return reply

    def _request(self, form: Form, data: bytes, context: Any) -> FastInferRequest | None:
        """The request to queue; None if only the other handler can answer."""
        shared, size = self._shared, len(data)
        try:
            served = self._catalog.find(form.model, form.version)
            queue = served.open_queue
            if queue is None or size > shared.settings.max_body:
                return None
            if method_outputs.are_named(served, form.outputs):
                return None
            inputs = queue.signature.inputs
            is_null = served.settings.nan == "null"
            batch = to_batch(inputs, form.tensors(data), nan_as_null=is_null)
            rows = table.rows(batch)
            served.check(rows)
        except RequestError:
            return None
        began = time.monotonic()
        allowed, remaining = shared.settings.timeout, context.time_remaining()
        if remaining is not None:
            allowed = min(allowed, max(remaining, 0.0))
        request = FastInferRequest(batch, rows, size, began + allowed, DEFAULT)
        request.began, request.remaining, request.id = began, remaining, _IDS.next()
        request.form = form
        request.group = self._group(served, queue)
        return request

    def _group(self, served: Served, queue: Queue) -> FastInferAnswers:
        group = self._groups.get(served)
        if group is None or group.queue is not queue:
            if len(self._groups) >= _MOST_GROUPS:
                self._groups.clear()  # also forgets models that were unloaded
            group = FastInferAnswers(served, queue, self._dispatcher, self._response)
            self._groups[served] = group
        return group

    async def _answer(self, request: FastInferRequest) -> bytes:
        """The answer; abandons the request if the call is cancelled."""
        group, shared = request.group, self._shared
        assert group is not None
        queue: Queue = group.queue
        shared.metrics.began()
        claimed = 0
        try:
            shared.budget.take(request.size)
            claimed = request.size
            queue.metrics.pending(request.rows)
            try:
                key = table.key(queue.signature.inputs, request.batch)
                queue.batcher.enqueue(request, key, is_trickling=True)
                reply: bytes = await request.future
            finally:
                queue.metrics.pending(-request.rows)
        except RequestError as error:
            request.status = error.status
            raise
        except asyncio.CancelledError:
            request.abandon()
            is_late = request.remaining is not None and request.seconds >= request.remaining
            request.status = DeadlineExceeded.status if is_late else ClientGone.status
            raise
        finally:
            shared.budget.give(claimed)
            if not request.is_told:
                self._dispatcher.ended([request], PATH, request.status or 500)
        return reply


def _needs_no_handler(metadata: Any) -> bool:
    """Whether the metadata of a call need no full handler."""
    for key, _ in metadata or ():  # noqa: SIM110  a generator would cost more than the loop
        if key in _FOR_HANDLERS:
            return False
    return True
