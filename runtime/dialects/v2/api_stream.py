"""ApiStream: a streaming answer of a service class, as tensors."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from ...data import media
from ...manifests.signature import Signature
from ...models.operation import Stream
from ..dialect_request import DialectRequest
from ..served import Served
from ..tensors.api_tensors import body_of
from ..tensors.output import from_output
from ..tensors.tensor import Tensor
from .generate import items_in

TEXT = "text_output"
_FREE = Signature()


async def ask(
    served: Served, request: DialectRequest, tensors: Sequence[Tensor]
) -> AsyncGenerator[list[Tensor], None]:
    """Yield the tensors of each item: a string is `text_output`, an object has a tensor per field.

    Raises:
        RequestError: as `Served.call`; also when the stream ends with an error.
    """
    body = body_of(served.route, tensors)
    answer = await served.call(request, body.body, body.content_type, media.EVENTS)
    assert isinstance(answer, Stream)
    async with aclosing(items_in(answer.parts)) as items:
        async for item in items:
            yield _tensors(item)


def _tensors(item: Any) -> list[Tensor]:
    if isinstance(item, str):
        return [Tensor(TEXT, "BYTES", (1,), [item.encode()])]
    return from_output(_FREE, [item])
