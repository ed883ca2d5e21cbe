"""Other people's gRPC clients, each in a process and an environment of its own."""

from pathlib import Path

import pytest

import modelbundle

from ...conftest import Servers, free_port, make_sums
from .environments import GRPC, KSERVE, STUBS, TRITON

ROOT = Path(modelbundle.__path__[0]).parent


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    """Where a server of `sums` speaks gRPC."""
    servers = Servers(tmp_path_factory.mktemp("servers"))
    port = free_port()
    serve = {"dialects": ["native", "grpc"], "workers": 1}
    servers.start(make_sums(tmp_path_factory.mktemp("sums"), **serve), f"--grpc-port={port}")
    yield f"127.0.0.1:{port}"
    servers.stop()


def test_tritonclient(judge, where):
    """Unary, called back, on a stream, in a loop; compressed, classified, refused."""
    told = iter(judge(TRITON).ask("triton_grpc.py", where))
    assert next(told) == {
        "live": True, "ready": True, "model": True, "server": "demo", "platform": "generic",
        "rows": 1024, "index": ["READY"],
    }  # fmt: skip
    assert next(told) == {
        "traces": {"value": ["OFF"]}, "logs": {"bool_param": True}, "memory": [{}, {}],
    }  # fmt: skip
    assert [next(told) for _ in range(3)] == [{"answer": [3.0, 7.0], "id": "7"}] * 3
    assert next(told) == {"classes": [["3.000000:0"], ["7.000000:0"]]}
    assert next(told)["refused"] == [
        "StatusCode.NOT_FOUND", "Request for unknown model: 'sums' version 9 is not found."
    ]  # fmt: skip
    assert next(told)["refused"][0] == "StatusCode.INVALID_ARGUMENT"
    assert next(told)["refused"][0] == "StatusCode.DEADLINE_EXCEEDED"
    assert next(told)["count"] >= 8
    assert next(told) == {"answer": [3.0, 7.0], "error": None}
    streamed = [next(told) for _ in range(5)]
    assert [each["answer"] for each in streamed] == [[3.0, 7.0]] * 2 + [None] + [[3.0, 7.0]] * 2
    assert "unknown model: 'nothing' is not found" in streamed[2]["error"]
    assert next(told) == {"all": True}
    assert next(told) == {"ids": ["0", "1", "2"]}


def test_kserve(judge, where):
    """Raw tensors and contents."""
    told = judge(KSERVE).ask("kserve_grpc.py", where)
    assert told == [[True, True, True], ["7", [3.0, 7.0]], ["7", [3.0, 7.0]]]


def test_tensorflow_serving(judge, where):
    """Predict, what the signature is, how the model is; lists, one value for all, raw."""
    told = judge(STUBS).ask("tensorflow_grpc.py", *where.split(":"))
    assert told == [
        ["sums", [3.0, 7.0]],
        [30],
        [2, [-1, 2], "tensorflow/serving/predict"],
        [[10.0], [3.0]],
        ["NOT_FOUND"] * 3,
    ]


def test_health_and_reflection(judge, where):
    """By gRPC's own clients; a call is made of what is told, as grpcurl does."""
    status, services, outputs = judge(GRPC).ask("reflection_grpc.py", where)
    assert status == 1
    assert "inference.GRPCInferenceService" in services
    assert outputs[0]["contents"] == {"fp64Contents": [3.0]}


@pytest.mark.parametrize(
    ("requirements", "modules"),
    [
        (TRITON, ["tritonclient.grpc", "tritonclient.grpc.model_config_pb2"]),
        (KSERVE, ["kserve"]),
        (GRPC, ["grpc_health.v1.health_pb2", "grpc_reflection.v1alpha.reflection_pb2"]),
    ],
)
def test_theirs_live_beside_ours(judge, requirements, modules):
    """In one process, and whatever both have is called and numbered alike."""
    (told,) = judge(requirements).ask("beside_us.py", ROOT, *modules)
    assert told["compared"] > 3
    own = [each for each in told["differences"] if each[3] is not None]
    # KServe's calls of the repository are not Triton's; both are understood.
    assert [each for each in own if "Repository" not in each[0]] == []
