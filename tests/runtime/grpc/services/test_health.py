"""gRPC's health checking."""

import contextlib

import grpc

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.services.health import NOT_SERVING, SERVICE_UNKNOWN, SERVING

from ..conftest import Client

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"


def asked(service=""):
    return pool()["grpc.health.v1.HealthCheckRequest"](service=service)


def test_each_service_is_checked(client):
    """And there is none that there is not."""
    assert client.call(CHECK, asked()).status == SERVING
    assert client.call(CHECK, asked("inference.GRPCInferenceService")).status == SERVING
    assert client.refused(CHECK, asked("nothing"))[0] == "NOT_FOUND"


def test_watching_tells_of_the_end(started):
    """A server that drains says so while it still answers, and says it of each model."""
    server = started()
    with server.channel() as channel:
        say = pool()["grpc.health.v1.HealthCheckResponse"].FromString
        watch = channel.unary_stream(WATCH, None, say)
        told = watch(asked().SerializeToString(), timeout=30)
        unknown = watch(asked("nothing").SerializeToString(), timeout=30)
        assert next(told).status == SERVING
        assert next(unknown).status == SERVICE_UNKNOWN
        server.process.terminate()
        assert next(told).status == NOT_SERVING
        ready = pool()["inference.ModelReadyRequest"](name="sums")
        with contextlib.suppress(grpc.RpcError):  # which is no less clear, where it is too late
            assert not Client(channel).call("ModelReady", ready).ready
        told.cancel()
        unknown.cancel()
    assert server.process.wait(90) == 0
