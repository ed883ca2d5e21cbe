"""Arrow table: converts its columns to arrays."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import InvalidInput, PayloadTooLarge

_INDEX = re.compile(r"__index_level_\d+__")  # the rows' own names, where pandas has none for them
_SHOWN = 64  # characters of a name that an error repeats
_MOST_DEPTH = 8  # lists in lists
_LIST, _VALUE = 64, 32  # bytes that Python takes, about, for one beside its text


def columns(table: Any, most_bytes: int) -> dict[str, np.ndarray]:
    """The columns of a pyarrow Table; texts, and whatever lacks values, as arrays of objects.

    Lists of one length are one more dimension, those of several an array of Python's own.

    Raises:
        InvalidInput: for a type that no signature has, or when two columns have one name.
        PayloadTooLarge: when texts that are stored once, or lists, become more than `most_bytes`.
    """
    found: dict[str, np.ndarray] = {}
    room = most_bytes
    for name, column in zip(table.column_names, table.columns, strict=True):
        if _INDEX.fullmatch(name):
            continue
        if name in found:
            raise InvalidInput(f"The column `{name[:_SHOWN]}` appears more than once.")
        _check(column.type, name)
        room -= _expanded(column)
        if room < 0:
            raise PayloadTooLarge(f"The texts in the body are more than {most_bytes} bytes.")
        found[name] = _array(column, name, most_bytes)
    return found


def _check(kind: Any, name: str, depth: int = 0) -> None:
    """Only types whose values take bytes of their own: of others few bytes become any number.

    Nulls take none, but there are no more of them than rows, which were counted before.
    """
    from pyarrow import types

    if _is_tensor(kind):
        kind = kind.storage_type
    if _is_list(kind) and depth < _MOST_DEPTH:
        _check(kind.value_type, name, depth + 1)
        return
    if types.is_dictionary(kind):
        kind = kind.value_type
    is_number = types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)
    is_number = is_number or types.is_decimal(kind) or (types.is_null(kind) and not depth)
    if is_number or _is_time(kind) or _is_text(kind):
        return
    raise InvalidInput(f"The column `{name[:_SHOWN]}` is of a type that is not taken: {kind}.")


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_time(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_timestamp(kind) or types.is_date(kind))


def _is_tensor(kind: Any) -> bool:
    import pyarrow as pa

    return isinstance(kind, pa.FixedShapeTensorType)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


def _expanded(column: Any) -> int:
    """Bytes of texts that may be stored once and stand in many rows."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    total = 0
    for chunk in map(_leaves, column.chunks):
        if types.is_string_view(chunk.type):
            lengths = np.frombuffer(chunk.buffers()[1] or b"", np.int32)[::4]
            total += int(lengths[chunk.offset : chunk.offset + len(chunk)].sum(dtype=np.int64))
        elif types.is_dictionary(chunk.type) and _is_text(chunk.type.value_type):
            values = chunk.dictionary
            if types.is_string_view(values.type):
                values = values.cast(pa.large_string())
            total += int(pc.sum(pc.binary_length(values).take(chunk.indices)).as_py() or 0)
    return total


def _leaves(chunk: Any) -> Any:
    """The values of lists in lists."""
    if _is_tensor(chunk.type):
        chunk = chunk.storage
    while _is_list(chunk.type):
        chunk = chunk.flatten()
    return chunk


def _array(column: Any, name: str, most_bytes: int) -> np.ndarray:
    kind = column.type
    if _is_tensor(kind):
        tensors = [chunk.to_numpy_ndarray() for chunk in column.chunks]
        return np.concatenate(tensors) if tensors else np.empty((0, *kind.shape))
    if not _is_list(kind):
        return _flat(column.combine_chunks())
    rows = column.combine_chunks()
    if rows.null_count:
        raise InvalidInput(f"The column `{name[:_SHOWN]}` lacks values.")
    sizes, weight = [len(rows)], 0
    while _is_list(rows.type):
        weight += _LIST * len(rows)
        flat = rows.flatten()
        if rows.null_count or len(flat) % max(len(rows), 1) or not _is_even(rows, len(flat)):
            return _uneven(column, weight + _LIST * len(flat), most_bytes)
        sizes.append(len(flat) // len(rows) if len(rows) else 0)
        rows = flat
    return _flat(rows).reshape(sizes)


def _flat(values: Any) -> np.ndarray:
    """Values that are no lists; texts, and what has gaps beside times, as objects."""
    from pyarrow import types

    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if types.is_decimal(values.type):  # as JSON would bring them
        values = values.cast("float64")
    if _is_text(values.type) or (values.null_count and not _is_time(values.type)):
        return np.fromiter(values.to_pylist(), object, len(values))
    array: np.ndarray = values.to_numpy(zero_copy_only=False)
    return array


def _uneven(column: Any, weight: int, most_bytes: int) -> np.ndarray:
    """Lists of different lengths, as JSON would bring them: for a model that takes such.

    An empty one takes four bytes of the body.
    """
    if weight + _VALUE * sum(map(len, map(_leaves, column.chunks))) > most_bytes:
        raise PayloadTooLarge(f"The lists in the body are more than {most_bytes} bytes.")
    return np.fromiter(column.to_pylist(), object, len(column))


def _is_even(rows: Any, size: int) -> bool:
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_fixed_size_list(rows.type) or not len(rows):
        return True
    lengths = pc.list_value_length(rows).to_numpy(zero_copy_only=False)
    return bool((lengths == size // len(rows)).all())


def of(columns: Mapping[str, np.ndarray | list[Any]]) -> Any:
    """Columns as a pyarrow Table; what has more dimensions becomes lists of one length.

    Raises:
        ValueError, TypeError: for values that are not alike (pyarrow's own are both).
    """
    import pyarrow as pa

    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: np.ndarray | list[Any]) -> Any:
    import pyarrow as pa

    if isinstance(values, list) or values.ndim == 1:
        return pa.array(values)
    made = pa.array(np.ascontiguousarray(values).reshape(-1))
    for size in reversed(values.shape[1:]):
        made = pa.FixedSizeListArray.from_arrays(made, size)
    return made
