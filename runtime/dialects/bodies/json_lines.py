"""JSON lines: one row per line in, one prediction per line out.

Source: AWS, "Common Data Formats for Inference" (`application/jsonlines`); jsonlines.org.
"""

from typing import Any

from ...data import media
from ...data.codecs import instances
from ...data.payload import Codec
from ...data.rows import extent, table
from ...errors import BadPayload
from .. import work
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..served import Served
from . import pictures
from .bare import ask_rows

TYPE = "application/jsonlines"
_NAMES = frozenset({TYPE, "application/x-jsonlines", "application/jsonl", media.LINES})
_ENVELOPES = ("features", "data", "instances")
"""Keys whose value AWS' containers use as the row, if it is the only key of a line."""


def is_meant(content_type: str) -> bool:
    """Whether a body of this type is JSON lines."""
    return media.essence(content_type) in _NAMES


async def answer(served: Served, request: DialectRequest, accept: str) -> Reply:
    """Answer all lines of a body, as lines or as one JSON list.

    Raises:
        RequestError: as the native route does; NotSupported for an API that takes no rows.
    """
    if served.signature is None:
        rows = await work.here(request.body, _rows, served.codec, request.body)
        predictions = await ask_rows(served, request, rows)
        return await work.here(request.body, _as_lines, predictions, accept)
    body, is_foreign = request.body, pictures.may_be_in(served, request.body)
    read = await work.read(served, request.deadline, "lines", {}, body, is_foreign=is_foreign)
    batch = await work.here(body, _batch, served.codec, body) if read is None else read[1]
    output = await served.answer(request, batch)
    reply = await work.write(served, request.deadline, "lines", {"accept": accept}, output)
    return _encoded(served.codec, output, accept) if reply is None else reply


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Decode a large body as `answer` does."""
    codec = work.of(catalog, context).codec
    return work.Reading(None, codec.inputs, _batch(codec, body))


def write_elsewhere(catalog: Catalog, context: work.Json, output: Any) -> Reply:
    """Encode a large answer as `answer` does."""
    return _encoded(work.of(catalog, context).codec, output, context["accept"])


def _rows(codec: Codec, body: bytes) -> list[Any]:
    keys = frozenset(_ENVELOPES) - {field.name for field in codec.inputs.fields}
    return [_row(line, keys) for line in _lines(body, codec.max_rows)]


def _batch(codec: Codec, body: bytes) -> Any:
    return pictures.fitted(codec, _rows(codec, body))


def _encoded(codec: Codec, output: Any, accept: str) -> Reply:
    payload = codec.encode(output, accept)
    if payload.content_type != media.JSON:
        return Reply(payload.body, content_type=payload.content_type)
    return _as_lines(table.to_instances(output, nan_as_null=codec.nan_as_null), accept)


def _as_lines(predictions: list[Any], accept: str) -> Reply:
    if not media.ranked(accept, [TYPE]):
        return Reply(instances.written(predictions))
    lines = (instances.written(each) + b"\n" for each in predictions)
    return Reply(b"".join(lines), content_type=TYPE)


def _lines(body: bytes, most: int) -> list[bytes]:
    lines = extent.lines(body, most)
    if not lines:
        raise BadPayload("The body is empty; JSON lines were expected.")
    return lines


def _row(line: bytes, envelopes: frozenset[str]) -> Any:
    value = instances.parse(line)
    if type(value) is dict and len(value) == 1 and not envelopes.isdisjoint(value):
        return next(iter(value.values()))
    return value
