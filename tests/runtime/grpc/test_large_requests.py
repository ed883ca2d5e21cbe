"""Lists of values in a large request are read by another process; nobody can tell."""

import grpc
import numpy as np
import pytest
from google.protobuf.json_format import ParseDict

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.tensors.tensor_proto import DATA_TYPES
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import MATRIX, VECTOR, Servers, Sums, free_port, write_bundle, write_model
from ..dialects.test_work import decoders
from ..dialects.zoo import BLOB, WHOLE, Weigh
from .conftest import Client

INFER = "ModelInfer"
MANY = 1 << 16
THINGS = Side("array", (Field("text", "str", (None,)),))


class Lengths:
    """How long the texts are."""

    def predict(self, texts):
        return np.array([len(text) for text in texts])


@pytest.fixture(scope="module", params=["process", "thread"])
def client(tmp_path_factory, request):
    """Asks a server whose `readers` are the processes that have read for it, if it has any."""
    home, port = tmp_path_factory.mktemp("lists"), free_port()
    write_model(home / "models" / "sums", Sums(), inputs=MATRIX, outputs=VECTOR)
    write_model(home / "models" / "weigh", Weigh(), inputs=BLOB, outputs=WHOLE)
    write_model(home / "models" / "lengths", Lengths(), inputs=THINGS, outputs=WHOLE)
    serve = {"workers": 1, "isolation": request.param, "dialects": ["native", "grpc"]}
    serve |= {"grpc": {"port": port}, "max_rows": 1 << 20, "queue": {"max_rows": 1 << 20}}
    write_bundle(home, models=("sums", "weigh", "lengths"), serve=serve)
    started = Servers(tmp_path_factory.mktemp("servers"))
    running = started.start(home)
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        found = Client(channel)
        found.readers = lambda: decoders(running.process.pid)
        found.has_readers = request.param == "process"
        yield found
    started.stop()
    assert "Traceback" not in running.log()


def asked(model, datatype, values, *shape):
    """A request with a list of values, and the field that they are in."""
    field = {"BYTES": "bytes", "INT8": "int", "INT64": "int64", "FP32": "fp32"}[datatype]
    said = pool()["inference.ModelInferRequest"](model_name=model, id="7")
    tensor = said.inputs.add(name="input", datatype=datatype, shape=[len(values), *shape])
    if shape:
        tensor.shape[0] //= shape[0]
    getattr(tensor.contents, f"{field}_contents").extend(values)
    return said


def told(response):
    """The numbers of the only output, in the form of the request."""
    (output,) = response.outputs
    assert (response.id, response.raw_output_contents) == ("7", [])
    return list(output.contents.fp64_contents or output.contents.int64_contents)


def test_whole_numbers(client):
    numbers = [7, 1 << 40] * MANY
    assert told(client.call(INFER, asked("sums", "INT64", numbers, 2))) == [7.0 + (1 << 40)] * MANY
    assert client.readers() == client.has_readers


