"""Infer: decodes `POST /v2/models/{model}/infer` and encodes its answer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ....data.rows import bulk, table
from ....errors import UnknownModel
from ... import work
from ...bodies import pictures
from ...catalog import Catalog
from ...dialect_request import DialectRequest
from ...reply import Reply
from ...served import Served
from ...tensors import method_outputs
from ...tensors.api_tensors import ask
from ...tensors.batch import to_batch
from ...tensors.output import from_output
from . import infer_request
from .batch_answer import BatchAnswer
from .infer_answer import InferAnswer, check_outputs
from .infer_request import InferRequest

_DIGITS = 10  # a length with more digits is invalid
_LARGE = 1 << 14  # bytes of JSON from which decoding gets a turn of the event loop of its own


class DecodedInfer:
    """A DecodedRequest whose tensors have become a batch.

    model   as the client calls it
    """

    __slots__ = ("batch", "model", "request", "rows", "served")

    def __init__(self, served: Served, model: str, request: InferRequest, batch: Any) -> None:
        self.served = served
        self.model = model
        self.request = request
        self.batch = batch
        self.rows = table.rows(batch)

    def reply(self, output: Any) -> Reply:
        """Encode the output of the model for exactly these rows."""
        served = self.served
        assert served.signature is not None
        tensors = from_output(served.signature, output)
        is_null = served.settings.nan == "null"
        return InferAnswer(self.model, served.version, tensors, is_null).reply(self.request)

    async def reply_offloaded(self, output: Any, deadline: float) -> Reply:
        """As `reply`; what is large is encoded by another process, unless it is only copied.

        Raises:
            RequestError: as `reply`; see `work.write`.
        """
        reply = None
        is_copied = not self.request.has_json and bulk.is_of_numbers(output)
        if not is_copied and not self.request.has_places:
            context = {"model": self.model, "request": self.request.to_json()}
            reply = await work.write(self.served, deadline, "v2", context, output)
        return self.reply(output) if reply is None else reply


class Infer:
    """A PredictionCodec, and the handler of the requests that it does not decode."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._turn = asyncio.Lock()

    def has_rows(self, parts: Mapping[str, str]) -> bool:
        """Whether the path names a model that takes rows, and not a service class."""
        try:
            return self._found(parts).signature is not None
        except UnknownModel:
            return False

    def numbers_at(self, headers: Mapping[bytes, bytes]) -> int | None:
        """The offset after the JSON, whose length is in the headers; None for JSON alone."""
        length = headers.get(infer_request.HEADER_LENGTH, b"")
        return int(length) if length.isdigit() and len(length) < _DIGITS else None

    def decode(self, dialect_request: DialectRequest) -> DecodedInfer | None:
        """Decode a request; None for large JSON, and for a service class."""
        if _is_long(dialect_request):
            return None
        served = self._found(dialect_request.parts)
        if served.signature is None:
            return None
        served.check_room()
        request = infer_request.read(dialect_request, served)
        served = self._method(dialect_request, served, request)
        if served.signature is None or pictures.are_tensors(served, request.tensors):
            return None
        if method_outputs.are_named(served, _names(request)):
            return None
        return _decode(dialect_request, served, request)

    def encode(
        self, requests: Sequence[DecodedInfer], output: Any, bounds: Sequence[int]
    ) -> Sequence[Reply]:
        """The answers of a batch, all for one model under one name."""
        answer = _common(requests, output)
        parts = zip(requests, bounds, bounds[1:], strict=False)
        if answer is None:
            return [each.reply(table.slice(output, start, stop)) for each, start, stop in parts]
        return [answer.reply(each.request, start, stop) for each, start, stop in parts]

    async def answer(self, dialect_request: DialectRequest) -> Reply:
        """Answer a request that `decode` has left: large JSON, or a service class."""
        served = self._found(dialect_request.parts)
        served.check_room()
        decoded = await self._read_elsewhere(dialect_request, served)
        if decoded is not None:
            return await self._answered(dialect_request, decoded)
        request = await self._read(dialect_request, served)
        served = self._method(dialect_request, served, request)
        if served.signature is None:
            tensors = await ask(served, dialect_request, request.tensors)
            is_null = served.settings.nan == "null"
            answer = InferAnswer(dialect_request.parts["model"], served.version, tensors, is_null)
            return await work.here(dialect_request.body, answer.reply, request)
        return await self._answered(
            dialect_request, await self._decoded(dialect_request, served, request)
        )

    async def _answered(self, dialect_request: DialectRequest, decoded: DecodedInfer) -> Reply:
        served = decoded.served
        if method_outputs.are_named(served, _names(decoded.request)):
            return await self._of_methods(dialect_request, decoded)
        output = await served.answer(dialect_request, decoded.batch)
        return await decoded.reply_offloaded(output, dialect_request.deadline)

    async def _of_methods(self, dialect_request: DialectRequest, decoded: DecodedInfer) -> Reply:
        """The answers of the methods that the requested outputs are called after."""
        served, request = decoded.served, decoded.request
        version = dialect_request.parts.get("version")
        tensors = await method_outputs.ask(
            self._catalog, served, dialect_request, decoded.batch, _names(request), version
        )
        is_null = served.settings.nan == "null"
        return InferAnswer(decoded.model, served.version, tensors, is_null).reply(request)

    async def _read_elsewhere(
        self, dialect_request: DialectRequest, served: Served
    ) -> DecodedInfer | None:
        """Have another process decode large JSON, or pictures; None if neither is there to read."""
        body, length = dialect_request.body, _json_length(dialect_request)
        is_foreign = pictures.are_taken(served) and b'"BYTES"' in bytes(body[:length])
        if served.signature is None or not (is_foreign or length >= work.LARGE_BODY):
            return None
        if served.regions is not None and infer_request.REGION in bytes(body[:length]):
            return None  # only this process has the region
        context = {"model": dialect_request.parts["model"], "length": length}
        deadline = dialect_request.deadline
        read = await work.read(served, deadline, "v2", context, body, is_foreign=is_foreign)
        if read is None:
            return None
        note, batch = read
        request = InferRequest.from_json(note)
        infer_request.heed(request.parameters, dialect_request, served)
        served = self._method(dialect_request, served, request)
        return DecodedInfer(served, dialect_request.parts["model"], request, batch)

    async def _decoded(
        self, dialect_request: DialectRequest, served: Served, request: InferRequest
    ) -> DecodedInfer:
        if pictures.are_tensors(served, request.tensors):
            files, deadline = request.tensors[0].data, dialect_request.deadline
            batch = await pictures.read(served, deadline, files)
            if batch is not None:
                return _of_batch(served, dialect_request.parts["model"], request, batch)
        if not _has_many_texts(dialect_request):
            return _decode(dialect_request, served, request)
        async with self._turn:
            return await asyncio.to_thread(_decode, dialect_request, served, request)

    async def _read(self, dialect_request: DialectRequest, served: Served) -> InferRequest:
        if not _is_long(dialect_request):
            return infer_request.read(dialect_request, served)
        async with self._turn:
            if _has_many_texts(dialect_request) or _json_length(dialect_request) >= work.LARGE_BODY:
                return await asyncio.to_thread(infer_request.read, dialect_request, served)
            await asyncio.sleep(0)  # other requests are served between two large ones
            return infer_request.read(dialect_request, served)

    def _found(self, parts: Mapping[str, str]) -> Served:
        return self._catalog.find(parts["model"], parts.get("version"))

    def _method(
        self, dialect_request: DialectRequest, served: Served, request: InferRequest
    ) -> Served:
        return _method(self._catalog, served, request, dialect_request.parts.get("version"))


