"""TensorFlow Serving's own package, with TensorFlow, against every call of its two services."""

from ...conftest import free_port
from ..zoo import zoo_server
from .environments import TENSORFLOW


def test_tensorflow_serving_api(judge, tmp_path_factory):
    """Tensors that TensorFlow makes and reads, examples, metadata, status, and its codes."""
    with_tensorflow = judge(TENSORFLOW)
    port = free_port()
    with zoo_server(tmp_path_factory, "grpc", grpc={"port": port}):
        told = with_tensorflow.ask("tensorflow_serving_api.py", f"127.0.0.1:{port}")
    assert told == [
        ["numbers", [[0.333, 0.667], [0.429, 0.571]]],
        ["two", [13.0, 27.0], ["n10", "n20"]],
        ["bytes", [2, 3]],
        [
            "classes",
            [[["0", 0.333], ["1", 0.667]], [["0", 0.429], ["1", 0.571]]],
            "scores",
            "serving_default",
        ],
        ["values", [3.0, 7.0]],
        ["both", ["regression_result", "classification_result"], [3.0, 3.0], "predict_proba"],
        [
            "signatures",
            ["explain", "predict", "predict_proba", "serving_default"],
            "type.googleapis.com/tensorflow.serving.SignatureDefMap",
        ],
        ["status", 30, 1, 0],
        ["refused", ["NOT_FOUND", *["INVALID_ARGUMENT"] * 7]],
    ]
