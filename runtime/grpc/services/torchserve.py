"""Torchserve: TorchServe's `InferenceAPIsService`.

Source: github.com/pytorch/serve, `frontend/server/src/main/resources/proto/inference.proto`. What
comes in `input` means what it does as the body, or the fields of a form, over HTTP.
"""

from contextlib import aclosing
from typing import Any

import grpc
import orjson

from ...dialects.bodies.raw import Raw, as_text, unquoted
from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ..dispatcher import Dispatcher, Say
from ..messages.pool import pool
from ..refusal import Refusal

_PACKAGE = "org.pytorch.serve.grpc.inference"
_SERVICE = f"/{_PACKAGE}.InferenceAPIsService"


class Torchserve:
    """Answers the service's calls."""

    PROBES = frozenset({f"{_SERVICE}/Ping"})

    def __init__(self, catalog: Catalog) -> None:
        messages = pool()
        self._catalog = catalog
        self._health = messages[f"{_PACKAGE}.TorchServeHealthResponse"]
        self._response = messages[f"{_PACKAGE}.PredictionResponse"]

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        ping, predict = f"{_SERVICE}/Ping", f"{_SERVICE}/Predictions"
        stream, both = f"{_SERVICE}/StreamPredictions", f"{_SERVICE}/StreamPredictions2"
        return {
            ping: dispatcher.unary(ping, self._ping),
            predict: dispatcher.unary(predict, self._predict),
            stream: dispatcher.streamed(stream, self._tell, None),
            both: dispatcher.streamed(both, self._tell, self._failed),
        }

    async def _ping(self, _: Any, __: DialectRequest) -> Any:
        status = "Healthy" if self._catalog.reason is None else "Unhealthy"
        return self._health(health=orjson.dumps({"status": status}).decode())

    async def _predict(self, request: Any, dialect_request: DialectRequest) -> Any:
        parts: list[Any] = []

        async def keep(part: Any) -> None:
            parts.append(part)

        last = await self._tell(request, dialect_request, keep)
        if last is not None:
            parts.append(last)
        return self._message(request, b"".join(part.prediction for part in parts))

    async def _tell(self, request: Any, dialect_request: DialectRequest, say: Say) -> Any:
        """Say each part as it comes; what is no stream is the last one."""
        served = self._catalog.find(request.model_name, request.model_version)
        accept = as_text(served, dialect_request.accept)
        answer = await Raw(served, dialect_request, accept).answer_fields(dict(request.input))
        reply = unquoted(answer, dialect_request.accept)
        if isinstance(reply.body, bytes):
            return self._message(request, reply.body)
        async with aclosing(reply.body) as parts:
            async for part in parts:
                await say(self._message(request, part))
        return None

    def _message(self, request: Any, prediction: bytes) -> Any:
        response = self._response(prediction=prediction)
        if request.HasField("sequenceId"):
            response.sequenceId = request.sequenceId
        return response

    def _failed(self, request: Any, refusal: Refusal) -> Any:
        """One bad message does not end a stream of them."""
        message = self._response() if request is None else self._message(request, b"")
        message.status.code, message.status.message = refusal.code.value[0], refusal.detail
        return message
