"""TensorFlow's examples, and the calls of TensorFlow Serving that take them."""

from .kind import BYTES, FLOAT, INT64, STRING, Fields, ProtoFile, message
from .model import FILE as MODEL

_P = "tensorflow.serving."
_SPEC = message(f"{_P}ModelSpec")
_EXAMPLE = message("tensorflow.Example")
_ASKED: Fields = {"model_spec": (1, _SPEC), "input": (2, message(f"{_P}Input"))}
_CLASSES, _VALUES = message(f"{_P}ClassificationResult"), message(f"{_P}RegressionResult")

EXAMPLE = ProtoFile(
    "tensorflow/core/example/example.proto",
    "tensorflow",
    {
        "BytesList": {"value": (1, BYTES.each)},
        "FloatList": {"value": (1, FLOAT.each)},
        "Int64List": {"value": (1, INT64.each)},
        "Feature": {
            "bytes_list": (1, message("tensorflow.BytesList"), "kind"),
            "float_list": (2, message("tensorflow.FloatList"), "kind"),
            "int64_list": (3, message("tensorflow.Int64List"), "kind"),
        },
        "Features": {"feature": (1, message("tensorflow.Feature").by(STRING))},
        "Example": {"features": (1, message("tensorflow.Features"))},
    },
    {},
    {},
)

FILE = ProtoFile(
    "tensorflow_serving/apis/examples.proto",
    "tensorflow.serving",
    {
        "ExampleList": {"examples": (1, _EXAMPLE.each)},
        "ExampleListWithContext": {"examples": (1, _EXAMPLE.each), "context": (2, _EXAMPLE)},
        "Input": {
            "example_list": (1, message(f"{_P}ExampleList"), "kind"),
            "example_list_with_context": (2, message(f"{_P}ExampleListWithContext"), "kind"),
        },
        "Class": {"label": (1, STRING), "score": (2, FLOAT)},
        "Classifications": {"classes": (1, message(f"{_P}Class").each)},
        "ClassificationResult": {"classifications": (1, message(f"{_P}Classifications").each)},
        "ClassificationRequest": _ASKED,
        "ClassificationResponse": {"result": (1, _CLASSES), "model_spec": (2, _SPEC)},
        "Regression": {"value": (1, FLOAT)},
        "RegressionResult": {"regressions": (1, message(f"{_P}Regression").each)},
        "RegressionRequest": _ASKED,
        "RegressionResponse": {"result": (1, _VALUES), "model_spec": (2, _SPEC)},
        "InferenceTask": {"model_spec": (1, _SPEC), "method_name": (2, STRING)},
        "InferenceResult": {
            "model_spec": (1, _SPEC),
            "classification_result": (2, _CLASSES, "result"),
            "regression_result": (3, _VALUES, "result"),
        },
        "MultiInferenceRequest": {
            "tasks": (1, message(f"{_P}InferenceTask").each),
            "input": (2, message(f"{_P}Input")),
        },
        "MultiInferenceResponse": {"results": (1, message(f"{_P}InferenceResult").each)},
    },
    {},
    {},
    (EXAMPLE.name, MODEL.name),
)
