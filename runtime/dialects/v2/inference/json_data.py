"""JSON data: decodes and encodes the `data` of a tensor in JSON, nested or flat."""

import base64
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from ....errors import InvalidInput, PredictionFailed
from ....printable import printable
from ...tensors.tensor import DTYPES, LONGEST, Tensor, itemsize_of, size, unknown_datatype
from .number_list import NotNumbers, NumberList

_BINARY_ONLY = frozenset({"FP16", "BF16"})
_WORDS = {"b": "booleans", "i": "whole numbers", "u": "whole numbers from 0", "f": "numbers"}
_LARGEST = 2**64
_DEEPEST = 100  # lists in lists, as with Triton
_NONE = type(None)
_SCALARS = frozenset({float, int, bool})


def read(name: str, datatype: str, shape: Sequence[int], data: Any, *, is_base64: bool) -> Tensor:
    """The tensor that `data` spells; `is_base64` where its BYTES are.

    Raises:
        InvalidInput: when it is none of that datatype and shape.
        NotNumbers: when it was cut out, and must be read otherwise.
    """
    shown = printable(name[:LONGEST])
    if type(data) is NumberList:
        return _listed(name, datatype, shape, data)
    if datatype in _BINARY_ONLY:
        raise InvalidInput(f"{shown}: {datatype} has no JSON; send it as binary data.")
    count = size(shown, shape, itemsize_of(datatype))
    if datatype == "BYTES":
        return Tensor(name, datatype, shape, _strings(shown, count, data, is_base64=is_base64))
    dtype = DTYPES.get(datatype)
    if dtype is None:
        raise unknown_datatype(shown, datatype)
    if not count and not data:
        return Tensor(name, datatype, shape, np.empty(shape, dtype))
    array = _numbers(shown, dtype, data)
    if array.size != count:
        raise _wrong_count(shown, count, array.size)
    return Tensor(name, datatype, shape, array.reshape(shape))


def _listed(name: str, datatype: str, shape: Sequence[int], data: NumberList) -> Tensor:
    """As `read`, from a NumberList."""
    shown = printable(name[:LONGEST])
    dtype = DTYPES.get(datatype)
    if dtype is None or dtype.kind not in "fiu" or datatype in _BINARY_ONLY:
        raise NotNumbers
    count = size(shown, shape, dtype.itemsize)
    array = data.array(dtype)
    if array.size != count:
        raise _wrong_count(shown, count, array.size)
    return Tensor(name, datatype, shape, array.reshape(shape))


def _numbers(shown: str, dtype: np.dtype[Any], data: Any) -> np.ndarray:
    words = _WORDS[dtype.kind]
    if type(data) is not list:
        raise InvalidInput(f"{shown}: expected `data` to be a list of {words}.")
    flat = _flat(data)
    types = set(map(type, flat))
    if dtype.kind == "f" and _NONE in types and list not in types:
        return _with_gaps(shown, dtype, flat)
    if types <= _SCALARS:
        # As it is; of a boolean among numbers numpy would make one. Of a text, too: it would give
        # each number as much room as the longest text takes.
        array = _array(shown, data)
    elif list in types:
        raise _ragged(shown)
    else:
        raise InvalidInput(f"{shown}: expected {words} that fit its datatype.")
    return _of_datatype(shown, dtype, data, array, has_booleans=bool in types)


def _of_datatype(
    shown: str, dtype: np.dtype[Any], data: list[Any], array: np.ndarray, *, has_booleans: bool
) -> np.ndarray:
    kind, words = array.dtype.kind, _WORDS[dtype.kind]
    if kind in "fiu" and has_booleans:
        raise InvalidInput(f"{shown}: expected {words}, got a boolean among them.")
    if dtype.kind == "f" and kind == "O" and not has_booleans:  # whole ones beyond 64 bits
        array, kind = _floats(array), "f"
    if dtype.kind == "f" and kind in "fiu":
        with np.errstate(over="ignore"):  # infinite: found below
            fitted = array.astype(dtype, copy=False)
        if np.isfinite(fitted).all():
            return fitted
    if kind == dtype.kind == "b":
        return array
    if dtype.kind in "iu" and kind in "iu" and _fits(array, dtype):
        return array.astype(dtype, copy=False)
    if dtype.kind == "u" and dtype.itemsize == 8:  # noqa: PLR2004  numpy makes floats of some
        return _largest(shown, data)
    raise InvalidInput(f"{shown}: expected {words} that fit its datatype.")


