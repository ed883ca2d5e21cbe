"""InferStream: tensors whose answer is a stream of events.

Clients of MLServer send the tensors of `infer` to `generate` and `generate_stream`, too, and read
answers of `infer`. Source: MLServer, "Streaming" in its user guide.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from ...data import media
from ...data.codecs import instances
from ...errors import BadPayload, RequestError
from ...printable import printable
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..tensors import tensor
from ..tensors.tensor import Tensor
from . import api_stream
from .generate import Generate, event
from .inference import infer_request
from .inference.infer import Infer
from .inference.infer_answer import InferAnswer
from .inference.infer_request import InferRequest

_INPUTS = b'"inputs"'


class InferStream:
    """Answers tensors with events: one of a model, one for each item of an API that streams."""

    def __init__(self, catalog: Catalog, infer: Infer, generate: Generate) -> None:
        self._catalog = catalog
        self._infer = infer
        self._generate = generate

    async def generate(self, request: DialectRequest) -> Reply:
        """Text for text, or tensors for tensors."""
        if _has_tensors(request.body):
            return await self._infer.answer(request)
        return await self._generate.whole(request)

    async def generate_stream(self, request: DialectRequest) -> Reply:
        """Events of text for text, or of tensors for tensors."""
        if _has_tensors(request.body):
            return await self.answer(request)
        return await self._generate.streamed(request)

    async def answer(self, request: DialectRequest) -> Reply:
        """Events of tensors.

        Raises:
            RequestError: whatever fails before the first event.
        """
        served = self._catalog.find(request.parts["model"], request.parts.get("version"))
        if not served.route.streaming:
            reply = await self._infer.answer(request)
            assert isinstance(reply.body, bytes)
            return Reply(event(reply.body), 200, media.EVENTS)
        decoded = infer_request.read(request, served)
        as_text = replace(decoded, outputs=(), is_binary=False)  # events are text
        parts = api_stream.ask(served, request, decoded.tensors)
        first = await anext(parts, None)
        is_null = served.settings.nan == "null"
        head = InferAnswer(request.parts["model"], served.version, (), is_null)
        return Reply(_events(head, as_text, first, parts), 200, media.EVENTS)


async def _events(
    head: InferAnswer,
    request: InferRequest,
    first: list[Tensor] | None,
    parts: AsyncGenerator[list[Tensor], None],
) -> AsyncGenerator[bytes, None]:
    """Each item as an answer; an error becomes the last event."""
    async with aclosing(parts):
        try:
            if first is not None:
                yield _answer_event(head, request, first)
            async for part in parts:
                yield _answer_event(head, request, part)
        except RequestError as error:
            yield event(instances.written({"error": printable(error.detail)}))


def _answer_event(head: InferAnswer, request: InferRequest, tensors: list[Tensor]) -> bytes:
    body = replace(head, tensors=tensors).reply(request).body
    assert isinstance(body, bytes)
    return event(body)


def _has_tensors(body: bytes) -> bool:
    """Whether a body has tensors under `inputs`, where a parameter of that name would have none."""
    if _INPUTS not in bytes(body):
        return False
    try:
        return tensor.are_in(instances.parse(body))
    except BadPayload:
        return False
