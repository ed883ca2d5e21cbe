"""Rows: the row form and the column form of TensorFlow Serving, to instances and back.

Source: TensorFlow Serving, `g3doc/api_rest.md`, "Predict API".
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...data.depth import check_depth
from ...data.rows.fragments import Fragments
from ...data.rows.predictions import columns, to_instances
from ...errors import InvalidInput
from ...manifests.signature import Field, Side
from .nan_json import EncodeRows

B64 = "b64"
_BYTES = "_bytes"
WHOLE = ("data", "body")  # as TorchServe calls an input
_READ = frozenset({list, dict, str})  # types of what a reader may decode


def from_rows(side: Side, rows: Any) -> list[Any]:
    """The instances in `"instances": rows`: values, or objects with a value for each input.

    Raises:
        InvalidInput: when it is no list.
    """
    if type(rows) is not list:
        raise InvalidInput("instances: expected a list of rows.")
    if side.layout == "objects" or not side.fields:
        return rows
    if any(_reader(field) is not _same for field in side.fields):
        check_depth(rows)  # each level is a call of the reader
    if len(side.fields) > 1:
        return [_named(side.fields, row) for row in rows]
    field = side.fields[0]
    read = _reader(field)
    bare = [read(_only(side, row)) for row in rows]
    return bare if side.layout == "array" else [[value] for value in bare]


def from_columns(side: Side, inputs: Any) -> list[Any]:
    """The instances in `"inputs": inputs`: a tensor, or an object with a tensor for each input.

    Raises:
        InvalidInput: when tensors are missing, unknown, no lists, or differ in their rows.
    """
    if type(inputs) is not dict:
        if type(inputs) is not list:
            raise InvalidInput("inputs: expected a list, or an object with one for each input.")
        return from_rows(side, inputs)
    if side.layout != "objects" and inputs.keys() != {field.name for field in side.fields}:
        names = ", ".join(f"`{field.name}`" for field in side.fields[:8])
        raise InvalidInput(f"inputs: expected a list for each input of the model: {names}.")
    for name, tensor in inputs.items():
        if type(tensor) is not list:
            raise InvalidInput(f"inputs.{name[:64]}: expected a list of rows.")
    if len({len(tensor) for tensor in inputs.values()}) > 1:
        raise InvalidInput("inputs: the tensors differ in their number of rows.")
    rows = zip(*inputs.values(), strict=True)
    return from_rows(side, [dict(zip(inputs, row, strict=True)) for row in rows])


def _only(side: Side, row: Any) -> Any:
    """The value for the only input, which may be named."""
    if type(row) is not dict or len(row) != 1:
        return row
    ((name, value),) = row.items()
    return value if name == side.fields[0].name or is_other_name(side, name) else row


def is_other_name(side: Side, name: str) -> bool:
    """Whether `name` is another name for the only input of a model.

    The only array of a model has no name of its own; `data` and `body` are TorchServe's names.
    """
    if len(side.fields) != 1 or side.fields[0].dtype == "object":
        return False
    if side.layout == "array":
        return name != B64 or side.fields[0].dtype not in {"str", "bytes"}
    return side.layout == "tensors" and name in WHOLE


def _named(fields: Sequence[Field], row: Any) -> Any:
    if type(row) is not dict:
        return row
    known = {field.name: field for field in fields}
    return {
        name: _value(known[name], value) if type(value) in _READ and name in known else value
        for name, value in row.items()
    }


def _value(field: Field, value: Any) -> Any:
    """The value of a field, which may be in a list of one, as in features of Keras."""
    if type(value) is list and len(value) == 1 and len(field.shape) == 1:
        value = value[0]
    return _reader(field)(value)


def _reader(field: Field) -> Callable[[Any], Any]:
    """Decodes `{"b64": ...}` for models that take text, and text for models that take bytes."""
    if field.dtype == "bytes":
        return _bytes
    return _text if field.dtype in {"str", "object"} else _same


def _same(value: Any) -> Any:
    return value


def _bytes(value: Any) -> Any:
    """Text as UTF-8, as in TensorFlow: the table, which decodes `b64`, takes it for base64, too."""
    if type(value) is list:
        return list(map(_bytes, value))
    return value.encode("utf-8", "surrogatepass") if type(value) is str else value


def _text(value: Any) -> Any:
    if type(value) is list:
        return list(map(_text, value))
    if type(value) is not dict or value.keys() != {B64}:
        return value
    try:
        return base64.b64decode(value[B64], validate=True).decode()
    except (TypeError, ValueError) as error:
        raise InvalidInput('Expected UTF-8 text as {"b64": "..."}.') from error


def to_rows(side: Side, output: Any, encode_rows: EncodeRows) -> Any:
    """The rows under `predictions`: a value per row, or an object per row with several outputs.

    Raises:
        PredictionFailed: when the outputs differ in their rows, and for what has no JSON.
    """
    parts = named(side, output)
    if len(parts) == 1:
        return encode_rows(next(iter(parts.values())))
    return encode_rows(parts)


def to_columns(side: Side, output: Any, encode_rows: EncodeRows) -> Any:
    """The value of `outputs`: a tensor, or an object with a tensor for each of several outputs.

    Raises:
        PredictionFailed: for values without a JSON form.
    """
    tensors = {name: encode_rows(part) for name, part in named(side, output).items()}
    return next(iter(tensors.values())) if len(tensors) == 1 else tensors


def named(side: Side, output: Any) -> dict[str, Any]:
    """The parts of a model's answer by name; the only one of several rows is "output-0"."""
    known = [field.name for field in side.fields]
    if hasattr(output, "columns"):
        parts = columns(output)
    elif isinstance(output, Mapping):
        parts = {str(name): part for name, part in output.items()}
    else:
        listed = output if isinstance(output, tuple) else (output,)
        if len(known) != len(listed):
            known = [f"output-{position}" for position in range(len(listed))]
        parts = dict(zip(known, listed, strict=True))
    return {
        name: _as_bytes(part) if name.endswith(_BYTES) else part for name, part in parts.items()
    }


def _as_bytes(part: Any) -> Any:
    """Values in base64, for an output whose name ends with `_bytes`."""
    plain = part.values() if isinstance(part, Fragments) else part
    return [_encoded(each) for each in to_instances(plain)]


def _encoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_encoded(each) for each in value]
    return value.encode() if isinstance(value, str) else value
