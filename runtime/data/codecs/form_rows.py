"""Form rows: converts the parts of a multipart body to rows.

One file is the body itself. Several pictures are a row each. Several files of arrays are the
inputs that they are named after. The fields of a form are one row of values.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ...errors import InvalidInput, UnsupportedMediaType
from ...manifests.signature import Side
from .. import media
from . import csv_rows, multipart
from .multipart import Part

_PICTURES = frozenset({media.PNG, media.JPEG})
_SHOWN = 64  # characters of a name that an error repeats


class FormReader(Protocol):
    """Reads bodies of one kind, and fits rows to a signature: a Codec."""

    @property
    def inputs(self) -> Side:
        """What the rows are fitted to."""

    def decode(self, body: bytes, content_type: str) -> Any:
        """The batch in a body."""

    def fitted(self, rows: Any) -> Any:
        """The batch of rows."""


def batch(reader: FormReader, body: bytes, content_type: str) -> Any:
    """The batch in a multipart body.

    Raises:
        BadPayload, InvalidInput, PayloadTooLarge, UnsupportedMediaType: see `errors`.
    """
    parts = multipart.loads(body, content_type)
    kinds = {media.essence(part.content_type) for part in parts}
    if media.MULTIPART in kinds:
        raise UnsupportedMediaType("Parts of a multipart body are not multipart themselves.")
    if not any(part.is_file for part in parts):
        return reader.fitted(_values(parts, reader.inputs))
    if len(parts) == 1:
        return reader.decode(parts[0].body, parts[0].content_type)
    if kinds <= _PICTURES:
        return pictures(reader, [(part.body, part.content_type) for part in parts])
    return reader.fitted(arrays(parts))


def _values(parts: list[Part], side: Side) -> list[Any]:
    """The one row that the fields of a form are."""
    texts = {part.name: part.text() for part in parts}
    if len(texts) < len(parts):
        raise InvalidInput("A field of the form appears more than once.")
    if side.layout == "objects":
        return [texts]
    return csv_rows.of_lines([list(texts), list(texts.values())], side, "present")


def pictures(reader: FormReader, files: Sequence[tuple[bytes, str]]) -> Any:
    """The batch of pictures, a row each; `files` are their bytes and content types.

    Raises:
        BadPayload, InvalidInput, PayloadTooLarge, UnsupportedMediaType: see `errors`.
    """
    rows = [reader.decode(*file) for file in files]
    if len(rows) == 1:
        return rows[0]
    arrays = [next(iter(row.values())) if isinstance(row, dict) else row for row in rows]
    if len({array.shape for array in arrays}) > 1:
        raise InvalidInput("instances: the pictures differ in their size.")
    return reader.fitted(np.concatenate(arrays))


def arrays(parts: list[Part]) -> dict[str, np.ndarray]:
    """Files of arrays by the names of their parts.

    Raises:
        BadPayload, InvalidInput, UnsupportedMediaType: see `errors`.
    """
    from . import npy

    found: dict[str, np.ndarray] = {}
    for part in parts:
        name = part.name[:_SHOWN]
        if media.essence(part.content_type) != media.NPY:
            raise UnsupportedMediaType(f"The part `{name}` is not npy, as one of several must be.")
        if part.name in found:
            raise InvalidInput(f"The part `{name}` appears more than once.")
        found[part.name] = npy.loads(part.body)
    return found
