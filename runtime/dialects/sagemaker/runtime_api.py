"""Runtime API: SageMaker's `InvokeEndpoint`, which boto3 calls.

So `boto3.client("sagemaker-runtime", endpoint_url=...)` works against a server that runs here.
Signatures are not looked at. Sources: AWS, "Amazon SageMaker Runtime" in the API reference, and
"Event stream encoding" in the Transcribe developer guide.
"""

import struct
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

import orjson

from ...data import media
from ...errors import RequestError
from ...printable import printable
from ..dialect import POST, Rule
from ..dialect_request import DialectRequest
from ..reply import Reply, error_headers

_TYPE = "application/vnd.amazon.eventstream"
_CONTENT_TYPE = b"x-amzn-sagemaker-content-type"
_ACCEPT = b"x-amzn-sagemaker-accept"
_VARIANT = (b"x-amzn-invoked-production-variant", b"AllTraffic")
_MODEL_ERROR = 424
_SERVER_ERROR = 500
_STRING = 7  # the type of a header's value
_ENDPOINT = r"/endpoints/[^/]+"
_NAME = "/endpoints/{endpoint}"
_PART = 1 << 20  # bytes of one event; AWS allows 16 MiB

Ask = Callable[[DialectRequest], Awaitable[Reply]]


class RuntimeApi:
    """Passes requests on to `invoke`, which answers those to a container.

    failure  the form of a container's errors, which the gateway wraps
    """

    def __init__(self, invoke: Ask, failure: Callable[[RequestError], Reply]) -> None:
        self._invoke = invoke
        self._failure = failure

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect; every endpoint name is this server."""
        whole, parts = "invocations", "invocations-response-stream"
        return [
            Rule(POST, f"{_ENDPOINT}/{whole}", self._whole, f"{_NAME}/{whole}"),
            Rule(POST, f"{_ENDPOINT}/{parts}", self._streamed, f"{_NAME}/{parts}"),
        ]

    async def _whole(self, request: DialectRequest) -> Reply:
        try:
            reply = await self._invoke(request)
        except RequestError as error:
            return self._refused(error)
        return replace(reply, headers=(*reply.headers, _VARIANT))

    async def _streamed(self, request: DialectRequest) -> Reply:
        """As `_whole`, in events; other headers have the content types."""
        request.accept = request.headers.get(_ACCEPT, b"").decode("latin-1")
        try:
            reply = await self._invoke(request)
        except RequestError as error:
            return self._refused(error)
        headers = (*reply.headers, _VARIANT, (_CONTENT_TYPE, reply.content_type.encode()))
        return Reply(_events(reply.body), reply.status, _TYPE, headers)

    def _refused(self, error: RequestError) -> Reply:
        """An error of the container's, as `ModelError`."""
        reply = self._failure(error)
        cause = printable(error.detail)
        is_clients = reply.status < _SERVER_ERROR
        document = {
            "ErrorCode": f"{'CLIENT_ERROR' if is_clients else 'INTERNAL_FAILURE'}_FROM_MODEL",
            "LogStreamArn": "",
            "Message": f'Received an error ({reply.status}) from the model with message "{cause}".',
            "OriginalMessage": cause,
            "OriginalStatusCode": reply.status,
        }
        kind = (b"x-amzn-errortype", b"ModelError")
        return Reply(orjson.dumps(document), _MODEL_ERROR, headers=(kind, *error_headers(error)))


async def _events(body: bytes | AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """A body as events; an error in the middle of it is the last one."""
    if isinstance(body, bytes):
        for start in range(0, len(body), _PART):
            yield _event("PayloadPart", body[start : start + _PART])
        return
    async with aclosing(body) as parts:
        try:
            async for part in parts:
                yield _event("PayloadPart", part)
        except RequestError as error:
            document = {"Message": printable(error.detail), "ErrorCode": "StreamBroken"}
            yield _event("ModelStreamError", orjson.dumps(document), is_error=True)


def _event(kind: str, payload: bytes, *, is_error: bool = False) -> bytes:
    headers = {
        ":message-type": "exception" if is_error else "event",
        ":exception-type" if is_error else ":event-type": kind,
        ":content-type": media.JSON if is_error else media.OCTETS,
    }
    return frame(headers, payload)


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One event-stream message: lengths, their checksum, headers, payload, checksum."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    sizes = struct.pack(">II", len(head) + len(payload) + 16, len(head))
    message = sizes + struct.pack(">I", zlib.crc32(sizes)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(f">B{len(name)}sBH", len(name), name, _STRING, len(value)) + value
