"""Message: rows with their names and meta data, in the representation in which they came.

An answer has the representation of its request: a tensor for a tensor, lists for lists, text for
text.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, Self

import numpy as np

from ...data.codecs import instances
from ...data.depth import check_depth
from ...data.payload import Codec
from ...data.rows import extent, free_values, table
from ...data.rows.stacking import stacked
from ...errors import BadPayload, InvalidInput
from ...manifests.signature import OBJECTS, Side
from ..bodies import pictures
from ..bodies.bare import Bare, Form, of_bytes

Kind = Literal["ndarray", "tensor", "strData", "binData", "jsonData"]

_SINGLES: tuple[Kind, ...] = ("strData", "binData", "jsonData")
_MATRIX = 2


@dataclass(slots=True)
class Message:
    """The content of a request.

    content   lists, `{"shape", "values"}` (a list or an array), text, bytes (or base64 text) or any
              JSON, as `kind` says
    names     of the columns, where they are given
    form      in which rows stand in `jsonData`; known as soon as they were read
    """

    kind: Kind
    content: Any
    names: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    form: Form = "listed"

    @classmethod
    def of(cls, value: Any) -> Self:
        """Read a request.

        Raises:
            InvalidInput: when it has none of the representations, or more than one.
        """
        if type(value) is not dict:
            raise InvalidInput("The body is not an object with `data`, `jsonData` or the like.")
        meta = value.get("meta")
        meta = {} if meta is None else meta
        if type(meta) is not dict:
            raise InvalidInput("meta: expected an object.")
        check_depth(meta, "meta")
        free_values.check_one(meta, "meta")
        present = [name for name in ("data", *_SINGLES) if name in value]
        if len(present) != 1:
            raise InvalidInput("Expected one of `data`, `strData`, `binData` and `jsonData`.")
        if present[0] == "data":
            return cls._of_data(value["data"], meta)
        kind = next(kind for kind in _SINGLES if kind in value)
        return cls(kind, value[kind], (), meta)

    @classmethod
    def _of_data(cls, data: Any, meta: Mapping[str, Any]) -> Self:
        if type(data) is not dict:
            raise InvalidInput("data: expected an object.")
        names = data.get("names")
        names = [] if names is None else names
        if type(names) is not list or not all(type(name) is str for name in names):
            raise InvalidInput("data.names: expected a list of names.")
        if ("ndarray" in data) == ("tensor" in data):
            raise InvalidInput("data: expected either `ndarray` or `tensor`.")
        kind: Kind = "ndarray" if "ndarray" in data else "tensor"
        return cls(kind, data[kind], tuple(names), meta)

    def to_json(self) -> dict[str, Any]:
        """All but the content, for another process."""
        document = {"kind": self.kind, "names": self.names, "meta": self.meta}
        return document | {"form": self.form}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(
            document["kind"], None, tuple(document["names"]), document["meta"], document["form"]
        )

    def batch(self, codec: Codec) -> Any:
        """The rows as a model takes them.

        Raises:
            InvalidInput, BadPayload, PayloadTooLarge: when they are none, or too many.
        """
        side = codec.inputs
        if self.kind == "tensor":
            return codec.fitted(self._in_order(side, _tensor(self.content)))
        if self.kind == "binData":
            values = self.values()
            pixels = pictures.batch(codec, values)
            return of_bytes(side, values) if pixels is None else pixels
        return pictures.fitted(codec, self.rows(side))

    def values(self) -> list[Any]:
        """What its rows are, the bytes of `binData` among them; none for a tensor of numbers.

        Raises:
            InvalidInput, BadPayload: when it has no rows.
        """
        if self.kind == "binData":
            return [_bytes(self.content)]
        return [] if self.kind == "tensor" else self.rows(OBJECTS)

    def body(self) -> bytes:
        """The bytes of `binData`, or those of the text of `strData`.

        Raises:
            InvalidInput, BadPayload: when it has neither.
        """
        if self.kind == "binData":
            return _bytes(self.content)
        text: str = self.rows(OBJECTS)[0]
        return text.encode("utf-8", "surrogatepass")

    def rows(self, side: Side) -> list[Any]:
        """The rows as JSON has them, one a row of the model's.

        Raises:
            InvalidInput: when they are none.
        """
        if self.kind == "tensor":
            listed: list[Any] = _tensor(self.content).tolist()
            return listed
        if self.kind == "strData":
            if type(self.content) is not str:
                raise InvalidInput("strData: expected a string.")
            is_bytes = side.layout == "array" and side.fields[0].dtype == "bytes"
            return [self.body() if is_bytes else self.content]
        if self.kind == "jsonData":
            bare = Bare.of(side, self.content)
            self.form = bare.form
            return bare.rows
        if type(self.content) is not list:
            raise InvalidInput("data.ndarray: expected a list of rows.")
        if not self._is_named(side):
            return self.content
        return [self._named(index, row) for index, row in enumerate(self.content)]

    def _named(self, index: int, row: Any) -> Any:
        if type(row) is not list or len(row) != len(self.names):
            raise InvalidInput(
                f"data.ndarray[{index}]: expected {len(self.names)} values, as many as names."
            )
        return dict(zip(self.names, row, strict=True))

    def _in_order(self, side: Side, array: np.ndarray) -> Any:
        """The columns of a tensor in the order of the model's, where they are named so."""
        if not self._is_named(side) or array.ndim != _MATRIX:
            return array
        if array.shape[1] != len(self.names):
            raise InvalidInput("data.names: expected as many as the tensor has columns.")
        return {name: array[:, index] for index, name in enumerate(self.names)}

    def _is_named(self, side: Side) -> bool:
        """Whether its names are those of the model's fields; else their order counts."""
        fields = {each.name for each in side.fields}
        return len(fields) > 1 and fields == set(self.names)


