"""SignatureDef: the signature of a model in TensorFlow's terms.

Source: TensorFlow Serving, `g3doc/api_rest.md`, "Model Metadata API"; `types.proto` and
`tensor_shape.proto` of TensorFlow.
"""

from collections.abc import Mapping
from typing import Any

from ...data.rows import column
from ...manifests.signature import Field, Side, Signature

Json = dict[str, Any]

DEFAULT = "serving_default"
"""How clients call the default method."""

_PREDICT = "tensorflow/serving/predict"
_TYPES: Mapping[str, str] = {
    "float16": "DT_HALF",
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "int8": "DT_INT8",
    "int16": "DT_INT16",
    "int32": "DT_INT32",
    "int64": "DT_INT64",
    "uint8": "DT_UINT8",
    "uint16": "DT_UINT16",
    "uint32": "DT_UINT32",
    "uint64": "DT_UINT64",
    "bool": "DT_BOOL",
    "bfloat16": "DT_BFLOAT16",
}
_TEXT = "DT_STRING"


def metadata(name: str, version: str, methods: Mapping[str, Signature | None]) -> Json:
    """The answer to `GET /v1/models/{name}/metadata`; the first method is the default."""
    signatures = {method: _signature(signature) for method, signature in methods.items()}
    if signatures:
        signatures = {DEFAULT: next(iter(signatures.values()))} | signatures
    return {
        "model_spec": {"name": name, "signature_name": "", "version": version},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _signature(signature: Signature | None) -> Json:
    inputs, outputs = (signature.inputs, signature.outputs) if signature else (None, None)
    return {"inputs": _side(inputs), "outputs": _side(outputs), "method_name": _PREDICT}


def _side(side: Side | None) -> Json:
    return {field.name: _tensor(field) for field in side.fields} if side is not None else {}


def _tensor(field: Field) -> Json:
    sizes = [-1 if size is None else size for size in field.shape]
    return {
        "dtype": _TYPES.get(column.plain(field.dtype), _TEXT),
        "tensor_shape": {
            "dim": [{"size": str(size), "name": ""} for size in sizes],
            "unknown_rank": False,
        },
        "name": f"{field.name}:0",
    }
