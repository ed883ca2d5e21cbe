"""EncodedRows: a batch's output as JSON, cut into its rows without being parsed."""

from typing import Any, Self

import numpy as np
import orjson

from ..data.predictions import is_numeric


class EncodedRows:
    """The rows of a numeric array, each as the bytes that it has in a body.

    One call of the encoder for all of them: what lies between two rows of an array of numbers
    lies nowhere else in its JSON.
    """

    __slots__ = ("_between", "_body", "_texts")

    def __init__(self, array: np.ndarray) -> None:
        depth = array.ndim - 1
        opened, closed = b"[" * depth, b"]" * depth
        text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
        self._between = closed + b"," + opened
        self._texts = text[1 + depth : len(text) - 1 - depth].split(self._between)
        self._body = b'{"predictions":[' + opened + b"%b" + closed + b"]}"

    @classmethod
    def of(cls, output: Any, *, nan_as_null: bool) -> Self | None:
        """The rows of `output`; None where they are not plain numbers."""
        if not isinstance(output, np.ndarray) or not output.size or not is_numeric(output):
            return None
        if output.dtype.kind == "f" and not nan_as_null and not np.isfinite(output).all():
            return None
        return cls(output)

    def body(self, start: int, stop: int) -> bytes:
        """The answer's body with the rows `start:stop`."""
        if stop - start == 1:
            return self._body % self._texts[start]
        return self._body % self._between.join(self._texts[start:stop])
