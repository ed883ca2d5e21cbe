"""gRPC's health checking protocol, `grpc.services.health.v1` (grpc/doc/health-checking.md)."""

from .kind import STRING, Method, ProtoFile, enum

UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = range(4)

_PACKAGE = "grpc.health.v1"
_ASK, _SAY = f"{_PACKAGE}.HealthCheckRequest", f"{_PACKAGE}.HealthCheckResponse"

FILE = ProtoFile(
    "grpc/health/v1/health.proto",
    _PACKAGE,
    {
        "HealthCheckRequest": {"service": (1, STRING)},
        "HealthCheckResponse": {"status": (1, enum(f"{_SAY}.ServingStatus"))},
    },
    {
        "HealthCheckResponse.ServingStatus": {
            "UNKNOWN": UNKNOWN,
            "SERVING": SERVING,
            "NOT_SERVING": NOT_SERVING,
            "SERVICE_UNKNOWN": SERVICE_UNKNOWN,
        }
    },
    {
        "Health": {
            "Check": Method(_ASK, _SAY),
            "Watch": Method(_ASK, _SAY, streams_responses=True),
        }
    },
)
