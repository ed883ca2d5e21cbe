"""Pictures: PNG and JPEG files inside JSON, in base64, for a model that takes their pixels.

Clients of TensorFlow Serving write `{"b64": "..."}`, those of KServe's TorchServe
`{"data": "..."}`, those of a handler of TorchServe the text alone. A file is recognized by its
first bytes. A C library decodes it, and a damaged file may crash that library: a body that may have
such files in it is read in another process.
"""

import asyncio
import base64
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from ...data import media
from ...data.codecs import form_rows, picture
from ...data.payload import Codec
from ...data.rows import extent
from ...errors import InvalidInput
from .. import work
from ..catalog import Catalog
from ..served import Served

_KINDS = {b"\x89PNG\r\n\x1a\n": media.PNG, b"\xff\xd8\xff": media.JPEG}
_TEXTS = ("iVBORw0KGgo", "/9j/")  # how they begin in base64
_BEGINNINGS = (*_KINDS, *(text.encode() for text in _TEXTS))
_MARKS = (b'"iVBORw0KGgo', b'"/9j/', rb'"\/9j\/')
_WRAPS = 3  # objects and lists around a file: `[{"image": {"b64": ...}}]`


def kind_of(body: bytes) -> str:
    """The content type of a picture, or ""."""
    return next((kind for magic, kind in _KINDS.items() if body.startswith(magic)), "")


def are_taken(served: Served) -> bool:
    """Whether a model takes the pixels of pictures."""
    return served.signature is not None and picture.field_of(served.signature.inputs) is not None


def may_be_in(served: Served, body: bytes) -> bool:
    """Whether the rows of a JSON body may be pictures, for a model that takes some."""
    return are_taken(served) and any(mark in body for mark in _MARKS)


def are_tensors(served: Served, tensors: Sequence[Any]) -> bool:
    """Whether the only one of some tensors may be files, for a model that takes their pixels."""
    return len(tensors) == 1 and tensors[0].datatype == "BYTES" and are_taken(served)


def fitted(codec: Codec, rows: list[Any]) -> Any:
    """The batch of rows of JSON, be they pictures or not.

    Raises:
        RequestError: as `batch` and `Codec.fitted`.
    """
    pixels = batch(codec, rows)
    return codec.fitted(rows) if pixels is None else pixels


def batch(codec: Codec, rows: Iterable[Any]) -> Any:
    """The pixels of rows of JSON, or of the values of a tensor; None where one is no picture.

    Raises:
        InvalidInput: for one that begins so, but is not base64.
        RequestError: as for a form with these files.
    """
    contents = None if picture.field_of(codec.inputs) is None else _contents(rows)
    if contents is None:
        return None
    extent.check_rows(len(contents), codec.max_rows)
    files = [_file(index, content) for index, content in enumerate(contents)]
    return form_rows.pictures(codec, [(file, kind_of(file) or media.PNG) for file in files])


async def read(served: Served, deadline: float, rows: Iterable[Any]) -> Any:
    """As `batch`, in another process, for rows that did not come in a body of JSON.

    `deadline` is on the monotonic clock.

    Raises:
        RequestError: as `batch`; see `work.read`.
    """
    contents = _contents(rows) if are_taken(served) else None
    if contents is None:
        return None
    files = [
        each if isinstance(each, bytes) else each.encode("utf-8", "replace") for each in contents
    ]
    context, body = {"sizes": list(map(len, files))}, b"".join(files)
    found = await work.read(served, deadline, "pictures", context, body, is_foreign=True)
    return await asyncio.to_thread(batch, served.codec, contents) if found is None else found[1]


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Decode the files in `body`, which stand there one after the other."""
    codec = work.of(catalog, context).codec
    bounds = pairwise(accumulate(context["sizes"], initial=0))
    files = [body[start:stop] for start, stop in bounds]
    return work.Reading(None, codec.inputs, batch(codec, files))


def _contents(rows: Iterable[Any]) -> list[bytes | str] | None:
    """The files that rows are, some of them in base64; None where one is none."""
    found = []
    for row in rows:
        content = _content(row)
        if content is None:
            return None
        found.append(content)
    return found or None


def _content(value: Any) -> bytes | str | None:
    for _ in range(_WRAPS):
        if type(value) is dict and len(value) == 1:
            value = next(iter(value.values()))
        elif type(value) is list and len(value) == 1:
            value = value[0]
    if type(value) is bytes:
        return value if value.startswith(_BEGINNINGS) else None
    return value if type(value) is str and value.startswith(_TEXTS) else None


def _file(index: int, content: bytes | str) -> bytes:
    if isinstance(content, bytes) and kind_of(content):
        return content
    try:
        return base64.b64decode(content, validate=True)
    except ValueError:
        raise InvalidInput(f"instances[{index}]: expected a picture in base64.") from None
