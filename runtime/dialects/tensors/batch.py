"""Tensor batch: converts the tensors of a request to the batch that a model takes."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ...data.codecs import instances
from ...data.depth import check_depth
from ...data.rows import free_values, table
from ...errors import InvalidInput
from ...manifests.signature import Field, Side
from ...printable import printable
from .tensor import LONGEST, Tensor

_NO_TIME = "NaT"  # as an answer has it
_SHOWN = 8  # names that an error lists


def to_batch(
    side: Side, tensors: Sequence[Tensor], *, nan_as_null: bool = False, model: str = ""
) -> Any:
    """The batch in these tensors, fitted to what a model takes; `model` is for the errors.

    array     one tensor, whatever it is called; or as many as a row has values, a tensor a column
    columns   a tensor a column, by name; or one of two axes, in the order of the columns
    tensors   by name
    objects   BYTES: a JSON object, list or string each, or else text; several tensors: records

    Raises:
        InvalidInput: for another name, shape or kind of datatype, or values out of range.
    """
    if not tensors:
        raise _missing([field.name for field in side.fields] or ["input"], tensors, model)
    _check_names(tensors)
    if side.layout == "objects":
        rows = objects(tensors)
        free_values.check_one(rows, "inputs")
        return rows
    try:
        if side.layout == "array":
            batch = _array(side, tensors)
        elif len(tensors) == 1 and _is_matrix(side, tensors[0]):
            batch = _numbers(tensors[0])
        else:
            batch = _named(side, tensors, model)
        return table.fit(side, batch, nan_as_null=nan_as_null)
    except InvalidInput as error:
        raise InvalidInput(_place(side, tensors, error.detail)) from None


def _check_names(tensors: Sequence[Tensor]) -> None:
    if len(tensors) > 1 and len({each.name for each in tensors}) < len(tensors):
        raise InvalidInput("inputs: two tensors have the same name.")


def check_known(tensors: Sequence[Tensor], names: Collection[str]) -> None:
    """Refuse a tensor of another name; raises InvalidInput."""
    for each in tensors:
        if each.name not in names:
            listed = ", ".join(f"`{name}`" for name in list(names)[:_SHOWN])
            raise InvalidInput(f"inputs: unexpected tensor `{each.shown}`; expected {listed}.")


def _array(side: Side, tensors: Sequence[Tensor]) -> Any:
    field = side.fields[0]
    if len(tensors) == 1:
        return _field(field, tensors[0])
    if field.shape[1:] != (len(tensors),):
        names = ", ".join(f"`{each.shown}`" for each in tensors[:_SHOWN])
        raise InvalidInput(f"inputs: expected one tensor, `{field.name}`, got {names}.")
    columns = [_column(each, field.dtype) for each in tensors]
    if len({column.shape[:1] for column in columns}) > 1:
        raise InvalidInput("inputs: the tensors differ in their number of rows.")
    for each, column in zip(tensors, columns, strict=True):
        if column.ndim != 1:
            raise InvalidInput(f"inputs.{each.shown}: expected one value a row.")
    return np.stack(columns, axis=1)


def _missing(wanted: Sequence[str], tensors: Sequence[Tensor], model: str) -> InvalidInput:
    """Fewer inputs than there are, in the words that clients of Triton look for."""
    got = {each.name for each in tensors}
    shown = ",".join(f"'{each.shown}'" for each in tensors[:_SHOWN])
    missing = [f"'{name}'" for name in wanted if name not in got][:_SHOWN]
    of = f" for model '{printable(model[:LONGEST])}'" if model else ""
    return InvalidInput(
        f"expected {len(wanted)} inputs but got {len(tensors)} inputs{of}. Got input(s) [{shown}], "
        f"but missing required input(s) [{','.join(missing)}]. "
        "Please provide all required input(s)."
    )


def _named(side: Side, tensors: Sequence[Tensor], model: str) -> dict[str, Any]:
    fields = {field.name: field for field in side.fields}
    if len(tensors) == len(fields) == 1:
        fields = {tensors[0].name: side.fields[0]}
    check_known(tensors, fields)
    wanted = [name for name, field in fields.items() if not side.is_optional(field)]
    if len(tensors) < len(fields) and not {each.name for each in tensors}.issuperset(wanted):
        raise _missing(wanted, tensors, model)
    found = {fields[each.name].name: _field(fields[each.name], each) for each in tensors}
    if len({len(array) for array in found.values() if np.ndim(array)}) > 1:
        raise InvalidInput("inputs: the tensors differ in their number of rows.")
    missing = [field.name for field in side.fields if field.name not in found]
    if missing:
        rows = max((len(array) for array in found.values() if np.ndim(array)), default=1)
        found |= {name: np.full(rows, None, object) for name in missing}
    return found


def _is_matrix(side: Side, tensor: Tensor) -> bool:
    """Whether it has all columns in one."""
    return (
        side.layout == "columns"
        and tensor.datatype != "BYTES"
        and len(tensor.shape) == 2  # noqa: PLR2004  rows and columns
        and tensor.shape[1] == len(side.fields) > 1
    )


def _field(field: Field, tensor: Tensor) -> np.ndarray:
    if len(field.shape) == 1:  # MLServer's codecs send a column of such values
        values = _column(tensor, field.dtype)
        if field.is_nullable and field.dtype.startswith("datetime") and values.dtype.kind == "O":
            values[values == _NO_TIME] = None
        return values
    is_row = tensor.datatype == "BYTES" and math.prod(tensor.shape[1:]) == 1
    if field.dtype != "object" or not is_row:
        return _values(tensor, field.dtype)
    return _listed(field, tensor)


def _listed(field: Field, tensor: Tensor) -> np.ndarray:
    """Rows of objects, which are JSON lists, as an answer has them."""
    rows = [_value(tensor.shown, each) for each in tensor.data]
    if not all(type(row) is list for row in rows):
        return _values(tensor, field.dtype)
    check_depth(rows, "inputs")
    found: np.ndarray = table.gather(Side("array", (field,)), rows)
    return found


def _column(tensor: Tensor, dtype: str) -> np.ndarray:
    """One value a row, which may stand in a list of its own."""
    values = _values(tensor, dtype)
    is_alone = values.ndim == 2 and values.shape[1] == 1  # noqa: PLR2004
    return values[:, 0] if is_alone else values


def _values(tensor: Tensor, dtype: str) -> np.ndarray:
    if tensor.datatype != "BYTES":
        return _numbers(tensor)
    if not tensor.shape:  # whose one text would be taken for a list of its letters
        raise InvalidInput(f"inputs.{tensor.shown}: expected a value for each row, got shape ().")
    data = tensor.data
    assert isinstance(data, list)
    values = np.empty(len(data), object)
    values[:] = data if dtype == "bytes" else [_text(tensor.shown, each) for each in data]
    return values.reshape(tensor.shape)


def _numbers(tensor: Tensor) -> np.ndarray:
    assert isinstance(tensor.data, np.ndarray)
    return tensor.data


def _text(shown: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{shown}: a value is not text in UTF-8.") from None


def objects(tensors: Sequence[Tensor]) -> list[Any]:
    """The rows of `to_batch` as any JSON; whole numbers may have any length.

    Raises:
        InvalidInput: when there are none, or two of one name, or they are nested too deeply.
    """
    if not tensors:
        raise _missing(["input"], tensors, "")
    _check_names(tensors)
    rows = _objects(tensors)
    check_depth(rows, "inputs")
    return rows


def _objects(tensors: Sequence[Tensor]) -> list[Any]:
    rows = {each.name: _rows(each) for each in tensors}
    if len(rows) == 1:
        return next(iter(rows.values()))
    if len({len(values) for values in rows.values()}) > 1:
        raise InvalidInput("inputs: the tensors differ in their number of rows.")
    return [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]


def _rows(tensor: Tensor) -> list[Any]:
    """A JSON value for each row."""
    if tensor.datatype != "BYTES":
        array = _numbers(tensor)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InvalidInput(f"{tensor.shown}: expected finite numbers.")
        listed = array.tolist() if array.ndim else [array.item()]
        return list(listed)
    values = np.empty(len(tensor.data), object)
    values[:] = [_value(tensor.shown, each) for each in tensor.data]
    is_column = math.prod(tensor.shape[1:]) == 1
    return list(values) if is_column else list(values.reshape(tensor.shape).tolist())


def _value(shown: str, value: bytes) -> Any:
    """A JSON object, list or string; anything else is text, for numbers have datatypes."""
    if value[:1] in {b"{", b"[", b'"'}:
        try:
            return instances.exact(value)
        except ValueError:
            pass
    return _text(shown, value)


def _place(side: Side, tensors: Sequence[Tensor], detail: str) -> str:
    """An error about instances as one about the tensors that they came in."""
    if not detail.startswith("instances"):
        return detail
    own = f".{tensors[0].shown}" if side.layout == "array" and len(tensors) == 1 else ""
    return f"inputs{own}{detail.removeprefix('instances')}"
