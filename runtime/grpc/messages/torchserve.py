"""TorchServe's calls for predictions (package `org.pytorch.serve.grpc.inference`)."""

from .kind import BYTES, STRING, Method, ProtoFile, message
from .standard import EMPTY, STATUS

PACKAGE = "org.pytorch.serve.grpc.inference"
SERVICE = "InferenceAPIsService"
_ASK, _SAY = f"{PACKAGE}.PredictionsRequest", f"{PACKAGE}.PredictionResponse"

FILE = ProtoFile(
    "org/pytorch/serve/grpc/inference.proto",
    PACKAGE,
    {
        "PredictionsRequest": {
            "model_name": (1, STRING),
            "model_version": (2, STRING),
            "input": (3, BYTES.by(STRING)),
            "sequenceId": (4, STRING, "_sequenceId"),
        },
        "PredictionResponse": {
            "prediction": (1, BYTES),
            "sequenceId": (2, STRING, "_sequenceId"),
            "status": (3, message("google.rpc.Status"), "_status"),
        },
        "TorchServeHealthResponse": {"health": (1, STRING)},
    },
    {},
    {
        SERVICE: {
            "Ping": Method("google.protobuf.Empty", f"{PACKAGE}.TorchServeHealthResponse"),
            "Predictions": Method(_ASK, _SAY),
            "StreamPredictions": Method(_ASK, _SAY, streams_responses=True),
            "StreamPredictions2": Method(_ASK, _SAY, True, True),
        }
    },
    (EMPTY.name, STATUS.name),
)
