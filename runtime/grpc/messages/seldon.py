"""Seldon Core v1's calls for predictions (package `seldon.protos`), to a deployment or a model."""

from .kind import BYTES, DOUBLE, FLOAT, INT32, INT64, STRING, Method, ProtoFile, enum, message
from .standard import ANY, EMPTY, STRUCT
from .tensorflow import FILE as TENSORFLOW

PACKAGE = "seldon.protos"
_VALUE = message("google.protobuf.Value")
_MESSAGE, _FEEDBACK = f"{PACKAGE}.SeldonMessage", f"{PACKAGE}.Feedback"
_EMPTY, _MODEL = "google.protobuf.Empty", f"{PACKAGE}.SeldonModelMetadata"
_FIELDS = message(f"{PACKAGE}.SeldonMessageMetadata").each

FILE = ProtoFile(
    "seldon/prediction.proto",
    PACKAGE,
    {
        "SeldonMessage": {
            "status": (1, message(f"{PACKAGE}.Status")),
            "meta": (2, message(f"{PACKAGE}.Meta")),
            "data": (3, message(f"{PACKAGE}.DefaultData"), "data_oneof"),
            "binData": (4, BYTES, "data_oneof"),
            "strData": (5, STRING, "data_oneof"),
            "jsonData": (6, _VALUE, "data_oneof"),
            "customData": (7, message("google.protobuf.Any"), "data_oneof"),
        },
        "DefaultData": {
            "names": (1, STRING.each),
            "tensor": (2, message(f"{PACKAGE}.Tensor"), "data_oneof"),
            "ndarray": (3, message("google.protobuf.ListValue"), "data_oneof"),
            "tftensor": (4, message("tensorflow.TensorProto"), "data_oneof"),
        },
        "Tensor": {"shape": (1, INT32.each), "values": (2, DOUBLE.each)},
        "Meta": {
            "puid": (1, STRING),
            "tags": (2, _VALUE.by(STRING)),
            "routing": (3, INT32.by(STRING)),
            "requestPath": (4, STRING.by(STRING)),
            "metrics": (5, message(f"{PACKAGE}.Metric").each),
        },
        "Metric": {
            "key": (1, STRING),
            "type": (2, enum(f"{PACKAGE}.MetricType")),
            "value": (3, FLOAT),
            "tags": (4, STRING.by(STRING)),
        },
        "Status": {
            "code": (1, INT32),
            "info": (2, STRING),
            "reason": (3, STRING),
            "status": (4, enum(f"{PACKAGE}.StatusFlag")),
        },
        "Feedback": {
            "request": (1, message(_MESSAGE)),
            "response": (2, message(_MESSAGE)),
            "reward": (3, FLOAT),
            "truth": (4, message(_MESSAGE)),
        },
        "SeldonModelMetadataRequest": {"name": (1, STRING)},
        "SeldonMessageMetadata": {
            "messagetype": (1, STRING),
            "schema": (2, _VALUE),
            "name": (3, STRING),
            "datatype": (4, STRING),
            "shape": (5, INT64.each),
        },
        "SeldonModelMetadata": {
            "name": (1, STRING),
            "versions": (2, STRING.each),
            "platform": (3, STRING),
            "inputs": (4, _FIELDS),
            "outputs": (5, _FIELDS),
            "custom": (6, STRING.by(STRING)),
        },
        "SeldonGraphMetadata": {
            "name": (1, STRING),
            "models": (2, message(_MODEL).by(STRING)),
            "inputs": (3, _FIELDS),
            "outputs": (4, _FIELDS),
        },
    },
    {
        "MetricType": {"COUNTER": 0, "GAUGE": 1, "TIMER": 2},
        "StatusFlag": {"SUCCESS": 0, "FAILURE": 1},
    },
    {
        "Seldon": {
            "Predict": Method(_MESSAGE, _MESSAGE),
            "SendFeedback": Method(_FEEDBACK, _MESSAGE),
            "ModelMetadata": Method(f"{PACKAGE}.SeldonModelMetadataRequest", _MODEL),
            "GraphMetadata": Method(_EMPTY, f"{PACKAGE}.SeldonGraphMetadata"),
        },
        "Model": {
            "Predict": Method(_MESSAGE, _MESSAGE),
            "SendFeedback": Method(_FEEDBACK, _MESSAGE),
            "Metadata": Method(_EMPTY, _MODEL),
        },
    },
    (ANY.name, EMPTY.name, STRUCT.name, TENSORFLOW.name),
)
