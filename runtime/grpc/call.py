"""GrpcCall: one call, as the log, metrics and traces see it."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..dialects.dialect_request import DialectRequest
from ..http.request.headers import seconds_allowed, valid_id
from ..http.request.ids import Ids
from ..http.request.queue_headers import QueueHeaders
from ..http.shared_state import SharedState
from ..telemetry.trace_context import TraceContext

if TYPE_CHECKING:
    from ..batching.request import Request

_IDS = Ids()


class GrpcCall:
    """A call and its answer.

    `id` is the client's own `x-request-id` if that is valid, else a new one;
    `remaining`: seconds until the client's own deadline when the call began.
    """

    method = "POST"  # the method, as it is transmitted

    __slots__ = (
        "address",
        "began",
        "headers",
        "id",
        "path",
        "queued",
        "received",
        "remaining",
        "route",
        "rows",
        "sent",
        "status",
        "trace",
    )  # fmt: skip

    def __init__(self, path: str, route: str, context: Any) -> None:
        self.began = time.monotonic()
        self.path = path
        self.route = route
        self.headers = _headers(context.invocation_metadata() or ())
        self.remaining: float | None = context.time_remaining()  # seconds
        self.address = ""
        self.id = valid_id(self.headers.get(b"x-request-id", b"")) or _IDS.next()
        parent = self.headers.get(b"traceparent")
        state = self.headers.get(b"tracestate", b"")
        self.trace = None if parent is None else TraceContext.parse(parent, state)
        self.status = 0
        self.rows = 0
        self.received = 0  # bytes of the message
        self.sent = 0
        self.queued: Request | None = None  # in the batcher, if it got there

    def dialect_request(
        self, shared: SharedState, queue_headers: QueueHeaders, body: bytes
    ) -> DialectRequest:
        """The call as a request of a dialect.

        Raises:
            BadPayload: for invalid metadata.
        """
        allowed = seconds_allowed(self.headers.get(b"x-request-timeout"), shared.settings.timeout)
        if self.remaining is not None:
            allowed = min(allowed, max(self.remaining, 0.0))
        return DialectRequest(
            method=self.method,
            path=self.path,
            parts={},
            query={},
            headers=self.headers,
            body=body,
            content_type="application/grpc",
            accept="",
            deadline=self.began + allowed,
            priority=queue_headers.priority(self.headers),
            client=queue_headers.client(self.headers, self.address),
            id=self.id,
            trace=self.trace,
            route=self.route,
        )

    @property
    def seconds(self) -> float:
        """Time since it began."""
        return time.monotonic() - self.began

    def next(self) -> "GrpcCall":
        """One more message on the same stream."""
        other = object.__new__(GrpcCall)
        for name in GrpcCall.__slots__:
            setattr(other, name, getattr(self, name))
        other.began = time.monotonic()
        other.status = other.rows = other.received = other.sent = 0
        other.queued = None
        return other

    def learn(self, request: DialectRequest) -> None:
        """What answering has brought to light."""
        self.rows, self.queued = request.rows, request.queued


def address(peer: str) -> str:
    """The IP address in what gRPC calls a peer: `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000`."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return ""
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")


def _headers(metadata: Any) -> Mapping[bytes, bytes]:
    return {
        key.encode(): value if isinstance(value, bytes) else value.encode()
        for key, value in metadata
    }
