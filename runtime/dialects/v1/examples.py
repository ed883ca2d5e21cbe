"""Examples: the classify and regress APIs of TensorFlow Serving.

Source: `g3doc/api_rest.md`, "Classify and Regress API", and `util/json_tensor.cc`: the answer's key
is `results`.
"""

from typing import Any

import numpy as np

from ...data.rows.predictions import columns
from ...errors import InvalidInput
from ...manifests.signature import Field, Side
from .rows import from_rows, is_other_name, named

_MATRIX = 2


def from_examples(side: Side, body: dict[str, Any]) -> list[Any]:
    """The instances in `"examples"`, each completed by what `"context"` says of all.

    Features that the model does not take are passed over, as TensorFlow Serving does; where a value
    of a table may be missing, its feature may.

    Raises:
        InvalidInput: when they are not objects, or a feature is missing.
    """
    examples, context = body.get("examples"), body.get("context", {})
    if type(examples) is not list:
        raise InvalidInput("examples: expected a list of objects.")
    if type(context) is not dict:
        raise InvalidInput("context: expected an object.")
    for index, example in enumerate(examples):
        if type(example) is not dict:
            raise InvalidInput(f"examples[{index}]: expected an object of features.")
    whole = [context | _renamed(side, example, context) for example in examples]
    if side.layout == "objects" or not side.fields:
        return from_rows(side, whole)
    return from_rows(side, [_taken(side, index, each) for index, each in enumerate(whole)])


def _renamed(side: Side, example: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """An example whose only feature is the only input under another name, under its own.

    A feature beside an input that stands in the context is one that nobody wants.
    """
    if len(example) != 1 or not is_other_name(side, next(iter(example))):
        return example
    if context.get(side.fields[0].name) is not None:
        return example
    return dict.fromkeys((side.fields[0].name,), next(iter(example.values())))


def _taken(side: Side, index: int, example: dict[str, Any]) -> dict[str, Any]:
    """The features of an example that the model takes; all of them must be present."""
    found = {}
    for field in side.fields:
        if field.name in example:
            found[field.name] = _feature(field, example[field.name])
        elif side.is_optional(field):
            found[field.name] = None
        else:
            raise InvalidInput(f"examples[{index}]: the feature `{field.name}` is missing.")
    return found


def _feature(field: Field, value: Any) -> Any:
    """The value of a feature, which may be a list of one value."""
    is_alone = len(field.shape) == 1 and type(value) is list and len(value) == 1
    return value[0] if is_alone else value


def classes(side: Side, output: Any) -> list[list[list[Any]]]:
    """`[[label, score], ...]` for each row of scores.

    Labels are the model's classes where they are known, or the names of the answer's columns where
    it has some, else the positions.

    Raises:
        InvalidInput: when the model's answers are not scores.
    """
    labels, scores = _scores(side, output)
    return [
        [[label, score] for label, score in zip(labels, row, strict=True)]
        for row in scores.tolist()
    ]


def _scores(side: Side, output: Any) -> tuple[list[str], np.ndarray]:
    if hasattr(output, "columns"):
        output = columns(output)
    parts = named(side, output)
    arrays = [np.asarray(part) for part in parts.values()]
    if len(arrays) == 1 and arrays[0].ndim == _MATRIX and arrays[0].dtype.kind == "f":
        count = arrays[0].shape[1]
        labels = side.fields[0].labels if len(side.fields) == 1 else ()
        return list(labels) if len(labels) == count else list(map(str, range(count))), arrays[0]
    if len(arrays) > 1 and all(part.ndim == 1 and part.dtype.kind == "f" for part in arrays):
        return list(parts), np.stack(arrays, axis=1)
    raise InvalidInput("This signature does not classify: it does not answer with scores.")


def values(side: Side, output: Any) -> Any:
    """One number for each row.

    Raises:
        InvalidInput: when the model answers with anything else.
    """
    parts = [np.asarray(part) for part in named(side, output).values()]
    array = parts[0] if len(parts) == 1 else np.empty(0, object)
    if array.ndim == _MATRIX and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise InvalidInput("This signature does not regress: it answers with more than a number.")
    return array
