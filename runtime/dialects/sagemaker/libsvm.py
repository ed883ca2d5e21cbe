"""Libsvm: rows as a label and index:value pairs, counted from 0.

Source: AWS, "XGBoost algorithm", input and output interface: at inference, the label may be left
out. A feature that a row does not have is missing, where the model may be asked so, and else 0.
"""

import numpy as np

from ...data import media
from ...data.payload import Codec
from ...data.rows import extent
from ...errors import BadPayload, InvalidInput
from . import features

_TYPES = frozenset({"text/libsvm", "text/x-libsvm"})


def is_meant(content_type: str) -> bool:
    """Whether a body of this type is of this format."""
    return media.essence(content_type) in _TYPES


def read(codec: Codec, body: bytes) -> np.ndarray:
    """Parse the rows of a body; returns float64.

    Raises:
        InvalidInput, BadPayload, PayloadTooLarge: when the model cannot take them.
    """
    lines = extent.lines(body, codec.max_rows)
    array = features.blank(codec, len(lines), len(body), features.absent(codec.inputs))
    width = array.shape[1]
    for number, line in enumerate(lines):
        for position, value in _features(line, number):
            if position >= width:
                raise InvalidInput(
                    f"line {number + 1}: the model has {width} features, from 0; got {position}."
                )
            array[number, position] = value
    return array


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
    if not position.isdigit() or len(position) > 9 or b"_" in value:  # noqa: PLR2004  digits
        raise ValueError(word)  # `float` takes 1_0 for 10
    return int(position), float(value)
