"""Libsvm: rows as a label and the features that each has, by their positions from 0.

Source: AWS, "XGBoost algorithm", input and output interface: at inference, the label may be left
out. A feature that a row does not have is missing, where the model may be asked so, and else 0.
"""

import asyncio
import math

import numpy as np

from ...data import media
from ...errors import BadPayload, InvalidInput, PayloadTooLarge
from ...manifests.signature import Side
from ..inquiry import Inquiry
from ..reply import Reply
from ..served import Served
from .bare import codec_of

_TYPES = frozenset({"text/libsvm", "text/x-libsvm"})
_LARGE = 1 << 16  # bytes; such a body is read in a thread
_MATRIX = 2
_MOST = 1 << 22  # values that a body may stand for, however few it has in it


def is_meant(content_type: str) -> bool:
    """Whether a body of this type is of this format."""
    return media.essence(content_type) in _TYPES


async def answer(served: Served, inquiry: Inquiry, accept: str) -> Reply:
    """The answers to all rows of a body.

    Raises:
        RequestError: as the native route does; InvalidInput for a model that takes no features.
    """
    codec, body = codec_of(served), inquiry.body
    if len(body) < _LARGE:
        array = read(codec.inputs, codec.max_rows, body)
    else:
        array = await asyncio.to_thread(read, codec.inputs, codec.max_rows, body)
    payload = codec.encode(await served.answer(inquiry, codec.fitted(array)), accept)
    return Reply(payload.body, content_type=payload.content_type)


def read(side: Side, most: int, body: bytes) -> np.ndarray:
    """The rows of a body, at most so many, of float64.

    Raises:
        InvalidInput, BadPayload, PayloadTooLarge: when they are not what the model takes.
    """
    lines = [line for line in body.split(b"\n", most + 1) if line.strip()]
    if len(lines) > most:
        raise PayloadTooLarge(f"The body has more than {most} lines, which this server takes.")
    width = _width(side)
    if len(lines) * width > max(_MOST, len(body)):
        raise PayloadTooLarge(
            f"{len(lines)} rows of {width} features are more than one such body may stand for."
        )
    absent = math.nan if all(field.is_nullable for field in side.fields) else 0.0
    array = np.full((len(lines), width), absent)
    for number, line in enumerate(lines):
        for position, value in _features(line, number):
            if position >= width:
                raise InvalidInput(
                    f"line {number + 1}: the model has {width} features, from 0; got {position}."
                )
            array[number, position] = value
    return array


def _width(side: Side) -> int:
    """How many features a row has."""
    if side.layout == "columns":
        return len(side.fields)
    shape = side.fields[0].shape if side.layout == "array" else ()
    if len(shape) != _MATRIX or shape[1] is None:
        raise InvalidInput("The model takes no rows of features; send JSON.")
    return shape[1]


def _features(line: bytes, number: int) -> list[tuple[int, float]]:
    """Positions and values of one line, which may begin with a label."""
    words = line.partition(b"#")[0].split()
    if words and b":" not in words[0]:
        del words[0]
    try:
        return [_feature(word) for word in words]
    except ValueError:
        raise BadPayload(f"line {number + 1}: expected `position:value` from position 0.") from None


def _feature(word: bytes) -> tuple[int, float]:
    position, _, value = word.partition(b":")
    if not position.isdigit() or len(position) > 9:  # noqa: PLR2004  digits
        raise ValueError(position)
    return int(position), float(value)
