"""Class names: finds a classifier's classes, for the signature."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ....runtime.frameworks.framework import Classifying, Framework
from ....runtime.manifests.signature import Class, Field, Side, Signature, is_classes
from ...errors import SampleMismatch


def named(side: Side, framework: Framework, model: Any, method: str, answer: Any) -> Side:
    """The outputs of a method with the names of its classes, as far as they fit `answer`.

    Without names where a class is not a JSON value, or `answer` has other values.
    """
    known = framework.classes(model, method) if isinstance(framework, Classifying) else {}
    if not known:
        return side
    parts = list(_parts(answer, len(side.fields)))
    fields = [
        _named(field, known.get(place, ()), parts[place] if place < len(parts) else None)
        for place, field in enumerate(side.fields)
    ]
    return replace(side, fields=tuple(fields))


def chosen(methods: Mapping[str, Signature], classes: Sequence[Class]) -> dict[str, Signature]:
    """The methods with classes that somebody has named, wherever a row has a number for each.

    Raises:
        SampleMismatch: where none answers so.
    """
    if not classes:
        return dict(methods)
    found = {method: _chosen(signature, tuple(classes)) for method, signature in methods.items()}
    if found == dict(methods):
        raise SampleMismatch(
            f"No method is known to answer with {len(classes)} numbers a row, one for each class.",
            hint="Give a sample, and a name for each of the numbers.",
        )
    return found


def _chosen(signature: Signature, classes: tuple[Class, ...]) -> Signature:
    fields = tuple(
        replace(field, classes=classes) if field.shape[1:] == (len(classes),) else field
        for field in signature.outputs.fields
    )
    return replace(signature, outputs=replace(signature.outputs, fields=fields))


def _named(field: Field, classes: Sequence[Any], answer: Any) -> Field:
    listed = list(classes)
    if not listed or answer is None or not is_classes(listed):
        return field
    if len(field.shape) == 1:
        fits = set(np.asarray(answer).tolist()) <= set(listed)
    else:
        fits = field.shape[1:] == (len(listed),)
    return replace(field, classes=tuple(listed)) if fits else field


def _parts(answer: Any, count: int) -> Iterator[Any]:
    """What stands in the fields of an answer, in their order."""
    if isinstance(answer, Mapping):
        yield from answer.values()
    elif isinstance(answer, tuple):
        yield from answer
    elif count == 1:
        yield answer
