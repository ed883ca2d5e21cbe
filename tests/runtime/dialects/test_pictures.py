"""Pictures inside JSON, for a model of pixels, as clients of other servers send them."""

import base64
import io
import json

import httpx
import numpy as np
import pytest
from PIL import Image

from modelbundle.runtime.dialects.work import LARGE_BODY
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import Servers, free_port, write_bundle, write_model

PIXELS = Side("array", (Field("pixels", "uint8", (None, 4, 4, 3)),))
BRIGHT = Side("array", (Field("output-0", "float64", (None,)),))
READER = "modelbundle.runtime.remote.decoder_process"
DIALECTS = ["native", "v2", "v1", "torchserve", "seldon", "sagemaker", "vertex"]


class Brightness:
    """The mean of a picture's pixels."""

    def predict(self, pixels):
        return pixels.mean((1, 2, 3))


def picture(level, kind="png", size=(4, 4)):
    """A file of one grey."""
    file = io.BytesIO()
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(file, kind)
    return file.getvalue()


def text(file):
    return base64.b64encode(file).decode()


PNG, JPEG, LARGE = picture(200), picture(100, "jpeg"), picture(1, size=(5, 5))
NUMBERS = np.full((4, 4, 3), 7).tolist()

WATCH = """
import base64, os, sys

def watched(*given, decode=base64.b64decode, **more):
    with open(os.environ["WATCHED"], "a") as file:
        print(sys.orig_argv[3], file=file)
    return decode(*given, **more)

base64.b64decode = watched
"""


def tensor(*data, **more):
    shape = more.pop("shape", [len(data)])
    return {"inputs": [{"name": "x", "datatype": "BYTES", "shape": shape, "data": data} | more]}


@pytest.fixture(scope="module", params=["thread", "process"])
def server(request, tmp_path_factory):
    """A server of the model."""
    directory = tmp_path_factory.mktemp("pictures")
    write_model(directory / "models" / "sums", Brightness(), inputs=PIXELS, outputs=BRIGHT)
    serve = {"isolation": request.param, "workers": 1, "dialects": DIALECTS}
    started = Servers(tmp_path_factory.mktemp("servers"))
    (started.directory / "sitecustomize.py").write_text(WATCH)
    watched = started.directory / "watched"
    env = {"PYTHONPATH": str(started.directory), "WATCHED": str(watched)}
    running = started.start(write_bundle(directory, serve=serve), env=env)
    running.watched = watched
    yield running
    started.stop()


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/models/sums:predict", {"instances": [{"b64": text(PNG)}]}, {"predictions": [200.0]}),
        (
            "/v1/models/sums:predict",
            {"instances": [{"data": text(PNG)}, {"data": text(JPEG)}]},
            {"predictions": [200.0, 100.0]},
        ),
        (
            "/v1/models/sums:predict",
            {"instances": [{"image_bytes": {"b64": text(PNG)}}]},
            {"predictions": [200.0]},
        ),
        ("/v1/models/sums:predict", {"inputs": [{"b64": text(PNG)}]}, {"outputs": [200.0]}),
        (
            "/v1/models/sums:predict",
            {"inputs": {"pixels": [{"b64": text(PNG)}]}},
            {"outputs": [200.0]},
        ),
        (
            "/v1/models/sums:regress",
            {"examples": [{"x": {"b64": text(PNG)}}]},
            {"results": [200.0]},
        ),
        ("/v1/models/sums:predict", {"instances": [NUMBERS]}, {"predictions": [7.0]}),
        ("/predictions/sums", {"data": text(PNG)}, 200.0),
        ("/predictions/sums", [text(PNG), text(JPEG)], [200.0, 100.0]),
        ("/invocations", {"instances": [{"b64": text(JPEG)}]}, {"predictions": [100.0]}),
    ],
)
def test_in_json(server, path, body, said):
    """By how a file begins, whatever stands around it."""
    answer = httpx.post(server.url + path, json=body, timeout=60)
    assert (answer.status_code, answer.json()) == (200, said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (tensor(text(PNG), text(JPEG)), [200.0, 100.0]),
        (tensor(text(PNG), parameters={"content_type": "base64"}), [200.0]),
        (tensor(text(PNG), shape=[-1]), [200.0]),
        (tensor(text(PNG), shape=[1, 1]), [200.0]),
    ],
)
def test_as_a_tensor_of_bytes(server, body, said):
    answer = httpx.post(f"{server.url}/v2/models/sums/infer", json=body, timeout=60)
    assert (answer.status_code, answer.json()["outputs"][0]["data"]) == (200, said)


def test_as_binary_data(server):
    """As Triton's clients send them, without base64."""
    files = b"".join(len(file).to_bytes(4, "little") + file for file in (PNG, JPEG))
    given = {"name": "x", "datatype": "BYTES", "shape": [2]}
    head = json.dumps({"inputs": [given | {"parameters": {"binary_data_size": len(files)}}]})
    answer = httpx.post(
        f"{server.url}/v2/models/sums/infer",
        content=head.encode() + files,
        headers={"inference-header-content-length": str(len(head))},
        timeout=60,
    )
    assert answer.json()["outputs"][0]["data"] == [200.0, 100.0]


