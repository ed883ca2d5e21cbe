"""JSON in which NaN, Infinity and -Infinity are numbers, both ways.

Source: TensorFlow Serving, `g3doc/api_rest.md`, "JSON conformance". Everything else is as strict as
anywhere: duplicate keys and half surrogate pairs are refused.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...data.codecs import instances
from ...data.rows.predictions import columns, to_instances, to_wire, values
from ...errors import BadPayload, InvalidInput, PredictionFailed

EncodeRows = Callable[[Any], Any]
"""From a model's answer to one JSON value a row."""

# An unterminated string matches as well, or each of its quotes would be tried as a start.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|-?Infinity|NaN', re.DOTALL)


def loads(body: bytes) -> tuple[Any, bool]:
    """Parse a JSON body; also returns whether it has a token such as NaN.

    Raises:
        BadPayload, InvalidInput: see `instances.parse`.
    """
    try:
        return instances.parse(body), False
    except BadPayload:
        if b"NaN" not in body and b"Infinity" not in body:
            raise
    instances.parse(_TOKEN.sub(_zero, body))  # the rest of it has to be JSON
    try:
        return json.loads(body), True
    except RecursionError:
        raise InvalidInput("The body is nested too deeply.") from None
    except ValueError as error:
        raise BadPayload("The body is not valid JSON.") from error


def _zero(match: re.Match[bytes]) -> bytes:
    text = match.group()
    return text if text.startswith(b'"') else b"0"


def dumps(build: Callable[[EncodeRows], Any], *, nan_as_null: bool = False) -> bytes:
    """Encode the value that `build` makes; it gets a function that encodes rows.

    NaN and infinities are tokens unless `nan_as_null`.

    Raises:
        PredictionFailed: for values without a JSON form.
    """
    try:
        value = build(lambda output: to_wire(output, nan_as_null=nan_as_null))
    except PredictionFailed:
        if nan_as_null:
            raise
        return json.dumps(build(_with_nan), ensure_ascii=False, separators=(",", ":")).encode()
    return instances.written(value)


def _with_nan(output: Any) -> list[Any]:
    """One value a row out of Python's own types, in which NaN is a float."""
    if hasattr(output, "columns"):
        output = columns(output)
    elif hasattr(output, "to_numpy"):
        output = values(output)
    if isinstance(output, Mapping):
        named = {str(name): _with_nan(column) for name, column in output.items()}
        rows = zip(*named.values(), strict=True)
        return [dict(zip(named, row, strict=True)) for row in rows]
    if isinstance(output, np.ndarray) and output.ndim and output.dtype.kind in "fO":
        return [_value(each) for each in output.tolist()]
    if isinstance(output, list):
        return [_value(each) for each in output]
    return to_instances(output)


def _value(value: Any) -> Any:
    if isinstance(value, float):  # NaN among them
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_value(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _value(each) for key, each in value.items()}
    if isinstance(value, np.ndarray) and value.ndim:
        return _with_nan(value)
    return to_instances([value])[0]
