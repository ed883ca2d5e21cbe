"""Signature: inputs and outputs of a model's methods: names, dtypes, shapes, the batch axis."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from . import json_types

Layout = Literal["array", "columns", "tensors", "objects"]
"""How rows become a batch.

array    one ndarray; an instance is a number or nested lists
columns  a DataFrame; an instance is a record, or a list in column order
tensors  several named ndarrays in a dict; an instance is a record of numbers and nested lists
objects  a plain list; an instance is any JSON value and nothing is known of it
"""


Class = str | int | float | bool
"""What a classifier answers with."""

MOST_CLASSES = 10_000  # of one field; a model.json is read at each start
_LONGEST = 1024  # characters of one


def is_classes(found: Any) -> bool:
    """Whether it is a list of classes, each once."""
    return (
        isinstance(found, list)
        and len(found) <= MOST_CLASSES
        and all(map(_is_class, found))
        and len({(type(each), each) for each in found}) == len(found)
    )


def _is_class(found: Any) -> bool:
    if isinstance(found, str):
        return len(found) <= _LONGEST
    return isinstance(found, int) or (isinstance(found, float) and math.isfinite(found))


def label(found: Class) -> str:
    """A class as text, as JSON would have it."""
    return found if isinstance(found, str) else json.dumps(found)


_TYPES = {
    "name": str, "dtype": str, "shape": tuple[int | None, ...], "nullable": bool, "axis": int,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One tensor or column.

    `dtype` is numpy's name ("float32", "int64", "bool"), or "str", "bytes", "datetime64[ns]",
    "category" ("category[int64]" where those are numbers), "object". `shape` includes the batch
    axis, always first and always None when rows can be stacked; another None is a dimension that
    may vary from request to request.
    `is_nullable` says that values may be missing: null in JSON, NaN or NaT in an array.
    `classes` are those of a classifier, in its order: what a value may be, or, where each row has
    one for each of them, what a value stands for.
    `categories` are those of a category column that goes in, in its order: to a model that has no
    list of its own they come as these. `is_ordered` says that they are compared with one another,
    so there are no others.
    `axis` is the one on which the model itself has the rows: 1 where a network takes the steps of
    a sequence first. In `shape`, as in requests and answers, they are always on the first.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    is_nullable: bool = False
    classes: tuple[Class, ...] = ()
    categories: tuple[Class, ...] = ()
    is_ordered: bool = False
    axis: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """What each place of a row stands for; empty where that is not known."""
        if not self.classes or self.shape[1:] != (len(self.classes),):
            return ()
        return tuple(map(label, self.classes))

    @property
    def choices(self) -> tuple[Class, ...]:
        """What a value may be; empty where that is not known."""
        return self.classes if len(self.shape) == 1 else ()

    def to_json(self) -> dict[str, Any]:
        """As it stands in `model.json`."""
        plain = {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}
        nullable = {"nullable": True} if self.is_nullable else {}
        classes = {"classes": list(self.classes)} if self.classes else {}
        categories = {"categories": list(self.categories)} if self.categories else {}
        ordered = {"ordered": True} if self.is_ordered else {}
        axis = {"axis": self.axis} if self.axis else {}
        return plain | nullable | classes | categories | ordered | axis

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; raises ValueError for an axis or classes it cannot have."""
        json_types.check(data, _TYPES, "fields")
        classes, categories = data.get("classes", []), data.get("categories", [])
        for kind, found in (("classes", classes), ("categories", categories)):
            if not is_classes(found):
                raise ValueError(f"the {kind} of {data['name']!r} are none")
        shape, nullable = tuple(data["shape"]), data.get("nullable", False)
        is_ordered = bool(data.get("ordered", False) and categories)
        axis = data.get("axis", 0)
        if axis and not 0 < axis < len(shape):
            raise ValueError(f"{data['name']!r} has no axis {axis}")
        known = (tuple(classes), tuple(categories))
        return cls(data["name"], data["dtype"], shape, nullable, *known, is_ordered, axis)


@dataclass(frozen=True, slots=True)
class Side:
    """The inputs or the outputs of a method: a layout and its fields, in order."""

    layout: Layout
    fields: tuple[Field, ...] = ()

    def is_optional(self, field: Field) -> bool:
        """Whether a client may leave out one of several fields: a column with missing values."""
        is_column = self.layout == "columns" and len(self.fields) > 1 and len(field.shape) == 1
        return is_column and field.is_nullable

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
