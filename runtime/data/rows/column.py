"""Column: converts JSON values to one array of the dtype and shape of a field."""

import base64
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from ...errors import InvalidInput
from ...manifests.signature import Field
from ..depth import check_depth
from . import categories, free_values

_NONE = type(None)
_KINDS: dict[str, frozenset[type]] = {
    "f": frozenset((float, int)),
    "i": frozenset((int, float)),  # 2.0 is a whole number; 2.5 is found by its value
    "b": frozenset((bool,)),
    "s": frozenset((str,)),
    "t": frozenset((str,)),
    "y": frozenset((str, dict, bytes)),  # bytes, where the wire has them
    "c": frozenset((str, int, float, bool)),
}
_WORDS = {
    "f": ("a number", "numbers"),
    "i": ("a whole number", "whole numbers"),
    "b": ("true or false", "booleans"),
    "s": ("a string", "strings"),
    "t": ("an ISO 8601 time", "ISO 8601 times"),
    "y": ('{"b64": "..."}', "base64 strings"),
    "c": ("a category (a string or a number)", "categories"),
    "o": ("a value", "values"),
}
_ONE = {"categories": "category"}  # of the others the singular has one letter less
_NAMED = {"datetime64": "t", "str": "s", "bytes": "y", "category": "c", "object": "o"}
_OF = {f"category[{each}]": each for each in ("int64", "float64", "bool")}
_LACKING = "fstcb"  # families of which a value may be missing
_MANY = 1 << 13  # numbers of which a note for each would be worth sparing
_FINER = re.compile(r"[.,]\d{6}(\d{1,3})")  # nanoseconds, which `datetime` drops
_NANOSECONDS = np.dtype("datetime64[ns]")
_FIRST, _LAST = datetime(1677, 9, 22), datetime(2262, 4, 11)  # noqa: DTZ001  days that it holds
_EXACT = 2.0**53  # beyond it a float no longer tells whole numbers apart
_SHOWN = 40  # characters of a wrong value that an error repeats


@lru_cache(256)
def family(dtype: str) -> str:
    """One letter for what a JSON value must be: f i b s(tring) t(ime) (b)y(tes) c(ategory) o."""
    named = _NAMED.get(dtype.partition("[")[0])  # category[int64], datetime64[ns]
    if named:
        return named
    try:
        kind = np.dtype(dtype).kind
    except TypeError:  # one that numpy does not have, in a model of who knows whom
        return "o"
    return {"u": "i", "f": "f", "i": "i", "b": "b"}.get(kind, "o")


def plain(dtype: str) -> str:
    """The dtype of the values: of categories that are numbers, that of those."""
    return _OF.get(dtype, dtype)


def is_known(dtype: str) -> bool:
    """Whether there is such a dtype: one of ours, or one of numpy's."""
    if dtype.partition("[")[0] in _NAMED:
        return True
    try:
        np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        return False
    return True


def to_array(field: Field, values: list[Any], *, path: str = "", null: bool = False) -> np.ndarray:
    """Turn one JSON value per row into an array of shape (rows, *field.shape[1:]).

    The common case is one look at the types and one conversion; only when that fails are the
    values examined one by one, so that the error can name the culprit. Strings, times, bytes and
    categories come as object arrays, so do booleans that may be missing, `datetime64` as what it
    says. `null`, or a nullable field, admits null as a missing value where the dtype has one;
    booleans only in a nullable field. A column of one value each may be spelled without the list
    around it: 3 for [3].

    Raises:
        InvalidInput: "instances[3]<path>: expected 64 numbers, got 63."
    """
    if not values:
        return np.empty((0, *(size or 0 for size in field.shape[1:])), _storage(field.dtype))
    if field.dtype == "object":
        check_depth(values, f"instances{path}")
        free_values.check(values, path)
    null = field.is_nullable or (null and family(field.dtype) != "b")
    if field.shape[1:] == (1,) and not any(isinstance(value, list) for value in values):
        return to_array(replace(field, shape=field.shape[:1]), values, path=path, null=null)[
            :, None
        ]
    try:
        array = _convert(field, values, null=null)
    except (TypeError, ValueError, OverflowError):
        array = None
    if array is None or not fits(field, array.shape):
        raise _blame(field, values, path, null=null)
    if field.is_ordered:
        _check_known(field, values, path)
    return array


def _check_known(field: Field, values: list[Any], path: str) -> None:
    at = categories.first_unknown(field, values)
    if at is not None:
        wanted = f"expected one of {categories.listing(field)}"
        raise InvalidInput(f"instances[{at}]{path}: {wanted}, got {describe(values[at])}.")


def empty(field: Field, shape: tuple[int, ...]) -> np.ndarray:
    """An array without a value, whose axes lists could not tell."""
    return np.empty(shape, _storage(field.dtype))


