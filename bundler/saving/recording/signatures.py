"""Signatures: infers a method's inputs and outputs from a sample and the answers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ....runtime.data.rows import table
from ....runtime.frameworks.framework import Framework
from ....runtime.frameworks.sklearn import takes_records
from ....runtime.manifests.signature import OBJECTS, Field, Layout, Side, Signature, is_classes

_NUMERIC = frozenset({"int64", "float64", "bool"})


def side_of(batch: Any, prefix: str) -> Side:
    """The layout and fields of a batch or an answer; unnamed arrays are called `<prefix>-0`, ..."""
    if isinstance(batch, np.ndarray):
        return Side("array", (_field(f"{prefix}-0", batch),)) if batch.ndim else OBJECTS
    if isinstance(batch, tuple):
        batch = {f"{prefix}-{position}": part for position, part in enumerate(batch)}
    if isinstance(batch, Mapping):
        return _named("tensors", {str(name): part for name, part in batch.items()})
    if hasattr(batch, "columns"):
        return Side("columns", tuple(_column(str(name), batch[name]) for name in batch.columns))
    if hasattr(batch, "to_numpy"):  # a Series
        return side_of(batch.to_numpy(), prefix)
    return OBJECTS


def _named(layout: Layout, parts: Mapping[str, Any]) -> Side:
    if not parts or not all(isinstance(part, np.ndarray) and part.ndim for part in parts.values()):
        return OBJECTS
    return Side(layout, tuple(_field(name, part) for name, part in parts.items()))


def _field(name: str, array: np.ndarray) -> Field:
    return Field(name, _dtype(array), (None, *array.shape[1:]))


def _dtype(array: np.ndarray) -> str:
    if array.dtype.kind in "biufM":
        return str(array.dtype.newbyteorder("="))
    if array.dtype.kind == "U" or (array.size and all(isinstance(v, str) for v in array.flat)):
        return "str"
    if array.dtype.kind == "S" or (array.size and all(isinstance(v, bytes) for v in array.flat)):
        return "bytes"
    return "object"


def _column(name: str, values: Any) -> Field:
    dtype = str(values.dtype)
    if dtype == "category":
        return Field(name, _category(values.cat.categories.dtype), (None,))
    if dtype.startswith("datetime64"):
        return Field(name, dtype, (None,))
    if values.dtype.kind in "biuf" and isinstance(values.dtype, np.dtype):
        return Field(name, dtype, (None,))
    if values.dtype.kind in "biuf" and hasattr(values.dtype, "numpy_dtype"):
        dtype = _of_extension(values)
        return Field(name, dtype, (None,), is_nullable=dtype == "bool" and _lacks(values))
    known = values.dropna()  # a missing string is no string, but the column is one of strings
    if len(known) < len(values) and set(map(type, known)) == {bool}:
        return Field(name, "bool", (None,), is_nullable=True)
    return Field(name, _dtype(np.asarray(known.to_numpy(), dtype=object)), (None,))


def as_typed(side: Side, typed: Signature | None) -> Side:
    """The outputs of a sample's answer as a typed model calls them.

    An axis that the model leaves open may have another size in the next answer, if one of its
    inputs has such an axis beside the rows, too.
    """
    fields = typed.outputs.fields if typed else ()
    if typed is None or len(fields) != len(side.fields):
        return side
    is_open = any(None in field.shape[1:] for field in typed.inputs.fields)
    named = zip(side.fields, fields, strict=True)
    return replace(side, fields=tuple(_as_typed(*pair, is_open=is_open) for pair in named))


def _as_typed(field: Field, typed: Field, *, is_open: bool) -> Field:
    if not is_open or len(field.shape) != len(typed.shape) or field.axis:
        return replace(field, name=typed.name)
    sizes = zip(field.shape[1:], typed.shape[1:], strict=True)
    shape = (field.shape[0], *(None if other is None else size for size, other in sizes))
    return replace(field, name=typed.name, shape=shape)


def with_categories(side: Side, batch: Any) -> Side:
    """The inputs with the categories of each column that has some, and their order.

    Up to `MOST_CLASSES` of texts, numbers or booleans; of others nothing is said.
    """
    if side.layout != "columns" or not hasattr(batch, "columns"):
        return side
    named = {str(name): batch[name] for name in batch.columns}
    return Side("columns", tuple(_with_own(field, named[field.name]) for field in side.fields))


def _with_own(field: Field, values: Any) -> Field:
    if not field.dtype.startswith("category"):
        return field
    found = values.cat.categories.tolist()
    if not found or not is_classes(found):
        return field
    return replace(field, categories=tuple(found), is_ordered=bool(values.cat.ordered))


def _category(values: Any) -> str:
    """The dtype of a column whose categories have this one; text can only say that of strings."""
    return f"category[{values}]" if str(values) in _NUMERIC else "category"


def _of_extension(values: Any) -> str:
    """Numpy's dtype of a column of pandas' own that may lack values, or of Arrow's."""
    plain = values.dtype.numpy_dtype
    return str(plain) if plain.kind in "bf" or not _lacks(values) else "float64"


def _lacks(values: Any) -> bool:
    return bool(values.isna().any())


