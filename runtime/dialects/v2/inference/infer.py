"""Infer: `POST /v2/models/{model}/infer`, from the body of a request to that of its answer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ....data.rows import table
from ....errors import UnknownModel
from ... import work
from ...bodies import pictures
from ...catalog import Catalog
from ...inquiry import Inquiry
from ...reply import Reply
from ...served import Served
from ...tensors.api_tensors import ask
from ...tensors.batch import to_batch
from ...tensors.output import from_output
from . import infer_request
from .batch_answer import BatchAnswer
from .infer_answer import InferAnswer, check_outputs
from .infer_request import InferRequest

_DIGITS = 10  # of a length that is worth a thought
_LARGE = 1 << 14  # bytes of JSON that is read in a turn of its own


class InferQuestion:
    """A Question whose tensors have become a batch.

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
        """The answer, given what the model says to exactly these rows."""
        served = self.served
        assert served.signature is not None
        tensors = from_output(served.signature, output)
        is_null = served.settings.nan == "null"
        return InferAnswer(self.model, served.version, tensors, is_null).reply(self.request)

    async def reply_offloaded(self, output: Any, deadline: float) -> Reply:
        """As `reply`, by another process where it is much JSON.

        Raises:
            RequestError: as `reply`; see `work.write`.
        """
        said = None
        if self.request.has_json and not self.request.has_places:
            given = {"model": self.model, "request": self.request.to_json()}
            said = await work.write(self.served, deadline, "v2", given, output)
        return self.reply(output) if said is None else said


class Infer:
    """A PredictionCodec, and the handler for requests that it leaves."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._turn = asyncio.Lock()

    def has_rows(self, parts: Mapping[str, str]) -> bool:
        """Whether the model of a path is there, and no author's class."""
        try:
            return self._found(parts).signature is not None
        except UnknownModel:
            return False

    def numbers_at(self, headers: Mapping[bytes, bytes]) -> int | None:
        """Behind the JSON, where the headers say how long it is."""
        said = headers.get(infer_request.HEADER_LENGTH, b"")
        return int(said) if said.isdigit() and len(said) < _DIGITS else None

    def ask(self, inquiry: Inquiry) -> InferQuestion | None:
        """What a request asks; None for much JSON, and for an author's class."""
        if _is_long(inquiry):
            return None
        served = self._found(inquiry.parts)
        if served.signature is None:
            return None
        served.check_room()
        request = infer_request.read(inquiry, served)
        served = self._method(inquiry, served, request)
        if served.signature is None or _may_be_pictures(served, request):
            return None
        return _question(inquiry, served, request)

    def replies(
        self, questions: Sequence[InferQuestion], output: Any, bounds: Sequence[int]
    ) -> Sequence[Reply]:
        """The answers to all of a batch, which asks one model by one name."""
        answer = _common(questions, output)
        parts = zip(questions, bounds, bounds[1:], strict=False)
        if answer is None:
            return [each.reply(table.slice(output, start, stop)) for each, start, stop in parts]
        return [answer.reply(each.request, start, stop) for each, start, stop in parts]

    async def answer(self, inquiry: Inquiry) -> Reply:
        """The handler."""
        served = self._found(inquiry.parts)
        served.check_room()
        question = await self._read_elsewhere(inquiry, served)
        if question is not None:
            return await self._told(inquiry, question)
        request = await self._read(inquiry, served)
        served = self._method(inquiry, served, request)
        if served.signature is None:
            tensors = await ask(served, inquiry, request.tensors)
            is_null = served.settings.nan == "null"
            said = InferAnswer(inquiry.parts["model"], served.version, tensors, is_null)
            return said.reply(request)
        return await self._told(inquiry, await self._asked(inquiry, served, request))

    async def _told(self, inquiry: Inquiry, question: InferQuestion) -> Reply:
        output = await question.served.answer(inquiry, question.batch)
        return await question.reply_offloaded(output, inquiry.deadline)

    async def _read_elsewhere(self, inquiry: Inquiry, served: Served) -> InferQuestion | None:
        """What much JSON asks of a model, where another process reads it."""
        length = _json_length(inquiry)
        if served.signature is None or length < work.LARGE_BODY:
            return None
        if served.regions is not None and infer_request.REGION in bytes(inquiry.body[:length]):
            return None  # which nobody else can look into
        if pictures.are_taken(served) and b'"BYTES"' in bytes(inquiry.body[:length]):
            return None  # which are decoded where forms are
        given = {"model": inquiry.parts["model"], "length": length}
        read = await work.read(served, inquiry.deadline, "v2", given, inquiry.body)
        if read is None:
            return None
        note, batch = read
        request = InferRequest.from_json(note)
        infer_request.heed(request.parameters, inquiry, served)
        served = self._method(inquiry, served, request)
        return InferQuestion(served, inquiry.parts["model"], request, batch)

    async def _asked(
        self, inquiry: Inquiry, served: Served, request: InferRequest
    ) -> InferQuestion:
        files = (
            pictures.files(request.tensors[0].data) if _may_be_pictures(served, request) else None
        )
        if files is not None:
            batch = await pictures.batch(served, inquiry, files)
            return _of_batch(served, inquiry.parts["model"], request, batch)
        if not _has_many_texts(inquiry):
            return _question(inquiry, served, request)
        async with self._turn:
            return await asyncio.to_thread(_question, inquiry, served, request)

    async def _read(self, inquiry: Inquiry, served: Served) -> InferRequest:
        if not _is_long(inquiry):
            return infer_request.read(inquiry, served)
        async with self._turn:
            if _has_many_texts(inquiry):
                return await asyncio.to_thread(infer_request.read, inquiry, served)
            await asyncio.sleep(0)  # whatever else is to be done comes between two of them
            return infer_request.read(inquiry, served)

    def _found(self, parts: Mapping[str, str]) -> Served:
        return self._catalog.find(parts["model"], parts.get("version"))

    def _method(self, inquiry: Inquiry, served: Served, request: InferRequest) -> Served:
        return _method(self._catalog, served, request, inquiry.parts.get("version"))