def fits(field: Field, shape: tuple[int, ...]) -> bool:
    """Whether an array of `shape` is what `field` asks for; the rows themselves may be many."""
    if shape[1:] == field.shape[1:]:
        return len(shape) == len(field.shape)
    return len(shape) == len(field.shape) and all(
        wanted is None or size == wanted
        for size, wanted in zip(shape[1:], field.shape[1:], strict=True)
    )


def is_finite(array: np.ndarray) -> bool:
    """Whether no float is NaN or infinite; searching bytes is quicker than numpy's `all`."""
    if array.size > _MANY:  # which takes no memory
        return bool(np.isfinite(array.min()) and np.isfinite(array.max()))
    return b"\0" not in np.isfinite(array).tobytes()


def narrowed(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray | None:
    """Finite float64 as `dtype`; None where one of them is too large for that."""
    if array.dtype != dtype:
        with np.errstate(over="ignore"):  # becomes infinite, found below
            array = array.astype(dtype)
    return array if is_finite(array) else None


def within(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray | None:
    """The widest integers as `dtype`; None where one of them is too large for that."""
    if array.dtype == dtype:
        return array
    limits = np.iinfo(dtype)
    inside = array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max)
    return array.astype(dtype) if inside else None


def _storage(dtype: str) -> np.dtype[Any]:
    letter = family(dtype)
    if letter == "t":
        return np.dtype(dtype.partition(",")[0].rstrip("]") + "]")  # without the time zone
    return np.dtype(dtype if letter in "fib" else object)


def _leaves(field: Field, values: Iterable[Any]) -> Iterable[Any]:
    for _ in field.shape[1:]:
        values = chain.from_iterable(values)
    return values


def _convert(field: Field, values: list[Any], *, null: bool) -> np.ndarray | None:
    letter = family(field.dtype)
    if letter == "o":
        flat = len(field.shape) == 1
        return np.fromiter(values, object, len(values)) if flat else np.array(values, object)
    kinds = set(map(type, _leaves(field, values)))
    if null and letter in _LACKING:
        kinds.discard(_NONE)
    if not kinds <= _KINDS[letter]:
        return None
    if letter in "fi":
        return _numbers(field.dtype, values, kinds, null=null)
    if letter in "ty":
        read = _reader(field.dtype)
        return np.array(_mapped(values, len(field.shape) - 1, read), _storage(field.dtype))
    if field.dtype in _OF and len(field.shape) == 1:
        return _categories(_OF[field.dtype], values)
    return np.array(values, object if null and letter == "b" else _storage(field.dtype))


def _categories(of: str, values: list[Any]) -> np.ndarray | None:
    """Those of numbers as the model has learned them: 2.0 is the whole number 2."""
    present = [value for value in values if value is not None]
    array = _convert(Field("", of, (None,)), present, null=False)
    if array is None:
        return None
    learned = iter(array.tolist())
    return np.array([None if value is None else next(learned) for value in values], object)


def _numbers(dtype: str, values: list[Any], kinds: set[type], *, null: bool) -> np.ndarray | None:
    if family(dtype) == "f":
        return _floats(dtype, values, null=null)
    return _integers(dtype, values, whole=kinds == {int})


def _floats(dtype: str, values: list[Any], *, null: bool) -> np.ndarray | None:
    if dtype == "float64":
        array = np.array(values, np.float64)
    else:
        with np.errstate(over="ignore"):  # becomes infinite, found below
            array = np.array(values, dtype)
    if null:
        return None if _overflowed(array, values) else array
    return array if is_finite(array) else None


def _overflowed(array: np.ndarray, values: list[Any]) -> bool:
    """Whether numbers became infinite for want of bits; some clients may say infinity itself."""
    count = np.count_nonzero(np.isinf(array))
    if not count or array.dtype.itemsize == 8:  # noqa: PLR2004  float64
        return False
    return bool(count != np.count_nonzero(np.isinf(np.array(values, np.float64))))


def _integers(dtype: str, values: list[Any], *, whole: bool) -> np.ndarray | None:
    wide = np.uint64 if dtype == "uint64" else np.int64
    if whole:
        array = np.array(values, wide)
    else:
        floats = np.array(values, np.float64)
        if ((np.trunc(floats) == floats) & (np.abs(floats) < _EXACT)).all():
            array = floats.astype(np.int64)  # those below 0 of a field without them are found below
        else:  # whole numbers from there on may stand beside floats, and the next is as that float
            array = np.array(_mapped(values, floats.ndim - 1, _whole), wide)
    return within(array, np.dtype(dtype))


def _whole(value: float) -> int:
    if not _is_whole(value):
        raise ValueError(value)
    return int(value)


def _mapped(values: Any, depth: int, read: Callable[[Any], Any]) -> Any:
    if depth:
        return [_mapped(value, depth - 1, read) for value in values]
    return [read(value) for value in values]


def _reader(dtype: str) -> Callable[[Any], Any]:
    if family(dtype) != "t":
        return _bytes
    return _fine_time if _storage(dtype) == _NANOSECONDS else _time


def _time(text: str | None) -> np.datetime64:
    return np.datetime64("NaT", "us") if text is None else np.datetime64(_moment(text))


def _fine_time(text: str | None) -> np.datetime64:
    """To the nanosecond; of other centuries numpy would make days of these without a word."""
    if text is None:
        return np.datetime64("NaT", "ns")
    moment = _moment(text)
    if not _FIRST <= moment < _LAST:
        raise OverflowError(text)
    finer = _FINER.search(text)
    if finer is None:
        return np.datetime64(moment, "ns")
    return np.datetime64(moment, "ns") + np.timedelta64(int(finer[1].ljust(3, "0")), "ns")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _bytes(value: str | dict[str, str] | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        text = value["b64"] if isinstance(value, dict) else value
        return base64.b64decode(text, validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(str(error)) from error


# From here on only for errors: slow, and exact about the place.


class _Fault(Exception):
    def __init__(self, path: str, expected: str, got: str) -> None:
        super().__init__(path, expected, got)
        self.path, self.expected, self.got = path, expected, got


def _blame(field: Field, values: list[Any], path: str, *, null: bool) -> InvalidInput:
    first: tuple[int, ...] | None = None
    for index, value in enumerate(values):
        try:
            shape = _measure(field, value, field.shape[1:], "", null=null)
        except _Fault as fault:
            place = f"instances[{index}]{path}{fault.path}"
            return InvalidInput(f"{place}: expected {fault.expected}, got {fault.got}.")
        if first is not None and shape != first:
            expected = f"the shape {list(first)} of instances[0], got {list(shape)}"
            return InvalidInput(f"instances[{index}]{path}: expected {expected}.")
        first = shape
    return InvalidInput(f"instances{path}: the values do not form a {field.dtype} array.")


def _measure(
    field: Field, value: Any, dims: tuple[int | None, ...], path: str, *, null: bool
) -> tuple[int, ...]:
    """The shape of one row's value, or a fault at the first place that is wrong."""
    if not dims:
        _check_leaf(field.dtype, value, path, null=null)
        return ()
    words = _WORDS[family(field.dtype)][1] if len(dims) == 1 else "lists"
    counted = _ONE.get(words, words.removesuffix("s")) if dims[0] == 1 else words
    expected = f"a list of {words}" if dims[0] is None else f"{dims[0]} {counted}"
    if not isinstance(value, list):
        raise _Fault(path, expected, describe(value))
    if dims[0] is not None and len(value) != dims[0]:
        raise _Fault(path, expected, str(len(value)))
    inner = [
        _measure(field, item, dims[1:], f"{path}[{position}]", null=null)
        for position, item in enumerate(value)
    ]
    for position, shape in enumerate(inner):
        if shape != inner[0]:
            raise _Fault(f"{path}[{position}]", f"length {inner[0][0]}", str(shape[0]))
    return (len(value), *(inner[0] if inner else (0,) * (len(dims) - 1)))


def _check_leaf(dtype: str, value: Any, path: str, *, null: bool) -> None:
    letter = family(dtype)
    if letter == "o" or (null and value is None and letter in _LACKING):
        return
    if dtype in _OF:
        _check_leaf(_OF[dtype], value, path, null=False)
        return
    expected = _WORDS[letter][0]
    if type(value) not in _KINDS[letter] or (letter == "i" and not _is_whole(value)):
        raise _Fault(path, expected, describe(value))
    if letter == "i" and not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
        limits = np.iinfo(dtype)
        raise _Fault(path, f"{expected} from {limits.min} to {limits.max}", describe(value))
    if letter == "f" and not (null and value != value) and not _is_held(dtype, value):  # noqa: PLR0124  NaN
        raise _Fault(path, f"a finite number that fits {dtype}", describe(value))
    if letter in "ty":
        try:
            _reader(dtype)(value)
        except OverflowError:
            raise _Fault(path, f"{expected} that fits {dtype}", describe(value)) from None
        except ValueError:
            if isinstance(value, dict) and "b64" in value:
                path, expected, value = f"{path}.b64", "base64", value["b64"]
            raise _Fault(path, expected, describe(value)) from None


def _is_whole(value: float) -> bool:
    return isinstance(value, int) or (value.is_integer() and abs(value) <= _EXACT)


def _is_held(dtype: str, value: float) -> bool:
    try:
        return math.isfinite(value) and abs(value) <= float(np.finfo(dtype).max)
    except OverflowError:
        return False


def describe(value: Any) -> str:  # one line a type
    """A JSON value in a few words, for the end of an error: "null", "a list of 3"."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, str):
        return f'the string "{value[:_SHOWN]}"'
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return "NaN" if isinstance(value, float) and math.isnan(value) else str(value)[:_SHOWN]