def as_batch(sample: Any, framework: Framework, declared: Side | None, model: Any) -> Any:
    """A sample as its adapter's `call` takes it: tensors as arrays, lists as tables.

    `declared` is what the model itself says of its inputs: a matrix gets the names of its columns,
    a table loses the names that the model never saw. A tuple's parts are called after the
    parameters of a module's `forward`. Only a generic object is given a list as it stands, unless
    it is one of bytes, which JSON could not tell from records.
    """
    batch = _as_arrays(sample)
    if isinstance(batch, list) and batch and all(isinstance(row, bytes) for row in batch):
        batch = np.array(batch, object)
    if isinstance(batch, list) and framework.name != "generic" and not takes_records(model):
        batch = _inputs(batch) if framework.name == "torch" else table.stack(batch)
    if isinstance(batch, tuple):
        names = [field.name for field in declared.fields] if declared else _parameters(model)
        if declared is None:
            names = names[: len(batch)]
        if len(names) != len(batch):
            names = [f"input-{position}" for position in range(len(batch))]
        batch = dict(zip(names, batch, strict=True))
    return batch if declared is None else _as_declared(batch, framework, declared)


def _inputs(rows: list[Any]) -> Any:
    """Records as an array for each input of a module, which takes no tables."""
    stacked = table.stack(rows)
    if not hasattr(stacked, "columns"):
        return stacked
    return {str(name): table.stack([row[name] for row in rows]) for name in stacked.columns}


def _parameters(model: Any) -> list[str]:
    """The names of what a module's `forward` takes by position."""
    from inspect import Parameter, signature

    try:
        found = signature(model.forward).parameters.values()
    except (AttributeError, TypeError, ValueError):
        return []
    return [p.name for p in found if p.kind is Parameter.POSITIONAL_OR_KEYWORD]


def _as_arrays(sample: Any) -> Any:
    if isinstance(sample, Mapping):
        return {str(name): np.asarray(_as_arrays(part)) for name, part in sample.items()}
    if isinstance(sample, tuple):
        return tuple(np.asarray(_as_arrays(part)) for part in sample)
    if hasattr(sample, "detach"):  # a torch tensor
        plain = sample.detach().cpu()
        return (plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy()
    if hasattr(sample, "toarray"):  # a sparse matrix
        return sample.toarray()
    if hasattr(sample, "columns"):
        return _named_by_text(sample)
    return sample.to_numpy() if hasattr(sample, "to_numpy") else sample


def _named_by_text(sample: Any) -> Any:
    """A table as requests bring it: its columns called by text, its rows by nothing."""
    if type(sample).__module__.partition(".")[0] == "polars":
        sample = _frame({column.name: column.to_list() for column in sample.get_columns()})
    table = sample.reset_index(drop=True)
    names = [str(name) for name in table.columns]
    if len(set(names)) != len(names):
        return table.to_numpy()
    return table if list(table.columns) == names else table.set_axis(names, axis=1)


def _frame(columns: Mapping[str, list[Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)


def as_array(rows: list[Any]) -> np.ndarray | None:
    """A rectangular list of numbers as an array; None for any other list."""
    try:
        array = np.asarray(rows)
    except ValueError:  # the rows differ in length
        return None
    return array if array.dtype.kind in "iuf" else None


def as_floats(batch: Any) -> Any:
    """The same batch with whole numbers as floats; whatever has none comes back as it is."""
    if isinstance(batch, np.ndarray):
        return batch.astype("float64") if batch.dtype.kind in "iu" else batch
    if hasattr(batch, "columns"):
        dtypes = batch.dtypes.items()
        whole = [name for name, dtype in dtypes if str(dtype).startswith(("int", "uint"))]
        return batch.astype(dict.fromkeys(whole, "float64")) if whole else batch
    if isinstance(batch, Mapping):
        return {name: as_floats(part) for name, part in batch.items()}
    return batch


def _as_declared(batch: Any, framework: Framework, declared: Side) -> Any:
    if framework.is_typed:
        return table.accept(declared, batch, nan_as_null=True)  # what is missing is told later
    is_table, is_matrix = hasattr(batch, "columns"), getattr(batch, "ndim", 0) == 2  # noqa: PLR2004
    if declared.layout == "columns" and is_matrix and not is_table:
        fits = batch.shape[1] == len(declared.fields)
        return table.accept(_all_objects(declared), batch) if fits else batch
    if declared.layout == "array" and framework.name != "sklearn" and is_matrix_of_numbers(batch):
        return batch.to_numpy()
    return _categorized(batch, declared) if is_table else batch


def _categorized(table: Any, declared: Side) -> Any:
    """The columns of which the model learned categories as such: text has none, nor have lists."""
    known = {field.name for field in declared.fields if field.dtype.startswith("category")}
    return table.astype(dict.fromkeys(known.intersection(table.columns), "category"))


def is_matrix_of_numbers(batch: Any) -> bool:
    """Whether it is a table that a model may also take as a matrix."""
    return hasattr(batch, "columns") and all(dtype.kind in "biuf" for dtype in batch.dtypes)


def _all_objects(side: Side) -> Side:
    return Side("columns", tuple(Field(field.name, "object", (None,)) for field in side.fields))
