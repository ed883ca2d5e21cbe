"""NumberList: the `data` of a tensor, cut out of the JSON as text.

What is left of the JSON is small, whatever the tensor's size, and is read as ever; the numbers are
read once their datatype is known, without an object for each.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....data.codecs import instances
from ....data.rows import number_rows
from ....errors import RequestError

_KEY = b'"data"'
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*(?=\[)")
_LEAST = 256  # bytes; smaller bodies are parsed as usual
_MOST = 64  # tensors with numbers of their own


class NumberList:
    """The text of a flat list."""

    __slots__ = ("_text",)

    def __init__(self, text: bytes) -> None:
        self._text = text

    def array(self, dtype: np.dtype[Any]) -> np.ndarray:
        """Parse the numbers.

        Raises:
            NotNumbers: when the text is not a list of numbers that fit.
        """
        numbers = number_rows.parsed(self._text, number_rows.format_of(dtype))
        array = None if numbers is None else number_rows.fitted(numbers, dtype)
        if array is None or not array.size:
            raise NotNumbers
        return array


class NotNumbers(Exception):
    """The text is not a list of numbers; the usual parser reports what is wrong."""


def parse(text: bytes) -> Any:
    """The JSON value in `text`, in which the `data` of inputs may be `NumberList`s.

    Raises:
        RequestError: as `instances.parse`.
    """
    rest, lists = _cut(text)
    if not lists:
        return instances.parse(text)
    try:
        document = instances.parse(rest)
    except RequestError:  # which has another position in the text
        return instances.parse(text)
    return document if _placed(document, lists) else instances.parse(text)


def _placed(document: Any, lists: Sequence[NumberList]) -> bool:
    """Put the lists back into the document; returns whether all belong to inputs."""
    inputs = document.get("inputs") if type(document) is dict else None
    placed = 0
    for each in inputs if type(inputs) is list else ():
        if type(each) is dict and type(each.get("data")) is int:
            each["data"] = lists[each["data"]]
            placed += 1
    return placed == len(lists)


def _cut(text: bytes) -> tuple[bytes, list[NumberList]]:
    """Replace each `"data": [...]` by its index in the returned lists.

    Returns the text unchanged, without lists, if that could change the meaning.
    """
    if len(text) < _LEAST or not number_rows.is_there():
        return text, []
    parts: list[bytes] = []
    lists: list[NumberList] = []
    end = 0
    while (key := text.find(_KEY, end)) >= 0:
        colon = _COLON.match(text, key + len(_KEY))
        if colon is None or len(lists) == _MOST:
            return text, []
        start, before = colon.end(), end
        end = text.find(b"]", start) + 1
        numbers = text[start:end]
        frame = numbers.translate(None, number_rows.OF_NUMBERS)
        if frame != b"[%b]" % (b"," * (len(frame) - 2)):
            return text, []
        parts += (text[before:start], b"%d" % len(lists))
        lists.append(NumberList(numbers))
    rest = b"".join([*parts, text[end:]])
    # An escape might spell the key, or hide a quote; a key without a list would be taken for one.
    is_certain = b"\\" not in rest and rest.count(_KEY) == len(lists)
    return (rest, lists) if is_certain else (text, [])
