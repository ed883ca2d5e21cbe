"""ServiceOperation: an API of a service class as an Operation, from bytes to bytes."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..batching.batcher import Batcher
from ..data import formats, media
from ..data.payload import INFLATION, Payload, answers
from ..data.rows import table
from ..errors import (
    STATUSES,
    DeadlineExceeded,
    InvalidInput,
    Overloaded,
    PredictionFailed,
    RequestError,
)
from ..manifests.settings import ServeSettings
from ..manifests.signature import OBJECTS
from ..models.operation import Call, Stream
from . import body_threads
from .contract.answer import AnswerWriter, has_images, is_much
from .contract.body_reader import BodyReader
from .contract.method import Contract
from .contract.stream import StreamWriter
from .headers import Headers, as_text
from .service_call import AsyncCall, ThreadCall, blamed

if TYPE_CHECKING:
    from starlette.exceptions import HTTPException

log = logging.getLogger(__name__)

Parts = AsyncGenerator[bytes, None]

_LARGE = 1 << 16  # bytes of a body that is read in a thread
_FREE = frozenset({"object", "json"})  # kinds of results that may turn out to be anything


class _ApiOperation:
    """Decoding, counting and error handling that all APIs share."""

    def __init__(
        self, contract: Contract, settings: ServeSettings, *, rows: bool, is_async: bool = False
    ) -> None:
        most = settings.max_body * INFLATION
        self._bodies = BodyReader(contract, settings.max_rows, settings.wanted_formats, most)
        self._answers = AnswerWriter(
            rows=rows, nan_as_null=settings.nan == "null", formats=settings.wanted_formats
        )
        self._media = _media(contract, settings)
        self._most = settings.queue.max_rows
        self._running = 0
        # What an async method answers may be changed on the loop, while a thread writes it.
        self._is_async = is_async

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return not self._running

    async def _read(self, call: Call) -> dict[str, Any]:
        """Decode the arguments in a body.

        Raises:
            RequestError: for an invalid body, or an answer format that does not exist.
        """
        media.check(call.accept, self._media)
        # What reads the body and writes the answer may have to be imported.
        wanted = media.ranked(call.accept, media.ANSWERS)[:1] if call.accept else []
        await formats.prepare([media.essence(call.content_type), *wanted])
        if self._bodies.is_slow or len(call.body) >= _LARGE:
            return await self._read_aside(call)
        return self._bodies.read(call.body, call.content_type)

    async def _read_aside(self, call: Call) -> dict[str, Any]:
        """Read a body in a thread: the requests of other clients do not wait for it."""
        if self._running >= self._most:
            raise Overloaded("Too many requests are being answered.", retry_after=1)
        self._running += 1
        try:
            return await body_threads.read(self._bodies, call)
        finally:
            self._running -= 1

    async def _write(self, result: Any, accept: str, deadline: float) -> Payload:
        """The body of an answer; with images in it, or with much, written in a thread.

        Raises:
            PredictionFailed: if it has no JSON form; DeadlineExceeded where it takes too long.
        """
        work = partial(self._answers.write, result, accept)
        if not (has_images(result) or (not self._is_async and is_much(result))):
            return work()
        self._running += 1
        try:
            return await body_threads.write(work, deadline)
        finally:
            self._running -= 1


class MethodOperation(_ApiOperation):
    """An API whose method is called once per request."""

    def __init__(
        self, contract: Contract, method: AsyncCall | ThreadCall, settings: ServeSettings
    ) -> None:
        is_async = isinstance(method, AsyncCall)
        super().__init__(contract, settings, rows=False, is_async=is_async)
        self._contract = contract
        self._method = method

    async def __call__(self, call: Call) -> Payload | Stream:
        """Answer `call`."""
        arguments = await self._read(call)
        call.rows = self._bodies.rows(arguments)
        if not call.rows:
            raise InvalidInput("instances: expected at least one row, got none.")
        if self._contract.headers is not None:
            arguments[self._contract.headers] = Headers(as_text(call.headers or {}))
        if self._running >= self._most:
            raise Overloaded("Too many requests are being answered.", retry_after=1)
        if self._contract.streaming:
            return await self._stream(arguments, call)
        self._running += 1
        try:
            work = self._method(arguments, call.deadline)
            result = await self._timely(work, call.deadline, arguments)
        finally:
            self._running -= 1
        return await self._written(result, call)

    async def _written(self, result: Any, call: Call) -> Payload:
        try:
            return await self._write(result, call.accept, call.deadline)
        except PredictionFailed as error:
            log.error("`%s` failed: %s", self._contract.name, error.detail)  # noqa: TRY400  that is all
            raise

    async def _stream(self, arguments: dict[str, Any], call: Call) -> Stream:
        """Starts with the first item, so that an error before it is answered with its status."""
        kind = self._contract.result.spec.kind
        writer = StreamWriter(kind, call.accept, self._answers)
        items = self._method.stream(arguments)
        seconds = call.deadline - time.monotonic()
        parts = self._parts(items, writer, seconds)
        try:
            first = await self._timely(anext(items), call.deadline, arguments)
            begun = [await _part(writer, first, call.deadline)]
        except StopAsyncIteration:
            begun = []
        except BaseException:
            await items.aclose()
            raise
        return Stream(_after(begun, parts), writer.content_type)

    async def _parts(
        self, items: AsyncGenerator[Any, None], writer: StreamWriter, seconds: float
    ) -> Parts:
        self._running += 1
        try:
            while True:
                deadline = time.monotonic() + seconds  # of each item
                item = await self._timely(anext(items), deadline, {})
                yield await _part(writer, item, deadline)
        except StopAsyncIteration:
            return
        except RequestError as error:
            if not writer.is_framed:
                raise
            yield writer.error(error.detail)
        finally:
            self._running -= 1
            await items.aclose()

    async def _timely(self, work: Any, deadline: float, arguments: dict[str, Any]) -> Any:
        try:
            async with asyncio.timeout(deadline - time.monotonic()) as timeout:
                return await work
        except (RequestError, StopAsyncIteration):
            raise
        except TimeoutError as error:
            if timeout.expired():
                raise DeadlineExceeded("The deadline passed before the answer came.") from None
            raise self._failed(error, arguments) from error
        except Exception as error:
            raise self._failed(error, arguments) from error

    def _failed(self, error: Exception, arguments: dict[str, Any]) -> RequestError:
        from starlette.exceptions import HTTPException  # which a front has no need of to begin

        if isinstance(error, HTTPException) and error.status_code in STATUSES:
            return _of_http_exception(error)
        blame = blamed(error, self._bodies.places(arguments))
        if blame is not None:
            return blame
        log.error("`%s` failed.", self._contract.name, exc_info=error)
        return PredictionFailed()


def _of_http_exception(error: "HTTPException") -> RequestError:
    """What a client is told of `error`: its status, sentence and headers."""
    refused = RequestError(str(error.detail))
    refused.status = error.status_code
    refused.headers = {str(name).lower(): value for name, value in (error.headers or {}).items()}
    wait = str(refused.headers.get("retry-after", ""))
    if wait.isdecimal():
        refused.retry_after = int(wait)
    return refused


async def _part(writer: StreamWriter, item: Any, deadline: float) -> bytes:
    if not has_images(item):
        return writer.part(item)
    return await body_threads.write(partial(writer.part, item), deadline)


async def _after(begun: list[bytes], parts: Parts) -> Parts:
    try:
        for part in begun:
            yield part
        if begun:
            async for part in parts:
                yield part
    finally:
        await parts.aclose()


def _media(contract: Contract, settings: ServeSettings) -> tuple[str, ...]:
    """What an answer may be; () where the annotation leaves that to the method."""
    output = contract.output
    if output["kind"] in _FREE:
        return ()
    kinds = tuple(output["media"])
    if media.NPZ in kinds:
        kinds += answers(settings.wanted_formats)
    return (*kinds, media.JPEG) if media.PNG in kinds else kinds


class BatchOperation(_ApiOperation):
    """An API whose method is called once for the rows of many requests."""

    def __init__(self, contract: Contract, batcher: Batcher, settings: ServeSettings) -> None:
        super().__init__(contract, settings, rows=True)
        self._name = contract.parameters[0].name
        self._batcher = batcher

    async def __call__(self, call: Call) -> Payload:
        """Answer `call`."""
        batch = (await self._read(call))[self._name]
        call.rows = rows = table.rows(batch)
        if not rows:
            raise InvalidInput("instances: expected at least one row, got none.")
        key = None if isinstance(batch, list) else table.key(OBJECTS, batch)
        request = call.queue(batch, rows)
        self._batcher.enqueue(request, key)
        self._running += 1
        try:
            output = await request.answer()
        finally:
            self._running -= 1
        return await self._write(output, call.accept, call.deadline)
