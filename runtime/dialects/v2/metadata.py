"""Metadata: the tensors and the configuration of a model, as Triton's clients read them.

Source: Triton, docs/protocol/extension_model_configuration.md; model_config.proto as JSON.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...data.regions import Regions
from ..served import Served
from ..tensors.api_tensors import specs_of
from ..tensors.output import Spec, promised, specs
from .inference.infer_request import INPUT

OUTPUT = "output"
Json = dict[str, Any]

EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "generate",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "parameters",
    "schedule_policy",
    "statistics",
)


def extensions(regions: Regions | None) -> Sequence[str]:
    """The extensions of Triton's that this server has."""
    return EXTENSIONS if regions is None else (*EXTENSIONS, "system_shared_memory")


def metadata(served: Served, name: str, versions: Sequence[str]) -> Json:
    """The names and shapes of a model's tensors, the batch axis included."""
    inputs, outputs = sides(served)
    return {
        "name": name,
        "versions": list(versions),
        "platform": platform(served),
        "inputs": [_tensor(spec) for spec in inputs],
        "outputs": [_tensor(spec) for spec in outputs],
    }


def config(served: Served, name: str) -> Json:
    """How a model is served; the batch axis is not among the sizes where batches are made."""
    limits = served.limits
    inputs, outputs = sides(served)
    skipped = int(limits.mergeable)
    document: Json = {
        "name": name,
        "platform": platform(served),
        "backend": "python",
        "version_policy": {"specific": {"versions": [served.version]}},
        "max_batch_size": limits.max_batch_size if limits.mergeable else 0,
        "input": [_configured(spec, skipped) for spec in inputs],
        "output": [_configured(replace(each, is_optional=False), skipped) for each in outputs],
        "instance_group": [{"name": name, "kind": "KIND_AUTO", "count": 1}],
        "parameters": {},
        "model_transaction_policy": {"decoupled": served.route.streaming},
    }
    if limits.mergeable:
        document["dynamic_batching"] = {
            "preferred_batch_size": [limits.max_batch_size],
            "max_queue_delay_microseconds": 0,
        }
    return document


def platform(served: Served) -> str:
    """The library of a model."""
    return served.manifest.framework if served.manifest is not None else "python"


def sides(served: Served) -> tuple[list[Spec], list[Spec]]:
    """The input and output tensors; for a service class as far as its types are known."""
    signature = served.signature
    if signature is None:
        return specs_of(served.route)
    return specs(signature.inputs, INPUT), promised(signature.outputs, OUTPUT)


def _tensor(spec: Spec) -> Json:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def _configured(spec: Spec, skipped: int) -> Json:
    kind = "STRING" if spec.datatype == "BYTES" else spec.datatype
    document: Json = {
        "name": spec.name,
        "data_type": f"TYPE_{kind}",
        "dims": list(spec.shape[skipped:]) or [1],
    }
    return document | {"optional": True} if spec.is_optional else document
