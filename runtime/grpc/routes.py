"""Routes: the names of gRPC calls in metrics; needs no library."""

import re

from .messages import PROTOS

_SERVICES = (
    "grpc/health/v1/health.proto",
    "inference/grpc_service.proto",
    "tensorflow_serving/apis/serving.proto",
    "org/pytorch/serve/grpc/inference.proto",
    "org/pytorch/serve/grpc/management.proto",
    "seldon/prediction.proto",
)
_CALL = re.compile(r"\brpc (\w+)")


def route_name(path: str) -> str:
    """What metrics call the calls at `path`: `grpc:ModelInfer`."""
    return f"grpc:{path.rpartition('/')[2]}"


def route_names() -> list[str]:
    """All of them."""
    names = (name for file in _SERVICES for name in _CALL.findall((PROTOS / file).read_text()))
    return [route_name(name) for name in dict.fromkeys(names)]
