"""EncodedRows: the output of a batch as JSON, from which each answer takes its rows."""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any

import numpy as np
import orjson

from ....data.codecs import instances
from ....data.rows import column, table
from ....data.rows.fragments import Fragments
from ....data.rows.predictions import is_numeric
from ....errors import RequestError


class EncodedRows(ABC):
    """The encoded rows of a batch."""

    __slots__ = ()

    @abstractmethod
    def body(self, start: int, stop: int) -> bytes:
        """The answer's body with the rows `start:stop`."""

    def bodies(self, bounds: list[int]) -> list[bytes]:
        """The bodies of the answers with the rows `bounds[i]:bounds[i + 1]`."""
        return [self.body(start, stop) for start, stop in pairwise(bounds)]


class NumericRows(EncodedRows):
    """Rows of numbers, cut out of the JSON of the whole batch.

    The separator of two rows occurs nowhere else in the JSON of such an array.
    """

    __slots__ = ("_between", "_body", "_texts")

    def __init__(self, array: np.ndarray) -> None:
        depth = array.ndim - 1
        opened, closed = b"[" * depth, b"]" * depth
        text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
        self._between = closed + b"," + opened
        self._texts = text[1 + depth : len(text) - 1 - depth].split(self._between)
        self._body = b'{"predictions":[' + opened + b"%b" + closed + b"]}"

    def body(self, start: int, stop: int) -> bytes:
        """The answer's body with the rows `start:stop`."""
        if stop - start == 1:
            return self._body % self._texts[start]
        return self._body % self._between.join(self._texts[start:stop])

    def bodies(self, bounds: list[int]) -> list[bytes]:
        """The bodies of the answers with the rows `bounds[i]:bounds[i + 1]`."""
        texts, form = self._texts, self._body
        if len(bounds) == len(texts) + 1:  # one row each
            return [form % text for text in texts]
        return super().bodies(bounds)


class FragmentRows(EncodedRows):
    """Rows that are encoded already."""

    __slots__ = ("_fragments",)

    def __init__(self, fragments: Fragments) -> None:
        self._fragments = fragments

    def body(self, start: int, stop: int) -> bytes:
        """The answer's body with the rows `start:stop`."""
        return b'{"predictions":%b}' % self._fragments.cut(start, stop).whole()


class ListedRows(EncodedRows):
    """Rows of any JSON: strings, records, lists. Raises TypeError for values that are not JSON."""

    __slots__ = ("_texts",)

    def __init__(self, values: list[Any]) -> None:
        self._texts = list(map(instances.written, values))

    def body(self, start: int, stop: int) -> bytes:
        """The answer's body with the rows `start:stop`."""
        return b'{"predictions":[%b]}' % b",".join(self._texts[start:stop])


def encoded_rows(output: Any, *, nan_as_null: bool) -> EncodedRows | None:
    """The rows of a model's `output`; None if one of them cannot be encoded.

    Encoding each answer alone then shows which one.
    """
    if isinstance(output, np.ndarray) and is_numeric(output):
        is_fit = nan_as_null or output.dtype.kind != "f" or column.is_finite(output)
        return NumericRows(output) if output.size and is_fit else None
    if isinstance(output, Fragments):
        return None if output.flaws else FragmentRows(output)
    try:
        values = table.to_wire(output, nan_as_null=nan_as_null)
        return ListedRows(values) if type(values) is list else None
    except (RequestError, TypeError, ValueError):
        return None
