"""Which model a call of TensorFlow Serving means (package `tensorflow.serving`)."""

from .kind import STRING, ProtoFile, message
from .standard import WRAPPERS

FILE = ProtoFile(
    "tensorflow_serving/apis/model.proto",
    "tensorflow.serving",
    {
        "ModelSpec": {
            "name": (1, STRING),
            "version": (2, message("google.protobuf.Int64Value"), "version_choice"),
            "signature_name": (3, STRING),
            "version_label": (4, STRING, "version_choice"),
        },
    },
    {},
    {},
    (WRAPPERS.name,),
)
