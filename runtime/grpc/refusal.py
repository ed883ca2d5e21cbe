"""Refusal: an error as gRPC status: a code, a message, and when to retry."""

from dataclasses import dataclass

import grpc

from ..errors import RequestError
from ..printable import printable
from .messages.pool import pool

Metadata = tuple[tuple[str, str | bytes], ...]

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.INVALID_ARGUMENT,  # it would never do: no client should send it again
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status, message and metadata for an error.

    metadata  if a retry can help: `retry-after` in seconds, `grpc-retry-pushback-ms` for
              gRPC's own retries, and `google.rpc.RetryInfo`
    """

    code: grpc.StatusCode
    detail: str
    metadata: Metadata = ()

    @classmethod
    def of(cls, error: RequestError) -> "Refusal":
        """The refusal for `error`."""
        code = _CODES.get(error.status, grpc.StatusCode.INTERNAL)
        detail = printable(error.detail)
        if error.retry_after is None:
            return cls(code, detail)
        seconds = max(1, -int(-error.retry_after // 1))
        detail = f"{detail} Try again in {seconds} s."
        metadata: Metadata = (
            ("retry-after", str(seconds)),
            ("grpc-retry-pushback-ms", str(1000 * seconds)),
            ("grpc-status-details-bin", _status(code, detail, seconds)),
        )
        return cls(code, detail, metadata)


def _status(code: grpc.StatusCode, detail: str, seconds: int) -> bytes:
    messages = pool()
    status = messages["google.rpc.Status"](code=code.value[0], message=detail)
    info = messages["google.rpc.RetryInfo"]()
    info.retry_delay.seconds = seconds
    status.details.add(type_url=_RETRY_INFO, value=info.SerializeToString())
    return bytes(status.SerializeToString())
