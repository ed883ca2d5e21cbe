"""Payload: decodes bodies to batches and encodes answers, by content type."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import InvalidInput, UnsupportedMediaType
from ..manifests.signature import Side
from . import formats, media, tabular, untyped_body
from .codecs import csv_rows, form_rows, instances, picture
from .codecs.csv_schema import is_of_cells
from .depth import check_depth
from .media import CSV, JSON, MULTIPART, NPY
from .rows import extent, free_values, number_rows, table

INFLATION = 8  # times `max_body` that a body may become
MAX_BYTES = 128 << 20

_WIDEST = {"f": 8}  # bytes of a number that Python has, too


@dataclass(frozen=True, slots=True)
class Payload:
    """A body and its content type."""

    body: bytes
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class Codec:
    """Decodes and encodes the bodies of one method.

    max_rows      rows that one request may carry
    nan_as_null   null stands for a missing value, both ways
    formats       names of those that are taken beside what needs no package; None: all installed
    max_bytes     what a body may become once it is inflated
    """

    inputs: Side
    max_rows: int = 4096
    nan_as_null: bool = False
    formats: frozenset[str] | None = None
    max_bytes: int = MAX_BYTES

    def decode(self, body: bytes, content_type: str) -> Any:
        """The batch in `body`.

        Raises:
            BadPayload, InvalidInput, PayloadTooLarge, UnsupportedMediaType: see `errors`.
        """
        kind = media.essence(content_type) or JSON
        if kind == MULTIPART:
            return form_rows.batch(self, body, content_type)
        if kind == JSON:
            numbers = number_rows.batch(self.inputs, body, self.max_rows)
            if numbers is not None:
                return numbers
            extent.check(self.inputs, self.max_rows, body)
            return self._collate(instances.loads(body))
        if kind == CSV and self.inputs.layout != "objects":
            header = media.parameter(content_type, "header")
            return self._collate(csv_rows.loads(body, self.inputs, header and header.lower()))
        if kind in untyped_body.KINDS:
            formats.check(kind, self.formats)
            return self.fitted(untyped_body.read(body, kind, self._body_limits))
        if kind in {media.PNG, media.JPEG} and (field := picture.field_of(self.inputs)):
            formats.check(kind, self.formats)
            return self.fitted(picture.loads(body, kind.partition("/")[2], field, self.max_bytes))
        known = ", ".join(f"`{each}`" for each in self.takes())
        raise UnsupportedMediaType(f"No decoder for `{kind[:64]}`; send one of {known}.")

    def fitted(self, rows: untyped_body.Rows) -> Any:
        """The batch of rows that came in any way.

        Raises:
            InvalidInput, PayloadTooLarge: see `errors`.
        """
        if isinstance(rows, dict):
            return self._side_by_side(rows)
        if isinstance(rows, np.ndarray):
            return self._accept(rows)
        is_free = self.inputs.layout == "objects"
        return self._collate(self._values(rows) if is_free else rows)

    def encode(self, output: Any, accept: str = "") -> Payload:
        """The body for a model's `output`: JSON, or what `accept` wants more and the output fits.

        Raises:
            PredictionFailed: for what has no JSON, such as NaN unless `nan_as_null`.
        """
        for kind in media.ranked(accept, answers(self.formats)) if accept else ():
            if kind == JSON:
                break
            body = tabular.write(output, kind, nan_as_null=self.nan_as_null)
            if body is not None:
                return Payload(body, kind)
        return Payload(instances.dumps(table.to_wire(output, nan_as_null=self.nan_as_null)))

    def check(self, accept: str) -> None:
        """Refuse a client that takes nothing of what could be answered, before a model runs for it.

        Raises:
            NotAcceptable: naming what there is.
        """
        media.check(accept, answers(self.formats))

    def takes(self) -> tuple[str, ...]:
        """The content types of bodies that are read."""
        return requests(self.inputs, self.formats)

    @property
    def _body_limits(self) -> untyped_body.BodyLimits:
        arrays = 2 * max(1, len(self.inputs.fields))  # each is a map with a list of its sizes
        lists = (self.max_rows + 1) * (extent.containers(self.inputs) + arrays) + 2
        return untyped_body.BodyLimits(self.max_rows, self.max_bytes, lists)

    def _collate(self, rows: list[Any]) -> Any:
        extent.check_rows(len(rows), self.max_rows)
        if self.inputs.layout == "objects":
            check_depth(rows)
        return table.gather(self.inputs, rows, nan_as_null=self.nan_as_null)

    def _side_by_side(self, columns: dict[str, np.ndarray]) -> Any:
        extent.check_rows(untyped_body.as_columns(columns), self.max_rows)
        names = {field.name for field in self.inputs.fields}
        if self.inputs.layout == "objects":
            return self._collate(self._values(columns))
        if self.inputs.layout == "array" or (len(columns) == 1 and not names & columns.keys()):
            return self.fitted(untyped_body.as_array(columns))
        return table.fit(self.inputs, columns, nan_as_null=self.nan_as_null)

    def _accept(self, array: np.ndarray) -> Any:
        if array.ndim == 0:
            raise InvalidInput("instances: expected an array of rows, got one value.")
        extent.check_rows(len(array), self.max_rows)
        if self.inputs.layout == "objects":
            return self._objects(array)
        return table.fit(self.inputs, array, nan_as_null=self.nan_as_null)

    def _objects(self, array: np.ndarray) -> list[Any]:
        """The rows as JSON would bring them."""
        if array.dtype.kind in "OM":
            return self._values(array.tolist() if array.dtype.kind == "O" else array)
        if array.dtype.kind not in "biufU" or array.dtype.itemsize > _WIDEST.get(
            array.dtype.kind, math.inf
        ):
            raise InvalidInput(f"instances: {array.dtype} has no JSON.")
        if array.dtype.kind == "f" and not self.nan_as_null and not np.isfinite(array).all():
            raise InvalidInput("instances: expected finite numbers.")
        rows: list[Any] = array.tolist()
        return rows

    def _values(self, rows: Any) -> list[Any]:
        if isinstance(rows, list):
            check_depth(rows)  # each level is a call
            free_values.check(rows)
        return untyped_body.as_values(rows, nan_as_null=self.nan_as_null)


@lru_cache(64)
def answers(wanted: frozenset[str] | None = None) -> tuple[str, ...]:
    """The content types that an answer of rows may have, as far as it fits them; JSON first."""
    known = (JSON, NPY, media.NPZ, CSV)
    return known + of_formats(formats.on(wanted), is_answer=True)


def requests(side: Side, wanted: frozenset[str] | None = None) -> tuple[str, ...]:
    """The content types of bodies that rows of `side` may come in."""
    return media_of(side, formats.on(wanted))


def media_of(side: Side, available: Collection[str]) -> tuple[str, ...]:
    """The content types of bodies that rows of `side` may come in, where these formats are."""
    known = (JSON, NPY, media.NPZ, *((CSV,) if is_of_cells(side) else ()), MULTIPART)
    pictures = picture.field_of(side) is not None
    return known + of_formats({name for name in available if name != "image" or pictures})


def of_formats(available: Collection[str], *, is_answer: bool = False) -> tuple[str, ...]:
    """The content types of some formats."""
    return tuple(
        kind
        for each in formats.FORMATS
        if each.name in available
        for kind in (each.answers if is_answer else each.media)
    )
