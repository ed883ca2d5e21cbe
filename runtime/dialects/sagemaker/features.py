"""Features: rows of numbers from dense or sparse bodies."""

import math
from collections.abc import Callable

import numpy as np

from ...data.payload import Codec
from ...data.rows import extent
from ...errors import InvalidInput, PayloadTooLarge
from ...manifests.signature import Side
from .. import work
from ..bodies.bare import answer_batch
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..served import Served

_MATRIX = 2
_MOST = 1 << 22  # values that a body may expand to

Read = Callable[[Codec, bytes], np.ndarray]
"""The rows of a body, of float64, as far as they go; raises RequestError."""


async def answer(served: Served, request: DialectRequest, accept: str, read: Read) -> Reply:
    """Answer all rows of a body.

    Raises:
        RequestError: as the native route does; InvalidInput for a model that takes no features.
    """
    codec, body = served.codec, request.body
    array = await work.here(body, read, codec, body)
    return await answer_batch(served, request, codec.fitted(array), "enveloped", accept)


def blank(codec: Codec, rows: int, size: int, absent: float) -> np.ndarray:
    """Rows filled with the value of absent features, for a body of `size` bytes.

    Raises:
        InvalidInput, PayloadTooLarge: for a model that takes no features, or not as many.
    """
    wanted = width(codec.inputs)
    extent.check_rows(rows, codec.max_rows)
    if rows * wanted > max(_MOST, size):
        raise PayloadTooLarge(f"{rows} rows of {wanted} features are too many for such a body.")
    return np.full((rows, wanted), absent)


def absent(side: Side) -> float:
    """The value of a feature that a row does not have: missing if the model allows it, else 0."""
    return math.nan if all(field.is_nullable for field in side.fields) else 0.0


def width(side: Side) -> int:
    """The number of features of a row.

    Raises:
        InvalidInput: when the model does not take rows of numbers.
    """
    if side.layout == "columns":
        return len(side.fields)
    shape = side.fields[0].shape if side.layout == "array" else ()
    if len(shape) != _MATRIX or shape[1] is None:
        raise InvalidInput("The model takes no rows of features; send JSON.")
    return shape[1]
