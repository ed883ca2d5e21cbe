"""TensorFlow's tensors, as TensorFlow Serving's calls carry them (package `tensorflow`)."""

from .kind import (
    BOOL,
    BYTES,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    STRING,
    UINT32,
    UINT64,
    ProtoFile,
    enum,
    message,
)

DATA_TYPES = {
    "DT_INVALID": 0, "DT_FLOAT": 1, "DT_DOUBLE": 2, "DT_INT32": 3, "DT_UINT8": 4, "DT_INT16": 5,
    "DT_INT8": 6, "DT_STRING": 7, "DT_COMPLEX64": 8, "DT_INT64": 9, "DT_BOOL": 10,
    "DT_BFLOAT16": 14, "DT_UINT16": 17, "DT_COMPLEX128": 18, "DT_HALF": 19, "DT_UINT32": 22,
    "DT_UINT64": 23,
}  # fmt: skip

_SHAPE = message("tensorflow.TensorShapeProto")
_TYPE = enum("tensorflow.DataType")

FILE = ProtoFile(
    "tensorflow/core/framework/tensor.proto",
    "tensorflow",
    {
        "TensorShapeProto": {
            "dim": (2, message("tensorflow.TensorShapeProto.Dim").each),
            "unknown_rank": (3, BOOL),
        },
        "TensorShapeProto.Dim": {"size": (1, INT64), "name": (2, STRING)},
        "TensorProto": {
            "dtype": (1, _TYPE),
            "tensor_shape": (2, _SHAPE),
            "version_number": (3, INT32),
            "tensor_content": (4, BYTES),
            "float_val": (5, FLOAT.each),
            "double_val": (6, DOUBLE.each),
            "int_val": (7, INT32.each),
            "string_val": (8, BYTES.each),
            "int64_val": (10, INT64.each),
            "bool_val": (11, BOOL.each),
            "half_val": (13, INT32.each),
            "uint32_val": (16, UINT32.each),
            "uint64_val": (17, UINT64.each),
        },
        "TensorInfo": {
            "name": (1, STRING, "encoding"),
            "dtype": (2, _TYPE),
            "tensor_shape": (3, _SHAPE),
        },
        "SignatureDef": {
            "inputs": (1, message("tensorflow.TensorInfo").by(STRING)),
            "outputs": (2, message("tensorflow.TensorInfo").by(STRING)),
            "method_name": (3, STRING),
        },
    },
    {"DataType": DATA_TYPES},
    {},
)