def _tensor(tensor: Any) -> np.ndarray:
    shape, values = (
        (tensor.get("shape"), tensor.get("values")) if type(tensor) is dict else (None, None)
    )
    if type(shape) is not list or not all(type(size) is int and size >= 0 for size in shape):
        raise InvalidInput("data.tensor.shape: expected a list of sizes.")
    if not isinstance(values, np.ndarray) and (
        type(values) is not list or not all(type(value) in {int, float} for value in values)
    ):
        raise InvalidInput("data.tensor.values: expected a flat list of numbers.")
    if not shape or prod(shape) != len(values) or extent.is_hollow(shape):
        raise InvalidInput(f"data.tensor: {len(values)} values are not of the shape {shape[:8]}.")
    try:
        return np.asarray(values, np.float64).reshape(shape)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("data.tensor: expected numbers.") from error


def _bytes(text: Any) -> bytes:
    if type(text) is bytes:
        return text
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as error:
        raise BadPayload("binData: expected base64.") from error


def parts(
    request: Message, names: Sequence[str], output: Any, *, nan_as_null: bool = False
) -> dict[str, Any]:
    """The answer's `data`, `strData`, `binData` or `jsonData`; `names` of the model's outputs.

    Raises:
        PredictionFailed: for what has no JSON.
    """
    if request.kind == "jsonData":
        return {"jsonData": _json(request.form, table.to_wire(output, nan_as_null=nan_as_null))}
    plain = table.to_instances(output, nan_as_null=nan_as_null)
    if request.kind in {"strData", "binData"} and len(plain) == 1:
        single = _single(plain[0])
        if single is not None:
            return single
    rows, found = _listed(plain, names)
    array = _numbers(rows)
    if request.kind == "ndarray" or array is None:
        return {"data": {"names": found, "ndarray": rows}}
    tensor = {"shape": list(array.shape), "values": array.ravel()}
    return {"data": {"names": found, "tensor": tensor}}


def _json(form: Form, predictions: Any) -> Any:
    """Predictions in the form in which their rows came."""
    if form == "enveloped":
        return {"predictions": predictions}
    if form == "listed":
        return predictions
    return instances.exact(instances.written(predictions))[0]


def _single(value: Any) -> dict[str, Any] | None:
    """One answer that is text or bytes."""
    if type(value) is str:
        return {"strData": value}
    if type(value) is dict:
        is_bytes = value.keys() == {"b64"}
        return {"binData": value["b64"]} if is_bytes else {"jsonData": value}
    return None


def _listed(rows: list[Any], names: Sequence[str]) -> tuple[list[Any], list[str]]:
    """Rows as lists, and what their columns are called."""
    first = rows[0] if rows else None
    if (
        type(first) is dict
        and list(first) != ["b64"]
        and all(type(row) is dict and row.keys() == first.keys() for row in rows)
    ):
        return [list(row.values()) for row in rows], list(first)
    width = len(first) if type(first) is list else 0
    if len(names) == width:
        return rows, list(names)
    return rows, [f"t:{index}" for index in range(width)]


def _numbers(rows: list[Any]) -> np.ndarray | None:
    """The rows as one tensor, where they are one."""
    try:
        array = stacked(rows)
    except ValueError:
        return None
    return array.astype(np.float64) if array.dtype.kind in "iuf" else None
