"""Payload: bytes to batches and answers to bytes, by content type. No requests, no responses."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidInput, PayloadTooLarge, UnsupportedMediaType
from ..signature import Side
from . import csv_rows, extent, instances, npy, table
from .predictions import as_array

JSON = "application/json"
NPY = "application/x-npy"
CSV = "text/csv"
ACCEPTED = (JSON, NPY, CSV)

_WIDEST = {"f": 8}  # bytes of a number that Python has, too
_NPY_NAMES = frozenset({NPY, "application/npy", "application/vnd.numpy.npy"})


@dataclass(frozen=True, slots=True)
class Payload:
    """A body and what it is."""

    body: bytes
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class Codec:
    """Reads and writes the bodies of one method.

    max_rows      rows that one request may carry
    nan_as_null   null stands for a missing value, both ways
    """

    inputs: Side
    max_rows: int = 4096
    nan_as_null: bool = False

    def decode(self, body: bytes, content_type: str) -> Any:
        """The batch in `body`.

        Raises:
            BadPayload, InvalidInput, PayloadTooLarge, UnsupportedMediaType: see `errors`.
        """
        kind, _, parameters = content_type.partition(";")
        kind = kind.strip().lower()
        if _is_json(kind):
            extent.check(self.inputs, self.max_rows, body)
            return self._collate(instances.loads(body))
        if kind in _NPY_NAMES:
            return self._accept(npy.loads(body))
        if kind == CSV and self.inputs.layout != "objects":
            return self._collate(csv_rows.loads(body, self.inputs, _header(parameters)))
        known = ", ".join(f"`{each}`" for each in ACCEPTED)
        raise UnsupportedMediaType(f"No decoder for `{kind[:64]}`; send one of {known}.")

    def encode(self, output: Any, accept: str = "") -> Payload:
        """The body for a model's `output`: JSON, or npy where `accept` asks for it and it fits.

        Raises:
            PredictionFailed: for what has no JSON, such as NaN unless `nan_as_null`.
        """
        if accept and prefers_npy(accept):
            plain = as_array(output)
            if isinstance(plain, np.ndarray) and not plain.dtype.hasobject:
                return Payload(npy.dumps(plain), NPY)
        return Payload(instances.dumps(table.to_wire(output, nan_as_null=self.nan_as_null)))

    def _collate(self, rows: list[Any]) -> Any:
        self._check_rows(len(rows))
        if self.inputs.layout == "objects":
            instances.check_depth(rows)
        return table.gather(self.inputs, rows, nan_as_null=self.nan_as_null)

    def _accept(self, array: np.ndarray) -> Any:
        if array.ndim == 0:
            raise InvalidInput("instances: expected an array of rows, got one value.")
        self._check_rows(len(array))
        if self.inputs.layout == "objects":
            return self._objects(array)
        return table.fit(self.inputs, array, nan_as_null=self.nan_as_null)

    def _objects(self, array: np.ndarray) -> list[Any]:
        """The rows as JSON would bring them."""
        if array.dtype.kind not in "biufU" or array.dtype.itemsize > _WIDEST.get(
            array.dtype.kind, math.inf
        ):
            raise InvalidInput(f"instances: {array.dtype} has no JSON.")
        if array.dtype.kind == "f" and not self.nan_as_null and not np.isfinite(array).all():
            raise InvalidInput("instances: expected finite numbers.")
        rows: list[Any] = array.tolist()
        return rows

    def _check_rows(self, rows: int) -> None:
        if rows > self.max_rows:
            raise PayloadTooLarge(
                f"The request has {rows} rows; this server takes up to {self.max_rows} at once."
            )


def is_json(content_type: str) -> bool:
    """Whether a body of this type is read as JSON: nothing said is JSON, too."""
    return _is_json(content_type.partition(";")[0].strip().lower())


def is_npy(content_type: str) -> bool:
    """Whether a body of this type is read as npy."""
    return content_type.partition(";")[0].strip().lower() in _NPY_NAMES


def _is_json(kind: str) -> bool:
    return kind in {"", JSON} or kind.endswith("+json")


def _header(parameters: str) -> str | None:
    """The `header` parameter of text/csv (RFC 4180), where it is given."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "header":
            return value.strip().strip('"').lower()
    return None


def prefers_npy(accept: str) -> bool:
    """Whether npy is named in `accept`, and no later than JSON.

    Weights are not read: whoever wants npy names it first.
    """
    for each in accept.lower().split(","):
        kind = each.partition(";")[0].strip()
        if kind in _NPY_NAMES:
            return True
        if kind == JSON:
            return False
    return False
