"""What a model's methods take and give: names, dtypes, shapes, and where the batch axis is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

Layout = Literal["array", "columns", "tensors", "objects"]
"""How rows become a batch.

array    one ndarray; an instance is a number or nested lists
columns  a DataFrame; an instance is a record, or a list in column order
tensors  several named ndarrays in a dict; an instance is a record of numbers and nested lists
objects  a plain list; an instance is any JSON value and nothing is known of it
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One tensor or column.

    `dtype` is numpy's name ("float32", "int64", "bool"), or "str", "bytes", "datetime64[ns]",
    "category", "object". `shape` includes the batch axis, always first and always None when rows
    can be stacked; another None is a dimension that may vary from request to request.
    `is_nullable` says that values may be missing: null in JSON, NaN or NaT in an array.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    is_nullable: bool = False

    def to_json(self) -> dict[str, Any]:
        """As it stands in `model.json`."""
        plain = {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}
        return plain | ({"nullable": True} if self.is_nullable else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(data["name"], data["dtype"], tuple(data["shape"]), data.get("nullable", False))


@dataclass(frozen=True, slots=True)
class Side:
    """The inputs or the outputs of a method: a layout and its fields, in order."""

    layout: Layout
    fields: tuple[Field, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it stands in `model.json`."""
        return {"layout": self.layout, "fields": [field.to_json() for field in self.fields]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(data["layout"], tuple(Field.from_json(field) for field in data["fields"]))


OBJECTS = Side("objects")


@dataclass(frozen=True, slots=True)
class Signature:
    """One method: what goes in, what comes out, and whether rows may share one call."""

    inputs: Side = OBJECTS
    outputs: Side = OBJECTS
    batchable: bool = True

    def to_json(self) -> dict[str, Any]:
        """As it stands in `model.json`."""
        return {
            "inputs": self.inputs.to_json(),
            "outputs": self.outputs.to_json(),
            "batchable": self.batchable,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            Side.from_json(data["inputs"]), Side.from_json(data["outputs"]), data["batchable"]
        )
