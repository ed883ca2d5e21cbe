"""Pictures: PNG and JPEG files inside JSON, in base64, for a model that takes their pixels.

Clients of TensorFlow Serving write `{"b64": "..."}`, those of KServe's TorchServe
`{"data": "..."}`, those of a handler of TorchServe the text alone. What is such a file is told by
how it begins.
"""

import base64
import binascii
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from ...data import media
from ...data.codecs import picture
from ...errors import InvalidInput
from ..dialect_request import DialectRequest
from ..served import Served

_KINDS = {b"\x89PNG\r\n\x1a\n": media.PNG, b"\xff\xd8\xff": media.JPEG}
_TEXTS = ("iVBORw0KGgo", "/9j/")  # how they begin in base64
_MARKS = (b'"iVBORw0KGgo', b'"/9j/', rb'"\/9j\/')
_WRAPS = 3  # objects and lists around a file: `[{"image": {"b64": ...}}]`
_PART = b'--%b\r\ncontent-disposition: form-data; name="rows"\r\ncontent-type: %b\r\n\r\n%b\r\n'


def kind_of(body: bytes) -> str:
    """The content type of a picture, or ""."""
    return next((kind for magic, kind in _KINDS.items() if body.startswith(magic)), "")


def are_taken(served: Served) -> bool:
    """Whether a model takes the pixels of pictures."""
    return served.signature is not None and picture.field_of(served.signature.inputs) is not None


def may_be_in(served: Served, body: bytes) -> bool:
    """Whether the rows of a JSON body may be pictures, for a model that takes some."""
    return are_taken(served) and any(mark in body for mark in _MARKS)


def files(rows: Iterable[Any]) -> list[bytes] | None:
    """The files that rows of JSON, or the values of a tensor, are; None where one is none.

    Raises:
        InvalidInput: for one that begins so, but is not base64.
    """
    found = []
    for index, row in enumerate(rows):
        file = _file(row, index)
        if file is None:
            return None
        found.append(file)
    return found or None


async def batch(served: Served, request: DialectRequest, given: Sequence[bytes]) -> Any:
    """The pixels of files as a batch; they are decoded in the same process as forms.

    Raises:
        RequestError: as for a form with these files.
    """
    boundary = secrets.token_hex(16).encode()
    parts = [_PART % (boundary, kind_of(file).encode() or b"image/png", file) for file in given]
    body = b"".join(parts) + b"--%b--\r\n" % boundary
    content_type = f"{media.MULTIPART}; boundary={boundary.decode()}"
    return await served.decode(body, content_type, request.deadline)


def _file(value: Any, index: int) -> bytes | None:
    for _ in range(_WRAPS):
        if type(value) is dict and len(value) == 1:
            value = next(iter(value.values()))
        elif type(value) is list and len(value) == 1:
            value = value[0]
    if type(value) is bytes:
        if kind_of(value):
            return value
        value = value.decode("latin-1")
    if type(value) is not str or not value.startswith(_TEXTS):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise InvalidInput(f"instances[{index}]: expected a picture in base64.") from None