@pytest.mark.parametrize("model", ["weigh", "lengths"])
def test_texts(client, model):
    texts = [b"", b"ab", b"abc"] * (MANY // 3)
    assert told(client.call(INFER, asked(model, "BYTES", texts))) == [0, 2, 3] * (MANY // 3)


def test_floats(client):
    numbers = [0.5, 0.25] * MANY
    assert told(client.call(INFER, asked("sums", "FP32", numbers, 2))) == [0.75] * MANY


@pytest.mark.parametrize(
    ("values", "shape", "detail"),
    [
        ([100, 500] * MANY, 2, "input: a value is beyond what INT8 holds."),
        ([1, 2, 3] * MANY, 3, "inputs.input: expected shape (rows, 2), got"),
        ([1, 2] * MANY, 7, "input: expected"),
    ],
)
def test_errors_are_those_of_a_small_request(client, values, shape, detail):
    small = asked("sums", "INT8", values[: 7 * shape], shape)
    code, words = client.refused(INFER, asked("sums", "INT8", values, shape))
    assert (code, words[: len(detail)]) == ("INVALID_ARGUMENT", detail)
    assert client.refused(INFER, small)[0] == code


def test_a_list_that_is_none(client):
    data = asked("sums", "INT64", [1, 1] * MANY, 2).SerializeToString()
    torn = data.replace(b"\x01" * 2 * MANY, b"\xff" * 2 * MANY)
    code, words = client.refused(INFER, torn)
    assert (code, words) == ("INVALID_ARGUMENT", "The message is not what this call takes.")


# --- of other services ---

PREDICT = "/tensorflow.serving.PredictionService/Predict"
REGRESS = "/tensorflow.serving.PredictionService/Regress"
SELDON = "/seldon.protos.Seldon/Predict"
RAGGED = [0, 2, 3]


def predicted(model, field, dtype, values, *shape):
    """A request of TensorFlow Serving."""
    said = pool()["tensorflow.serving.PredictRequest"](output_filter=["output"])
    said.model_spec.name = model
    tensor = said.inputs["input"]
    tensor.dtype = DATA_TYPES[dtype]
    for size in (len(values) // max(*shape, 1), *shape):
        tensor.tensor_shape.dim.add(size=size)
    getattr(tensor, field).extend(values)
    return said


def of_seldon(client, model="sums", **content):
    """What a large message of Seldon's is answered, and with which puid and tag."""
    said = pool()["seldon.protos.SeldonMessage"](**content)
    said.meta.puid = "7"
    said.meta.tags["a"].number_value = 0.5
    told = client.call(SELDON, said, metadata=[("seldon", model)])
    assert (told.meta.puid, told.meta.tags["a"].number_value) == ("7", 0.5)
    return told


def test_lists_of_tensorflow(client):
    said = predicted("sums", "int64_val", "DT_INT64", [7, 1 << 40] * MANY, 2)
    told = client.call(PREDICT, said).outputs["output"].double_val
    assert list(told) == [7.0 + (1 << 40)] * MANY
    said = predicted("weigh", "string_val", "DT_STRING", [b"", b"ab", b"abc"] * (MANY // 3), 1)
    del said.inputs["input"].tensor_shape.dim[1], said.output_filter[:]
    ((_, told),) = client.call(PREDICT, said).outputs.items()
    assert list(told.int64_val) == RAGGED * (MANY // 3)
    wrong = predicted("sums", "int64_val", "DT_INT64", [7, 1, 2] * MANY, 3)
    code, words = client.refused(PREDICT, wrong)
    assert (code, "expected shape (rows, 2), got" in words) == ("INVALID_ARGUMENT", True)
    code, words = client.refused(PREDICT, wrong.SerializeToString()[:-1])
    assert (code, words) == ("INVALID_ARGUMENT", "The message is not what this call takes.")


def test_examples_of_tensorflow(client):
    said = pool()["tensorflow.serving.RegressionRequest"]()
    said.model_spec.name = "sums"
    for number in range(3000):
        feature = said.input.example_list.examples.add().features.feature["input"]
        feature.float_list.value.extend([number, 1])
    told = [each.value for each in client.call(REGRESS, said).result.regressions]
    assert told == [number + 1.0 for number in range(3000)]
    feature.float_list.value.append(1)
    code, words = client.refused(REGRESS, said)
    assert (code, words[:15]) == ("INVALID_ARGUMENT", "instances[2999]")


def test_messages_of_seldon(client):
    rows = [[number, 1.0] for number in range(9000)]
    sums = [number + 1.0 for number in range(9000)]
    listed = ParseDict({"data": {"ndarray": rows}}, pool()["seldon.protos.SeldonMessage"]())
    told = of_seldon(client, data=listed.data)
    assert [each.number_value for each in told.data.ndarray.values] == sums
    listed = ParseDict({"jsonData": rows}, pool()["seldon.protos.SeldonMessage"]())
    told = of_seldon(client, jsonData=listed.jsonData)
    assert [each.number_value for each in told.jsonData.list_value.values] == sums
    tensor = predicted("", "int64_val", "DT_INT64", [3] * 2 * MANY, 2).inputs["input"]
    told = of_seldon(client, data={"tftensor": tensor})
    assert list(told.data.tftensor.double_val) == [6.0] * MANY
    wide = ParseDict({"data": {"ndarray": [[1, 2, 3]] * 9000}}, type(listed)())
    code, words = client.refused(SELDON, wide)
    assert (code, words[:12]) == ("INVALID_ARGUMENT", "instances[0]")