def _floats(array: np.ndarray) -> np.ndarray:
    try:
        return array.astype(np.float64)
    except OverflowError:
        return np.array(np.inf)  # which is refused


def _with_gaps(shown: str, dtype: np.dtype[Any], flat: list[Any]) -> np.ndarray:
    """Replace null by NaN; models without missing values refuse it later."""
    present = [each for each in flat if each is not None]
    found = np.full(len(flat), np.nan, dtype)
    if present:
        found[[each is not None for each in flat]] = _numbers(shown, dtype, present)
    return found


def _array(shown: str, data: list[Any]) -> np.ndarray:
    try:
        return np.array(data)
    except ValueError:
        raise _ragged(shown) from None


def _ragged(shown: str) -> InvalidInput:
    return InvalidInput(f"{shown}: the lists in `data` differ in their lengths.")


def _fits(array: np.ndarray, dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max)


def _largest(shown: str, data: list[Any]) -> np.ndarray:
    flat = _flat(data)
    if not all(type(each) is int and 0 <= each < _LARGEST for each in flat):
        raise InvalidInput(f"{shown}: expected {_WORDS['u']} that fit its datatype.")
    return np.array(flat, np.uint64)


def _flat(data: list[Any]) -> list[Any]:
    """Flatten nested lists of equal depth.

    Raises:
        InvalidInput: when they are nested too deeply.
    """
    for _ in range(_DEEPEST):
        if not data or not all(type(each) is list for each in data):
            return data
        data = list(chain.from_iterable(data))
    raise InvalidInput(f"JSON nesting depth exceeds maximum allowed limit ({_DEEPEST}).")


def _strings(shown: str, count: int, data: Any, *, is_base64: bool) -> list[bytes]:
    if type(data) is str and count == 1:
        data = [data]
    if data is None and not count:
        data = []
    if type(data) is not list:
        raise InvalidInput(f"{shown}: expected `data` to be a list of strings.")
    flat = _flat(data)
    if not all(type(each) is str for each in flat):
        raise InvalidInput(f"{shown}: expected strings.")
    if len(flat) != count:
        raise _wrong_count(shown, count, len(flat))
    try:
        if is_base64:
            return [base64.b64decode(each, validate=True) for each in flat]
        return [each.encode() for each in flat]
    except ValueError:
        form = "base64" if is_base64 else "text that is UTF-8"
        raise InvalidInput(f"{shown}: expected {form}.") from None


def _wrong_count(shown: str, wanted: int, got: int) -> InvalidInput:
    return InvalidInput(f"{shown}: expected {wanted} values for its shape, got {got}.")


def written(tensor: Tensor, *, nan_as_null: bool) -> Any:
    """The values of a tensor in order, for `orjson`.

    Raises:
        InvalidInput: for half precision, or bytes that are not text.
        PredictionFailed: for NaN, unless that becomes null.
    """
    if tensor.datatype in _BINARY_ONLY:
        raise InvalidInput(
            f"Output {tensor.shown}: {tensor.datatype} has no JSON; ask for `binary_data`."
        )
    data = tensor.data
    if isinstance(data, list):
        try:
            return [each.decode() for each in data]
        except UnicodeDecodeError:
            raise InvalidInput(
                f"Output {tensor.shown} is not text in UTF-8; ask for `binary_data`."
            ) from None
    if data.dtype.kind == "f" and not nan_as_null and not np.isfinite(data).all():
        raise PredictionFailed(
            f"Output {tensor.shown} has values that are not finite, which JSON cannot express; "
            "ask for `binary_data`."
        )
    return np.ascontiguousarray(data).ravel()
