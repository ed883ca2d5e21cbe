"""Table: converts rows to batches and back, for the four layouts of a signature.

A batch is an ndarray, a DataFrame, a dict of ndarrays or a list (`signature.Layout` says which);
a model's answer may also be a tuple of ndarrays. Until they are with the model, the columns of a
DataFrame are a dict of ndarrays as well: whoever only passes rows on needs no pandas.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from ...errors import InvalidInput, PredictionFailed
from ...first_few import first_few
from ...manifests.signature import Field, Side
from ...nearest import nearest
from . import column, frame, free_values, python_rows
from .fragments import Fragments, Unfit
from .predictions import to_instances, to_wire
from .stacking import stacked

__all__ = [
    "accept",
    "assemble",
    "collate",
    "concat",
    "fit",
    "gather",
    "is_finite",
    "key",
    "nbytes",
    "rows",
    "slice",
    "stack",
    "to_instances",
    "to_wire",
]

_SHOWN = 64  # characters of an unknown name that an error repeats
_LISTED = 12  # names in an error
_REMOTE = (Fragments, Unfit)  # what a model in another process answered


def collate(side: Side, instances: list[Any], *, nan_as_null: bool = False) -> Any:
    """Check every instance against `side` and stack them into one batch, as the model takes it.

    Raises:
        InvalidInput: see `gather`.
        MissingFramework: when the model takes a DataFrame and there is no pandas.
    """
    return assemble(side, gather(side, instances, nan_as_null=nan_as_null))


def assemble(side: Side, batch: Any) -> Any:
    """A batch that `gather` or `fit` made, as the model takes it."""
    if side.layout == "columns" and isinstance(batch, dict):
        return frame.of(side.fields, batch)
    return batch


def gather(side: Side, instances: list[Any], *, nan_as_null: bool = False) -> Any:
    """Check every instance against `side` and stack them; columns become a dict of arrays.

    `nan_as_null` admits null as a missing value in float, string, time and category fields.

    Raises:
        InvalidInput: names the instance, the field, what was expected and what came.
    """
    fixed = side.fields[0].shape[0] if side.fields and side.fields[0].shape else None
    if fixed is not None and len(instances) != fixed:
        raise InvalidInput(f"instances: expected {fixed} in one request, got {len(instances)}.")
    return _GATHER[side.layout](side, instances, nan_as_null)


def _gather_array(side: Side, instances: list[Any], null: bool) -> np.ndarray:
    return column.to_array(side.fields[0], instances, null=null)


def _gather_objects(side: Side, instances: list[Any], null: bool) -> list[Any]:  # noqa: ARG001
    free_values.check(instances)
    return list(instances)


def _gather_columns(side: Side, instances: list[Any], null: bool) -> dict[str, np.ndarray]:
    return _columns(side.fields, instances, null)


_GATHER: dict[str, Callable[[Side, list[Any], bool], Any]] = {
    "array": _gather_array,
    "tensors": _gather_columns,
    "columns": _gather_columns,
    "objects": _gather_objects,
}


def _columns(fields: tuple[Field, ...], instances: list[Any], null: bool) -> dict[str, np.ndarray]:
    names = [field.name for field in fields]
    records = [_row(names, index, instance) for index, instance in enumerate(instances)]
    return {
        field.name: column.to_array(
            field, [record[position] for record in records], path=f".{field.name}", null=null
        )
        for position, field in enumerate(fields)
    }


def _row(names: list[str], index: int, instance: Any) -> Sequence[Any]:
    """The values of one instance in the order of `names`."""
    if isinstance(instance, dict):
        try:
            row = [instance[name] for name in names]
        except KeyError:
            raise _wrong_names(names, index, instance) from None
        if len(instance) != len(names):
            raise _wrong_names(names, index, instance)
        return row
    if isinstance(instance, list) and len(instance) == len(names):
        return instance
    got = str(len(instance)) if isinstance(instance, list) else column.describe(instance)
    raise InvalidInput(
        f"instances[{index}]: expected an object or a list of {len(names)} values "
        f"({_listing(names)}), got {got}."
    )


def _wrong_names(names: list[str], index: int, instance: Mapping[str, Any]) -> InvalidInput:
    missing = [name for name in names if name not in instance]
    for unknown in (str(name)[:_SHOWN] for name in instance if name not in names):
        near = nearest(unknown, missing or names)
        if not near and missing:
            lacks = f"instances[{index}]: unknown field `{unknown}`, and `{missing[0]}` is missing"
            return InvalidInput(f"{lacks}; expected {_listing(names)}.")
        hint = f"did you mean `{near}`?" if near else f"expected {_listing(names)}."
        return InvalidInput(f"instances[{index}]: unknown field `{unknown}`; {hint}")
    return InvalidInput(f"instances[{index}]: field `{missing[0]}` is missing.")


def _listing(names: list[str]) -> str:
    return first_few(names, _LISTED)


def accept(side: Side, batch: Any, *, nan_as_null: bool = False) -> Any:
    """Check a batch that came as arrays and give it its dtypes, as the model takes it.

    Raises:
        InvalidInput: see `fit`.
        MissingFramework: when the model takes a DataFrame and there is no pandas.
    """
    return assemble(side, fit(side, batch, nan_as_null=nan_as_null))


def fit(side: Side, batch: Any, *, nan_as_null: bool = False) -> Any:
    """Check a batch that came as arrays (npy, Arrow, a Python caller) and give it its dtypes.

    Columns become a dict of arrays. A Python caller may give several inputs as a tuple, and rows
    as a list of records.

    Raises:
        InvalidInput: for another shape, another kind of dtype or values out of its range.
    """
    if side.layout == "objects":
        return batch
    if side.layout == "array":
        return _fit(side.fields[0], np.asarray(batch), "", nan_as_null)
    if isinstance(batch, list):
        return gather(side, python_rows.spelled(batch), nan_as_null=nan_as_null)
    if isinstance(batch, tuple):
        batch = python_rows.columns(side.fields, batch)
    columns = _named(side.fields, batch)
    return {
        field.name: _fit(field, columns[field.name], f".{field.name}", nan_as_null)
        for field in side.fields
    }


def _named(fields: tuple[Field, ...], batch: Any) -> dict[str, np.ndarray]:
    names = [field.name for field in fields]
    if isinstance(batch, np.ndarray) and batch.dtype.names is None:
        if len(names) == 1 and batch.ndim == len(fields[0].shape):
            return {names[0]: batch}
        if batch.ndim != 2 or batch.shape[1] != len(names):  # noqa: PLR2004
            raise InvalidInput(
                f"expected shape (rows, {len(names)}) for {_listing(names)}, "
                f"got {_shape(batch.shape)}."
            )
        return {name: batch[:, position] for position, name in enumerate(names)}
    got = list(batch.dtype.names) if isinstance(batch, np.ndarray) else list(batch)
    if set(got) != set(names):
        raise _wrong_names(names, 0, dict.fromkeys(got))
    return {name: np.asarray(batch[name]) for name in names}


def _fit(field: Field, array: np.ndarray, path: str, null: bool) -> np.ndarray:
    null = null or field.is_nullable
    if field.shape[1:] == (1,) and array.ndim == 1:
        array = array[:, None]  # a column, for a model that takes columns as matrices
    if field.dtype == "object" and array.ndim > len(field.shape) == 1:  # any value, a list as well
        return column.to_array(field, to_instances(array, nan_as_null=null), path=path, null=null)
    if array.dtype.kind == "O" and array.ndim < len(field.shape):  # lists, of different lengths
        return column.to_array(field, array.tolist(), path=path, null=null)
    if not column.fits(field, array.shape) or field.shape[0] not in {None, *array.shape[:1]}:
        wanted = ["rows" if field.shape[0] is None else field.shape[0], *field.shape[1:]]
        raise InvalidInput(
            f"instances{path}: expected shape {_shape(wanted)}, got {_shape(array.shape)}."
        )
    letter = column.family(field.dtype)
    # What numpy would cast by itself: 64 to 32 bits and whole numbers to floats, nothing else.
    easy = array.dtype.kind in {"f": "fiu", "b": "b"}.get(letter, "") or (
        letter == "i" and array.dtype.kind in "iu" and np.can_cast(array.dtype, field.dtype)
    )
    if not easy and not array.size:
        return column.empty(field, array.shape)
    if not easy:
        return column.to_array(field, _listed(array, path, null), path=path, null=null)
    with np.errstate(over="ignore", invalid="ignore"):  # what it becomes is found below
        fitted = np.ascontiguousarray(array, dtype=field.dtype)
    if letter == "f" and not null and not column.is_finite(fitted):
        return column.to_array(field, array.tolist(), path=path)  # raises, and says where
    return fitted


def _listed(array: np.ndarray, path: str, null: bool) -> list[Any]:
    """The array as JSON would bring it."""
    if array.dtype.kind not in "fM":
        listed: list[Any] = array.tolist()
        return listed
    try:
        return to_instances(array, nan_as_null=null)
    except PredictionFailed:
        got = "NaN" if np.isnan(array).any() else "an infinity"
        raise InvalidInput(f"instances{path}: expected a value everywhere, got {got}.") from None


def _shape(sizes: Sequence[Any]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in sizes) + ")"


def stack(batch: Any) -> Any:
    """A batch of plain JSON rows as what a library expects: records a DataFrame, lists an array.

    Raises:
        InvalidInput: when the rows are not alike.
    """
    if not isinstance(batch, list) or not batch:
        return batch
    if isinstance(batch[0], dict):
        names = list(batch[0])
        if any(not isinstance(row, dict) or set(row) != set(names) for row in batch):
            raise InvalidInput("instances: the records differ in their fields.")
        fields = tuple(Field(name, "object", (None,)) for name in names)
        return frame.of(fields, _columns(fields, batch, True))
    try:
        return stacked(batch)
    except ValueError:
        raise InvalidInput("instances: the rows differ in their shape.") from None


def rows(batch: Any) -> int:
    """The number of rows in a batch or in a model's answer.

    Raises:
        PredictionFailed: when it is not made of rows.
    """
    parts = _parts(batch)
    if parts is None:
        try:
            return len(batch)
        except TypeError:
            is_one = isinstance(batch, np.ndarray)
            got = "one value" if is_one else f"a `{type(batch).__name__}`"
            raise PredictionFailed(f"The model answered with {got}, not with rows.") from None
    counts = {rows(part) for part in parts}
    if len(counts) != 1:
        found = " and ".join(map(str, sorted(counts))) or "there are none"
        raise PredictionFailed(f"The model's outputs differ in their number of rows: {found}.")
    return counts.pop()


def _parts(batch: Any) -> list[Any] | None:
    if isinstance(batch, Mapping):
        return list(batch.values())
    return list(batch) if isinstance(batch, tuple) else None


def concat(batches: Sequence[Any]) -> Any:
    """Stack batches of one `key` on top of each other."""
    first = batches[0]
    if len(batches) == 1:
        return first
    if isinstance(first, np.ndarray):
        return np.concatenate(batches)
    if isinstance(first, Mapping):
        return {name: concat([batch[name] for batch in batches]) for name in first}
    if isinstance(first, tuple):
        return tuple(concat(parts) for parts in zip(*batches, strict=True))
    if isinstance(first, list):
        return [row for batch in batches for row in batch]
    return first.join(batches) if isinstance(first, _REMOTE) else frame.concat(batches)


def slice(batch: Any, start: int, stop: int) -> Any:  # noqa: A001
    """Rows `start` to `stop` of a batch or an answer; arrays are views."""
    if isinstance(batch, Mapping):
        return {name: slice(part, start, stop) for name, part in batch.items()}
    if isinstance(batch, tuple):
        return tuple(slice(part, start, stop) for part in batch)
    if isinstance(batch, (np.ndarray, list)):
        return batch[start:stop]
    if isinstance(batch, _REMOTE):
        return batch.cut(start, stop)
    return batch.iloc[start:stop].reset_index(drop=True)


def is_finite(output: Any) -> bool:
    """Whether no number in an answer is NaN, infinite or complex; texts are not looked into."""
    if isinstance(output, np.ndarray):
        kind = output.dtype.kind
        return kind != "c" and (kind != "f" or column.is_finite(output))
    if isinstance(output, Fragments):
        return not output.flaws or not output.flawed()
    parts = _parts(output)
    if parts is not None:
        return all(map(is_finite, parts))
    if isinstance(output, list):
        return all(map(_is_finite, output))
    return True


def _is_finite(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return is_finite(value)
    return not isinstance(value, (float, np.floating)) or math.isfinite(value)


def key(side: Side, batch: Any) -> Hashable:
    """What must be equal for two batches to share one call: dtypes and the shapes of a row."""
    if isinstance(batch, np.ndarray):
        return (batch.dtype.str, batch.shape[1:])
    if isinstance(batch, Mapping):
        if side.layout == "columns":
            return tuple(frame.kind(field, batch[field.name]) for field in side.fields)
        return tuple((name, key(side, part)) for name, part in batch.items())
    if isinstance(batch, list):
        return frozenset(map(_outline, batch))
    return tuple((name, str(dtype)) for name, dtype in batch.dtypes.items())


def _outline(value: Any) -> Hashable:
    """The structure of a JSON value, so that unlike rows are never stacked."""
    if isinstance(value, dict):
        return frozenset((name, _outline(item)) for name, item in value.items())
    if isinstance(value, list):
        return (len(value), frozenset(map(_outline, value)))
    if type(value) is orjson.Fragment:  # nobody has looked inside: it is like nothing else
        return object()
    return "number" if type(value) in {int, float} else type(value).__name__


def nbytes(batch: Any) -> int:
    """Roughly the memory of a batch, in bytes."""
    if isinstance(batch, np.ndarray):
        return batch.nbytes
    parts = _parts(batch)
    if parts is not None:
        return sum(map(nbytes, parts))
    if isinstance(batch, list):
        return sum(map(_weight, batch))
    return int(np.sum(batch.memory_usage(index=False)))  # a Series says one number


def _weight(value: Any) -> int:
    if isinstance(value, (list, tuple)):
        return 56 + sum(map(_weight, value))
    if isinstance(value, dict):
        return 64 + sum(len(str(name)) + _weight(item) for name, item in value.items())
    return len(value) if isinstance(value, (str, bytes)) else 32
