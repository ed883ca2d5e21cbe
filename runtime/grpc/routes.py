"""Routes: what the metrics call the calls of gRPC; needs no library."""

from .messages import health, inference, seldon, serving, torchserve

_SERVICES = (health.FILE, inference.FILE, serving.FILE, torchserve.FILE, seldon.FILE)


def route_name(path: str) -> str:
    """What metrics call the calls at `path`: `grpc:ModelInfer`."""
    return f"grpc:{path.rpartition('/')[2]}"


def route_names() -> list[str]:
    """All of them."""
    names = (name for file in _SERVICES for methods in file.services.values() for name in methods)
    return [route_name(name) for name in dict.fromkeys(names)]
