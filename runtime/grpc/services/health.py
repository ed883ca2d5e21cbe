"""Health: gRPC's health checking protocol, for the whole server and for each of its services."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from ...dialects.dialect_request import DialectRequest
from ...errors import UnknownModel
from ...hosting.readiness import Readiness
from ..dispatcher import Dispatcher
from ..messages.pool import pool

_SERVICE = "/grpc.health.v1.Health"
CHECK, WATCH = f"{_SERVICE}/Check", f"{_SERVICE}/Watch"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3  # of HealthCheckResponse.ServingStatus
GLANCE = 0.2  # seconds between two checks for a `Watch` call


class Health:
    """Answers SERVING while the server is ready, for "" and for each of its services."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._known = frozenset({"", *pool().services})
        self._request = pool()["grpc.health.v1.HealthCheckRequest"]
        self._response = pool()["grpc.health.v1.HealthCheckResponse"]

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        return {
            CHECK: dispatcher.unary(CHECK, self.check),
            WATCH: grpc.unary_stream_rpc_method_handler(self.watch),
        }

    async def check(self, request: Any, _: DialectRequest) -> Any:
        """How a service is.

        Raises:
            UnknownModel: when there is no such service, as the protocol wants it.
        """
        status = self._status(request.service)
        if status == SERVICE_UNKNOWN:
            raise UnknownModel("There is no such service.")
        return self._response(status=status)

    async def watch(self, data: bytes, context: Any) -> AsyncIterator[bytes]:
        """How a service is, and again whenever that changes."""
        try:
            service, last = self._request.FromString(data).service, None
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "This is no question.")
        while True:
            status = self._status(service)
            if status != last:
                last = status
                yield self._response(status=status).SerializeToString()
            await asyncio.sleep(GLANCE)

    def _status(self, service: str) -> int:
        if service not in self._known:
            return SERVICE_UNKNOWN
        return SERVING if self._readiness.reason is None else NOT_SERVING
