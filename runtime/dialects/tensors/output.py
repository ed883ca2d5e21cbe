"""Tensor output: converts a model's answer to tensors, and describes them by its signature."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...data.codecs import instances
from ...data.rows import column, predictions
from ...data.rows.fragments import Fragments, Unfit
from ...data.rows.stacking import stacked
from ...errors import PredictionFailed
from ...manifests.signature import Field, Side, Signature
from .tensor import Tensor

_DATATYPES = {
    "?": "BOOL", "u1": "UINT8", "u2": "UINT16", "u4": "UINT32", "u8": "UINT64",
    "i1": "INT8", "i2": "INT16", "i4": "INT32", "i8": "INT64",
    "f2": "FP16", "f4": "FP32", "f8": "FP64", "b1": "BOOL",
}  # fmt: skip
_BFLOAT16 = "bfloat16"  # numpy has it from ml_dtypes


@dataclass(frozen=True, slots=True)
class Spec:
    """A tensor as metadata describes it; -1 is a size that may vary.

    is_optional   whether a request may lack it
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    is_optional: bool = False


def specs(side: Side, default: str) -> list[Spec]:
    """The tensors of one side of a signature; `default` is the name of the only one of objects."""
    if not side.fields:
        return [Spec(default, "BYTES", (-1,))]
    return [_spec(field, is_optional=side.is_optional(field)) for field in side.fields]


def promised(side: Side, default: str) -> list[Spec]:
    """The tensors that an answer has; as `specs`, but rows of objects are JSON, one a row."""
    free = _free(side)
    found = specs(side, default)
    return [replace(each, shape=each.shape[:1]) if each.name in free else each for each in found]


def _free(side: Side) -> frozenset[str]:
    """Fields of rows whose values may each be of another kind, as only JSON has them."""
    found = (field for field in side.fields if field.dtype == "object" and len(field.shape) > 1)
    return frozenset(field.name for field in found)


def _spec(field: Field, *, is_optional: bool) -> Spec:
    shape = tuple(-1 if each is None else each for each in field.shape)
    return Spec(field.name, datatype(field.dtype), shape, is_optional)


def datatype(dtype: str) -> str:
    """The protocol's datatype for a dtype of a signature; BYTES for all but numbers."""
    if dtype == _BFLOAT16:
        return "BF16"
    try:
        return _DATATYPES.get(np.dtype(column.plain(dtype)).str[1:], "BYTES")
    except TypeError:
        return "BYTES"


def from_output(signature: Signature, output: Any) -> list[Tensor]:
    """The tensors of an answer, which are called as the signature says, with its classes.

    Rows of records become a tensor a field, rows of numbers or strings one tensor, anything else
    BYTES of JSON, one a row.

    Raises:
        PredictionFailed: when it is not made of rows.
    """
    named = _named(signature.outputs, _as_promised(signature.outputs, output))
    free = _free(signature.outputs)
    found = [_of_rows(*each) if each[0] in free else _tensor(*each) for each in named]
    halves = {each.name for each in signature.outputs.fields if each.dtype == _BFLOAT16}
    if halves:
        found = [_halved(tensor) if tensor.name in halves else tensor for tensor in found]
    known = {each.name: each.labels for each in signature.outputs.fields if each.classes}
    if not known:
        return found
    return [replace(tensor, labels=known.get(tensor.name, ())) for tensor in found]


def _as_promised(side: Side, output: Any) -> Any:
    """Columns of numbers that are floats by their signature as floats, whatever is missing.

    A table of pandas has whole numbers where none is missing, and objects where one is.
    """
    promised = {each.name: each.dtype for each in side.fields if datatype(each.dtype)[:2] == "FP"}
    if not promised or side.layout != "columns":
        return output
    if hasattr(output, "columns") and not isinstance(output, Mapping):
        output = predictions.columns(output)
    if not isinstance(output, Mapping):
        return output
    return {
        name: _as_floats(_rows(values), promised[name]) if name in promised else values
        for name, values in output.items()
    }


def _as_floats(values: Any, dtype: str) -> Any:
    if isinstance(values, np.ndarray) and values.dtype.kind not in "Oiu":
        return values
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if not all(type(each) in {int, float} or _is_missing(each) for each in listed):
        return values
    return np.array([np.nan if _is_missing(each) else each for each in listed], dtype)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType"


def _named(side: Side, output: Any) -> list[tuple[str, Any]]:
    """The parts of an answer, by name."""
    if isinstance(output, Unfit):
        raise output.error()
    if hasattr(output, "columns") and not isinstance(output, Mapping):
        output = predictions.columns(output)
    if isinstance(output, Mapping):
        return [(str(name), predictions.as_array(part)) for name, part in output.items()]
    if isinstance(output, tuple):
        names = [field.name for field in side.fields]
        if len(names) != len(output):
            names = [f"output-{position}" for position in range(len(output))]
        return list(zip(names, map(predictions.as_array, output), strict=True))
    name = side.fields[0].name if len(side.fields) == 1 else "output"
    plain = _rows(predictions.as_array(output))
    if isinstance(plain, list) and plain and isinstance(plain[0], dict):
        records = _records(plain)
        if records is not None:
            return list(records.items())
    return [(name, plain)]