@pytest.mark.parametrize(
    "asked",
    [
        {"json": {"binData": text(PNG)}},
        {"files": {"binData": ("p.png", PNG)}},
        {"json": {"jsonData": {"b64": text(PNG)}}},
        {"json": {"data": {"ndarray": [text(PNG)]}}},
    ],
)
def test_in_a_message_of_seldon(server, asked):
    answer = httpx.post(f"{server.url}/api/v1.0/predictions", timeout=60, **asked)
    assert (answer.status_code, "200.0" in answer.text) == (200, True), answer.text


@pytest.mark.parametrize("blanks", [0, LARGE_BODY])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/sums:predict", {"instances": [{"b64": text(PNG)}]}),
        ("/v1/models/sums:predict", {"inputs": {"pixels": [{"b64": text(JPEG)}]}}),
        ("/v2/models/sums/infer", tensor(text(PNG))),
        ("/predictions/sums", [text(PNG), text(JPEG)]),
        ("/invocations", {"instances": [{"b64": text(JPEG)}]}),
        ("/api/v1.0/predictions", {"binData": text(PNG)}),
        ("/api/v1.0/predictions", {"jsonData": {"b64": text(PNG)}}),
        ("/api/v1.0/predictions", {"data": {"ndarray": [text(PNG)]}}),
    ],
)
def test_another_process_reads_them(server, path, body, blanks):
    """The base64, too, and be they small: nobody else waits for it, and none crashes the server."""
    server.watched.unlink(missing_ok=True)
    content = json.dumps(body).encode() + b" " * blanks
    answer = httpx.post(server.url + path, content=content, timeout=60)
    assert answer.status_code == 200, answer.text
    assert set(server.watched.read_text().split()) == {READER}


def test_a_picture_in_a_line(server):
    """As any other row of JSON lines."""
    lines = b"".join(json.dumps({"data": text(file)}).encode() + b"\n" for file in (PNG, JPEG))
    put = {"content-type": "application/jsonlines"}
    answer = httpx.post(f"{server.url}/invocations", content=lines, headers=put, timeout=60)
    assert answer.json() == [200.0, 100.0]


@pytest.mark.parametrize("path", ["/predictions/sums", "/invocations"])
def test_one_file_gets_its_prediction_alone(server, path):
    """And several a list, as a handler answers them."""
    url, put = server.url + path, {"content-type": "image/png"}
    assert httpx.post(url, content=PNG, headers=put, timeout=60).json() == 200.0
    several = [("data", ("a.png", PNG)), ("data", ("b.jpg", JPEG))]
    assert httpx.post(url, files=several[:1], timeout=60).json() == 200.0
    assert httpx.post(url, files=several, timeout=60).json() == [200.0, 100.0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (text(LARGE), "expected a picture of 4 x 4 pixels, got 5 x 5"),
        (text(PNG[:40]), "not a PNG file that can be read"),
        (text(PNG)[:-3] + "!", "expected a picture in base64"),
        ("aGVsbG8=", "expected 4 lists"),
    ],
)
def test_what_is_no_such_picture(server, value, words):
    """400 in the words of a file, in whatever it comes."""
    asked = [
        ("/v1/models/sums:predict", {"instances": [{"data": value}]}),
        ("/v2/models/sums/infer", tensor(value)),
        ("/api/v1.0/predictions", {"data": {"ndarray": [value]}}),
        ("/predictions/sums", [value]),
    ]
    for path, body in asked:
        answer = httpx.post(server.url + path, json=body, timeout=60)
        assert (answer.status_code, words in answer.text) == (400, True), (path, answer.text)


def test_over_grpc(tmp_path_factory):
    """Triton's and Seldon's messages."""
    import grpc

    from modelbundle.runtime.grpc.messages.pool import pool

    directory, port = tmp_path_factory.mktemp("pictures"), free_port()
    write_model(directory / "models" / "sums", Brightness(), inputs=PIXELS, outputs=BRIGHT)
    serve = {"workers": 1, "dialects": ["native", "grpc"], "grpc": {"port": port}}
    started = Servers(tmp_path_factory.mktemp("servers"))
    started.start(write_bundle(directory, serve=serve))
    asked = pool()["inference.ModelInferRequest"](model_name="sums")
    asked.inputs.add(name="x", datatype="BYTES", shape=[2]).contents.bytes_contents.extend(
        [PNG, JPEG]
    )
    message = pool()["seldon.protos.SeldonMessage"](binData=PNG)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:

            def call(path, said):
                reply = pool()[pool().methods[path].response].FromString
                return channel.unary_unary(path, None, reply)(said.SerializeToString(), timeout=60)

            told = call("/inference.GRPCInferenceService/ModelInfer", asked)
            assert list(told.outputs[0].contents.fp64_contents) == [200.0, 100.0]
            told = call("/seldon.protos.Seldon/Predict", message)
            assert list(told.data.tensor.values) == [200.0]
    finally:
        started.stop()