def _method(catalog: Catalog, served: Served, request: InferRequest, version: str | None) -> Served:
    """The method that the request names in its parameters, else the default one."""
    method = request.parameters.get("method")
    if type(method) is not str:
        return served
    return catalog.find(served.alias, version, method=method)


def _is_long(dialect_request: DialectRequest) -> bool:
    """Whether decoding takes long: it gets a turn of the event loop, a thread or a process."""
    if len(dialect_request.body) < _LARGE:
        return False
    if infer_request.HEADER_LENGTH not in dialect_request.headers:
        return True
    return _json_length(dialect_request) >= work.LARGE_BODY or _has_many_texts(dialect_request)


def _json_length(dialect_request: DialectRequest) -> int:
    """The length of the JSON in bytes; 0 if the header with it is invalid."""
    header = dialect_request.headers.get(infer_request.HEADER_LENGTH)
    if header is None:
        return len(dialect_request.body)
    length = int(header) if header.isdigit() and len(header) < _DIGITS else 0
    return length if length <= len(dialect_request.body) else 0


def _has_many_texts(dialect_request: DialectRequest) -> bool:
    """Whether it may have so many strings that decoding them takes long."""
    if len(dialect_request.body) < _LARGE:
        return False
    # `bytes`, because the body may be a memoryview, which cannot be searched.
    return b'"BYTES"' in bytes(dialect_request.body[: _json_length(dialect_request)])


def _common(requests: Sequence[DecodedInfer], output: Any) -> BatchAnswer | None:
    """The encoder of all answers of a batch, if each is rows of one tensor; else None."""
    first = requests[0]
    signature, settings = first.served.signature, first.served.settings
    if signature is None or not isinstance(output, np.ndarray):
        return None
    (tensor,) = from_output(signature, output)
    is_null = settings.nan == "null"
    answer = BatchAnswer.of(first.model, first.served.version, tensor, nan_as_null=is_null)
    is_common = answer is not None and all(answer.takes(each.request) for each in requests)
    return answer if is_common else None


def _decode(dialect_request: DialectRequest, served: Served, request: InferRequest) -> DecodedInfer:
    return _of_request(served, dialect_request.parts["model"], request)


def _of_request(served: Served, model: str, request: InferRequest) -> DecodedInfer:
    signature = served.signature
    assert signature is not None
    is_null, batch = served.settings.nan == "null", None
    if pictures.are_tensors(served, request.tensors):
        batch = pictures.batch(served.codec, request.tensors[0].data)
    if batch is None:
        batch = to_batch(signature.inputs, request.tensors, nan_as_null=is_null, model=model)
    return _of_batch(served, model, request, batch)


def _of_batch(served: Served, model: str, request: InferRequest, batch: Any) -> DecodedInfer:
    signature = served.signature
    assert signature is not None
    fields = signature.outputs.fields
    if request.outputs and fields and not method_outputs.are_named(served, _names(request)):
        check_outputs(model, request.outputs, {field.name for field in fields})
    return DecodedInfer(served, model, request, batch)


def _names(request: InferRequest) -> list[str]:
    """What the requested outputs are called."""
    return [each.name for each in request.outputs]


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Decode large JSON in another process: the request without its tensors, and the batch."""
    served = work.of(catalog, context)
    length = context["length"]
    request = infer_request.of_json(body[:length], served, memoryview(body)[length:])
    served = _method(catalog, served, request, served.version)
    decoded = _of_request(served, context["model"], request)
    assert served.signature is not None
    return work.Reading(request.to_json(), served.signature.inputs, decoded.batch)


def write_elsewhere(catalog: Catalog, context: work.Json, output: Any) -> Reply:
    """Encode a large answer in another process."""
    request = InferRequest.from_json(context["request"])
    return DecodedInfer(work.of(catalog, context), context["model"], request, []).reply(output)