def _rows(output: Any) -> Any:
    """Rows of a model in another process as Python's own types."""
    if isinstance(output, Fragments):
        output.check(nan_as_null=True)
        return output.values()
    return output


def _records(rows: list[Any]) -> dict[str, list[Any]] | None:
    """The fields of rows that all have the same, and more than a value of bytes."""
    names = list(rows[0])
    if names == ["b64"] or not all(type(row) is dict and list(row) == names for row in rows):
        return None
    return {str(name): [row[name] for row in rows] for name in names}


def _tensor(name: str, values: Any) -> Tensor:
    values = _rows(values)
    if isinstance(values, np.ndarray) and values.ndim and values.dtype.kind == "O":
        values = values.tolist()  # as a process of the model's own tells it
    if isinstance(values, tuple | Mapping):  # outputs within an output: a record a row
        values = predictions.to_instances(values, nan_as_null=True)
    if isinstance(values, list):
        return _of_list(name, values)
    if not isinstance(values, np.ndarray):
        raise PredictionFailed(predictions.without_rows(values))
    if not values.ndim:
        raise PredictionFailed("The model answered with one value, not with rows.")
    kind = _DATATYPES.get(values.dtype.str[1:])
    if kind is not None:
        native = values.astype(values.dtype.newbyteorder("="), copy=False)
        return Tensor(name, kind, values.shape, native)
    if values.dtype.name == _BFLOAT16:
        return Tensor(name, "BF16", values.shape, values.astype(np.float32))
    if values.dtype.kind == "f":
        return Tensor(name, "FP64", values.shape, values.astype(np.float64))
    if values.dtype.kind == "M":
        values = np.datetime_as_string(values)
    return Tensor(name, "BYTES", values.shape, [_bytes(each) for each in values.ravel().tolist()])


def _of_list(name: str, rows: list[Any]) -> Tensor:
    rows = list(map(_plain, rows))
    kinds = set(map(type, rows))
    if kinds and (kinds <= {int, float} or kinds <= {bool} or kinds <= {list}):
        array = _array(rows)
        if array is not None:
            return _tensor(name, array)
    if kinds == {list}:
        texts = _texts(rows)
        if texts is not None:
            return Tensor(name, "BYTES", texts.shape, [_bytes(each) for each in texts.ravel()])
    return Tensor(name, "BYTES", (len(rows),), [_bytes(row) for row in rows])


def _halved(tensor: Tensor) -> Tensor:
    """Numbers that are BF16 by their signature, whatever they have become on their way."""
    if tensor.datatype not in {"FP32", "FP64"}:
        return tensor
    return replace(tensor, datatype="BF16", data=np.asarray(tensor.data, np.float32))


def _of_rows(name: str, values: Any) -> Tensor:
    """JSON for each row, in which a number is a number, and text is text."""
    listed = predictions.to_instances(_rows(values), nan_as_null=True)
    return Tensor(name, "BYTES", (len(listed),), [instances.written(row) for row in listed])


def _plain(value: Any) -> Any:
    """A number of numpy's among rows as Python's own, as from a process of the model's own."""
    is_number = isinstance(value, np.generic) and value.dtype.kind in "biuf"
    return value.item() if is_number else value


def _array(rows: list[Any]) -> np.ndarray | None:
    """Rows of numbers as an array, where they form one."""
    try:
        array = stacked(rows)
    except ValueError:  # ragged
        return None
    return array if array.dtype.kind in "biuf" else None


def _texts(rows: list[Any]) -> np.ndarray | None:
    """Lists of strings, or of bytes, as an array, where they form one of more than one axis."""
    try:
        array = np.array(rows, object)
    except ValueError:
        return None
    is_text = all(isinstance(each, str | bytes) or _is_base64(each) for each in array.ravel())
    return array if array.ndim > 1 and is_text else None


def _is_base64(value: Any) -> bool:
    """Whether it is bytes that came as JSON."""
    return type(value) is dict and list(value) == ["b64"]


def _bytes(value: Any) -> bytes:
    """Text in UTF-8, bytes as they are, anything else as JSON."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return value
    if _is_base64(value):
        return base64.b64decode(value["b64"])
    plain = predictions.to_instances([value], nan_as_null=True)[0]
    is_text = type(plain) is str
    return plain.encode("utf-8", "surrogatepass") if is_text else instances.written(plain)
