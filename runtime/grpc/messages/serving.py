"""TensorFlow Serving's calls (package `tensorflow.serving`)."""

from .examples import FILE as EXAMPLES
from .kind import INT32, INT64, STRING, Method, ProtoFile, enum, message
from .model import FILE as MODEL
from .standard import ANY
from .tensorflow import FILE as TENSORS

_P = "tensorflow.serving."
_SPEC = message(f"{_P}ModelSpec")
_TENSORS = message("tensorflow.TensorProto").by(STRING)

STATES = {"UNKNOWN": 0, "START": 10, "LOADING": 20, "AVAILABLE": 30, "UNLOADING": 40, "END": 50}


def _call(name: str) -> Method:
    return Method(f"{_P}{name}Request", f"{_P}{name}Response")


FILE = ProtoFile(
    "tensorflow_serving/apis/serving.proto",
    "tensorflow.serving",
    {
        "PredictRequest": {
            "model_spec": (1, _SPEC),
            "inputs": (2, _TENSORS),
            "output_filter": (3, STRING.each),
        },
        "PredictResponse": {"outputs": (1, _TENSORS), "model_spec": (2, _SPEC)},
        "GetModelMetadataRequest": {"model_spec": (1, _SPEC), "metadata_field": (2, STRING.each)},
        "GetModelMetadataResponse": {
            "model_spec": (1, _SPEC),
            "metadata": (2, message("google.protobuf.Any").by(STRING)),
        },
        "SignatureDefMap": {"signature_def": (1, message("tensorflow.SignatureDef").by(STRING))},
        "GetModelStatusRequest": {"model_spec": (1, _SPEC)},
        "GetModelStatusResponse": {
            "model_version_status": (1, message(f"{_P}ModelVersionStatus").each)
        },
        "ModelVersionStatus": {
            "version": (1, INT64),
            "state": (2, enum(f"{_P}ModelVersionStatus.State")),
            "status": (3, message(f"{_P}StatusProto")),
        },
        "StatusProto": {"error_code": (1, INT32), "error_message": (2, STRING)},
    },
    {"ModelVersionStatus.State": STATES},
    {
        "PredictionService": {
            "Predict": _call("Predict"),
            "Classify": _call("Classification"),
            "Regress": _call("Regression"),
            "MultiInference": _call("MultiInference"),
            "GetModelMetadata": _call("GetModelMetadata"),
        },
        "ModelService": {"GetModelStatus": _call("GetModelStatus")},
    },
    (ANY.name, TENSORS.name, MODEL.name, EXAMPLES.name),
)