def _method(catalog: Catalog, served: Served, request: InferRequest, version: str | None) -> Served:
    """The method that the request names among its parameters, where it does."""
    method = request.parameters.get("method")
    if type(method) is not str:
        return served
    return catalog.find(served.alias, version, method=method)


def _is_long(inquiry: Inquiry) -> bool:
    """Whether it is read in a turn of its own, as it is JSON; or elsewhere, for its many texts."""
    if len(inquiry.body) < _LARGE:
        return False
    if infer_request.HEADER_LENGTH not in inquiry.headers:
        return True
    return _json_length(inquiry) >= work.LARGE_BODY or _has_many_texts(inquiry)


def _json_length(inquiry: Inquiry) -> int:
    """Bytes of JSON; 0 where the headers say nothing that makes sense."""
    said = inquiry.headers.get(infer_request.HEADER_LENGTH)
    if said is None:
        return len(inquiry.body)
    length = int(said) if said.isdigit() and len(said) < _DIGITS else 0
    return length if length <= len(inquiry.body) else 0


def _has_many_texts(inquiry: Inquiry) -> bool:
    """Whether there may be as many texts in it, each of four bytes and an object, as take long."""
    if len(inquiry.body) < _LARGE:
        return False
    # What is raw has no JSON in front; it may be a view, which is only searched byte by byte.
    return b'"BYTES"' in bytes(inquiry.body[: _json_length(inquiry)])


def _common(questions: Sequence[InferQuestion], output: Any) -> BatchAnswer | None:
    """What writes the answers to all of a batch out of one tensor, where that is all they are."""
    first = questions[0]
    signature, settings = first.served.signature, first.served.settings
    if signature is None or not isinstance(output, np.ndarray):
        return None
    (tensor,) = from_output(signature, output)
    is_null = settings.nan == "null"
    answer = BatchAnswer.of(first.model, first.served.version, tensor, nan_as_null=is_null)
    is_common = answer is not None and all(answer.takes(each.request) for each in questions)
    return answer if is_common else None


def _question(inquiry: Inquiry, served: Served, request: InferRequest) -> InferQuestion:
    return _of_request(served, inquiry.parts["model"], request)


def _of_request(served: Served, model: str, request: InferRequest) -> InferQuestion:
    signature = served.signature
    assert signature is not None
    is_null = served.settings.nan == "null"
    batch = to_batch(signature.inputs, request.tensors, nan_as_null=is_null, model=model)
    return _of_batch(served, model, request, batch)


def _of_batch(served: Served, model: str, request: InferRequest, batch: Any) -> InferQuestion:
    signature = served.signature
    assert signature is not None
    fields = signature.outputs.fields
    if request.outputs and fields:
        check_outputs(model, request.outputs, {field.name for field in fields})
    return InferQuestion(served, model, request, batch)


def _may_be_pictures(served: Served, request: InferRequest) -> bool:
    """Whether its one tensor has files in it, for a model of pixels."""
    is_of_files = len(request.tensors) == 1 and request.tensors[0].datatype == "BYTES"
    return is_of_files and pictures.are_taken(served)


def read_elsewhere(catalog: Catalog, given: work.Json, body: bytes) -> work.Reading:
    """Decode large JSON as `Infer` does: all of a request but its tensors, and the batch."""
    served = work.of(catalog, given)
    length = given["length"]
    request = infer_request.of_json(body[:length], served, memoryview(body)[length:])
    served = _method(catalog, served, request, served.version)
    question = _of_request(served, given["model"], request)
    assert served.signature is not None
    return work.Reading(request.to_json(), served.signature.inputs, question.batch)


def write_elsewhere(catalog: Catalog, given: work.Json, output: Any) -> Reply:
    """Encode a large answer as `InferQuestion` does."""
    request = InferRequest.from_json(given["request"])
    return InferQuestion(work.of(catalog, given), given["model"], request, []).reply(output)
