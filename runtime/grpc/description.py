"""Description: what a model takes and gives, and how it is served, as messages."""

from collections.abc import Sequence
from typing import Any

from ..dialects.served import Served
from ..dialects.tensor_output import Spec, specs
from ..signature import OBJECTS
from .messages.pool import pool

INPUT, OUTPUT = "input", "output"
"""Names of the only tensor of a model of which nothing is known."""

_TYPES = {"BYTES": "TYPE_STRING"}


def metadata(served: Served, name: str, versions: Sequence[str]) -> Any:
    """A ModelMetadataResponse; the batch axis is among the sizes."""
    said = pool()["inference.ModelMetadataResponse"](name=name, versions=versions)
    said.platform = _platform(served)
    inputs, outputs = _sides(served)
    for spec in inputs:
        said.inputs.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
    for spec in outputs:
        said.outputs.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
    return said


def config(served: Served, name: str) -> Any:
    """A ModelConfigResponse; the batch axis is not among the sizes where batches are made."""
    said = pool()["inference.ModelConfigResponse"]()
    told = said.config
    told.name, told.backend, told.platform = name, "python", _platform(served)
    limits = served.limits
    told.max_batch_size = limits.max_batch_size if limits.mergeable else 0
    skipped = int(limits.mergeable)
    inputs, outputs = _sides(served)
    for spec, listed in [*((i, told.input) for i in inputs), *((o, told.output) for o in outputs)]:
        listed.add(
            name=spec.name,
            data_type=_TYPES.get(spec.datatype, f"TYPE_{spec.datatype}"),
            dims=spec.shape[skipped:] or [1],
        )
    if limits.mergeable:
        told.dynamic_batching.max_queue_delay_microseconds = 0
    return said


def _platform(served: Served) -> str:
    return served.manifest.framework if served.manifest is not None else "python"


def _sides(served: Served) -> tuple[list[Spec], list[Spec]]:
    signature = served.signature
    inputs, outputs = (signature.inputs, signature.outputs) if signature else (OBJECTS, OBJECTS)
    return specs(inputs, INPUT), specs(outputs, OUTPUT)
