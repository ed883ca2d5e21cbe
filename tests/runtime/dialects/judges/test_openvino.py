"""`ovmsclient`, the client of OpenVINO's model server, which speaks TensorFlow Serving's APIs."""

from ...conftest import free_port
from ..zoo import zoo_server
from .environments import OPENVINO


def test_ovmsclient_is_content(judge, tmp_path_factory):
    """It names version 0 in each request that is to name none."""
    client, port = judge(OPENVINO), free_port()
    with zoo_server(tmp_path_factory, "v1", "grpc", grpc={"port": port}) as server:
        http, grpc = client.ask("openvino.py", "127.0.0.1", server.port, port)
    available = {"1": {"state": "AVAILABLE", "error_code": 0, "error_message": ""}}
    inputs = {
        "a": {"shape": [-1, 2], "dtype": "DT_FLOAT"},
        "n": {"shape": [-1], "dtype": "DT_INT64"},
    }
    assert (http.pop(2), grpc.pop(2)) == (None, inputs)
    assert http == grpc == [
        available, "AVAILABLE", [3.0, 7.0], [3.5],
        [6.0], [3, 1],
        "ModelNotFoundError", "ModelNotFoundError", "InvalidInputError",
    ]  # fmt: skip
