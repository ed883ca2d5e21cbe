"""Dispatcher: receives calls: each is parsed, counted, answered and logged."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

import grpc
from google.protobuf.message import DecodeError

from ..dialects.dialect_request import DialectRequest
from ..errors import (
    ClientGone,
    DeadlineExceeded,
    PayloadTooLarge,
    PredictionFailed,
    RequestError,
)
from ..http.request import timing
from ..http.request.exchange import named
from ..http.request.queue_headers import QueueHeaders
from ..http.shared_state import SharedState
from ..telemetry.trace_context import current
from ..telemetry.traced import Tracing
from .answer_gate import AnswerGate
from .call import GrpcCall, address
from .messages.parsing import Parse, parsed
from .messages.pool import pool
from .refusal import Metadata, Refusal
from .routes import route_name

log = logging.getLogger(__name__)

WINDOW = 64  # messages of one stream that are answered at once

Answer = Callable[[Any, DialectRequest], Awaitable[Any]]
"""Answers a parsed message, with another or its bytes; None if the call has ended."""

Say = Callable[[Any], Awaitable[None]]
"""Sends a message ahead of the last one."""

StreamAnswer = Callable[[Any, DialectRequest, Say], Awaitable[Any]]


Reader = Callable[[Parse], Parse]
"""Makes of what parses a message what reads it in another way."""

Write = Callable[[bytes], Awaitable[None]]


class Log(Protocol):
    """The log of calls."""

    def write_all(self, exchanges: Any, ended: float) -> None:
        """Note calls that have ended just now, on the monotonic clock."""


class Dispatcher:
    """What all services share: parsing, counting, answering and logging calls.

    probes  paths of calls that machines make every few seconds: the log has them only if they fail
    """

    def __init__(
        self,
        shared: SharedState,
        access: Log,
        tracing: Tracing | None,
        probes: frozenset[str],
    ) -> None:
        self.shared = self._shared = shared
        self._access = access
        self._tracing = tracing
        self._probes = probes
        self._queue_headers = QueueHeaders(shared.settings.queue)
        self.answered = 0  # calls, ever
        self.gate = AnswerGate()

    @property
    def is_plain(self) -> bool:
        """Whether no call needs more than its message, unless its metadata say so."""
        settings = self._shared.settings
        is_ranked = settings.queue.priorities or settings.queue.fairness != "off"
        return self._tracing is None and settings.timing != "always" and not is_ranked

    def ended(self, calls: Sequence[Any], path: str, status: int) -> None:
        """Calls of one path that have ended just now are counted, and written down."""
        now = time.monotonic()
        self.answered += len(calls)
        seconds = [now - each.began for each in calls]
        self._shared.metrics.ended_together(route_name(path), status, seconds)
        self._access.write_all(calls, now)

    # --- one message, one answer ---

    def unary(
        self, path: str, answer: Answer, reader: Reader = lambda parse: parse
    ) -> grpc.RpcMethodHandler:
        """The handler of a call with one message each way; `reader` may read it in another way."""
        request, route = reader(_parser(path)), route_name(path)

        async def handle(data: bytes, context: Any) -> bytes:
            call = self._call(path, route, context)
            try:
                reply = await self._answered(call, data, request, answer)
            except RequestError as error:
                await self.gate.wait()
                await self._abort(context, call, error)
            context.set_trailing_metadata(self._metadata(call))
            if self.gate.is_closed:
                await self.gate.wait()
            return reply

        return grpc.unary_unary_rpc_method_handler(handle)

    def service(
        self, path: str, answers: Mapping[str, Answer], reader: Reader = lambda parse: parse
    ) -> dict[str, grpc.RpcMethodHandler]:
        """As `unary`, for the calls of the service at `path`, by their names."""
        return {
            f"{path}/{name}": self.unary(f"{path}/{name}", answer, reader)
            for name, answer in answers.items()
        }

    async def _abort(self, context: Any, call: GrpcCall, error: RequestError) -> NoReturn:
        refusal = Refusal.of(error)
        metadata = (*refusal.metadata, *self._metadata(call))
        await context.abort(refusal.code, refusal.detail, metadata)
        raise error  # which `abort` does by itself

    async def _answered(self, call: GrpcCall, data: bytes, parse: Parse, answer: Answer) -> bytes:
        """Answer one message, with metrics and access log.

        Raises:
            RequestError: for every error that the client may see.
        """
        self._shared.metrics.began()
        try:
            if self._tracing is None or call.path in self._probes:
                return await self._within_budget(call, data, parse, answer)
            with self._tracing.around(call) as ending:
                try:
                    return await self._within_budget(call, data, parse, answer)
                finally:
                    ending.route, ending.queued = call.route, call.queued
        finally:
            self._end(call)

    async def _within_budget(
        self, call: GrpcCall, data: bytes, parse: Parse, answer: Answer
    ) -> bytes:
        call.received = size = len(data)
        claimed = 0
        try:
            self._shared.budget.take(size)
            claimed = size
            reply: bytes = await self._tried(call, data, parse, answer)
        except RequestError as error:
            call.status = error.status
            raise
        except asyncio.CancelledError:
            is_late = call.remaining is not None and call.seconds >= call.remaining
            call.status = DeadlineExceeded.status if is_late else ClientGone.status
            raise
        except Exception as error:
            call.status = PredictionFailed.status
            log.exception("%s failed.", call.path, extra=named(call))
            raise PredictionFailed from error
        finally:
            self._shared.budget.give(claimed)
        call.status = 200
        call.sent += len(reply)
        return reply

    async def _tried(self, call: GrpcCall, data: bytes, parse: Parse, answer: Answer) -> bytes:
        if len(data) > self._shared.settings.max_body:  # grpc holds to it as well, but for streams
            raise PayloadTooLarge(
                f"The message is larger than {self._shared.settings.max_body} bytes."
            )
        message = parsed(parse, data)
        dialect_request = call.dialect_request(self._shared, self._queue_headers, data)
        if call.trace is not None:
            current.set(call.trace)
        try:
            response = await answer(message, dialect_request)
        finally:
            call.learn(dialect_request)
        if isinstance(response, bytes):
            return response
        return b"" if response is None else bytes(response.SerializeToString())

    # --- streams ---

    def streamed(
        self,
        path: str,
        answer: StreamAnswer,
        failed: Callable[[Any, Refusal], Any] | None,
        reader: Reader = lambda parse: parse,
    ) -> grpc.RpcMethodHandler:
        """The handler of a stream whose messages are answered in order, several at a time.

        Interim messages are sent at once; `reader` as in `unary`.

        `failed` makes the message that tells of an error, given the request where it was readable:
        one bad message does not end a stream. Without it, an error does.
        """
        request, route = reader(_parser(path)), route_name(path)

        async def one(call: GrpcCall, data: bytes, write: Write) -> bytes:
            async def say(message: Any) -> None:
                part = message.SerializeToString()
                call.sent += len(part)
                await write(part)

            async def last(message: Any, dialect_request: DialectRequest) -> Any:
                return await answer(message, dialect_request, say)

            try:
                return await self._answered(call, data, request, last)
            except RequestError as error:
                if failed is None:
                    raise
                return bytes(failed(_lenient(request, data), Refusal.of(error)).SerializeToString())

        async def handle(messages: AsyncIterator[bytes], context: Any) -> None:
            first = self._call(path, route, context)
            turn = asyncio.Lock()  # the messages of all calls, one after the other

            async def write(data: bytes) -> None:
                async with turn:
                    await context.write(data)

            try:
                await _in_order(messages, lambda data: one(first.next(), data, write), write)
            except RequestError as error:
                await self._abort(context, first, error)
            context.set_trailing_metadata(self._metadata(first))

        return grpc.stream_stream_rpc_method_handler(handle)

    # --- what both need ---

    def _call(self, path: str, route: str, context: Any) -> GrpcCall:
        call = GrpcCall(path, route, context)
        if self._queue_headers.is_by_address:
            call.address = address(context.peer())
        return call

    def _metadata(self, call: GrpcCall) -> Metadata:
        """The id of the call, and the timing for a client that asks for it."""
        named_by: Metadata = (("x-request-id", call.id.decode()),)
        if not timing.is_wanted(self._shared.settings, call.headers):
            return named_by
        lines = timing.lines(call.queued, call.began, call.began + call.seconds)
        return (*named_by, *((name.decode(), value.decode()) for name, value in lines))

    def _end(self, call: GrpcCall) -> None:
        seconds = call.seconds
        self.answered += 1
        self._shared.metrics.ended(call.route, call.status or 500, seconds)
        if call.path not in self._probes or call.status != 200:  # noqa: PLR2004
            self._access.write_all((call,), call.began + seconds)


async def _in_order(
    messages: AsyncIterator[bytes], answer: Callable[[bytes], Awaitable[bytes]], write: Write
) -> None:
    """Answer messages, up to WINDOW at once, and write the answers in the messages' order."""
    begun: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue()
    room = asyncio.Semaphore(WINDOW)
    tasks: set[asyncio.Task[bytes]] = set()

    async def read() -> None:
        try:
            async for data in messages:
                await room.acquire()
                task = asyncio.ensure_future(answer(data))
                tasks.add(task)
                begun.put_nowait(task)
        finally:
            begun.put_nowait(None)

    reader = asyncio.create_task(read())
    try:
        while (task := await begun.get()) is not None:
            if reply := await task:
                await write(reply)
            tasks.discard(task)
            room.release()
        await reader
    finally:
        for each in (reader, *tasks):
            each.cancel()
        await asyncio.gather(reader, *tasks, return_exceptions=True)


def _parser(path: str) -> Parse:
    messages = pool()
    parse: Parse = messages[messages.methods[path].request].FromString
    return parse


def _lenient(parse: Parse, data: bytes) -> Any:
    """The message in `data`, or None."""
    try:
        return parse(data)
    except DecodeError:
        return None
