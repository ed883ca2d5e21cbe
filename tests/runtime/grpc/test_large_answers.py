"""Large answers over gRPC are written beside the event loop, by another process."""

import grpc
import numpy as np
import pytest

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.manifests.signature import Side

from ..conftest import Servers, free_port, write_bundle, write_model
from ..dialects.test_work import ONE, WATCH, WIDE, Many, Words

INFER = "/inference.GRPCInferenceService/ModelInfer"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
SELDON = "/seldon.protos.Seldon/Predict"
TEXT = b"x" * (1 << 18)


@pytest.fixture(scope="module", params=["process", "thread"])
def called(tmp_path_factory, request):
    """Calls a server whose models say much; no event loop reads or writes much JSON for it."""
    home, port = tmp_path_factory.mktemp("much"), free_port()
    write_model(home / "models" / "many", Many(), inputs=ONE, outputs=WIDE)
    write_model(home / "models" / "words", Words(), inputs=ONE, outputs=Side("objects"))
    serve = {"workers": 1, "isolation": request.param, "dialects": ["native", "grpc"]}
    write_bundle(home, models=("many", "words"), serve=serve | {"grpc": {"port": port}})
    started = Servers(tmp_path_factory.mktemp("servers"))
    (started.directory / "sitecustomize.py").write_text(WATCH)
    watched = started.directory / "watched"
    env = {"PYTHONPATH": str(started.directory), "WATCHED": str(watched)}
    running = started.start(home, env=env)
    with grpc.insecure_channel(
        f"127.0.0.1:{port}", [("grpc.max_receive_message_length", -1)]
    ) as at:

        def call(path, said, **metadata):
            watched.write_text("")
            reply = pool()[pool().methods[path].response].FromString
            ask = at.unary_unary(path, None, reply)
            told = ask(said.SerializeToString(), timeout=60, metadata=tuple(metadata.items()))
            places = set(watched.read_text().split())
            assert places <= {"aside"} or request.param == "thread"
            return told

        yield call
    started.stop()
    assert "Traceback" not in running.log()


def asked(model, *, raw, outputs=()):
    """Two rows."""
    said = pool()["inference.ModelInferRequest"](model_name=model, id="7")
    tensor = said.inputs.add(name="input", datatype="FP32", shape=[2, 1])
    if raw:
        said.raw_input_contents.append(np.float32([0.5, 0.25]).tobytes())
    else:
        tensor.contents.fp32_contents.extend([0.5, 0.25])
    for name in outputs:
        said.outputs.add(name=name)
    return said


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("parameters", [{}, {"x-priority": "1"}])
def test_records_as_tensors(called, raw, parameters):
    """In the form of the request, on the fast path and beside it."""
    told = called(INFER, asked("words", raw=raw), **parameters)
    assert (told.model_name, [each.name for each in told.outputs]) == ("words", ["n", "text"])
    if raw:
        first, second = told.raw_output_contents
        assert np.frombuffer(first).tolist() == [0.5, 0.25]
        assert second == (len(TEXT).to_bytes(4, "little") + TEXT) * 2
    else:
        assert list(told.outputs[0].contents.fp64_contents) == [0.5, 0.25]
        assert list(told.outputs[1].contents.bytes_contents) == [TEXT, TEXT]


def test_only_what_is_asked_for(called):
    """And an output that there is not is refused by its name."""
    told = called(INFER, asked("words", raw=True, outputs=["text"]))
    assert [each.name for each in told.outputs] == ["text"]
    with pytest.raises(grpc.RpcError, match="unexpected inference output 'none'"):
        called(INFER, asked("words", raw=True, outputs=["none"]))


def predict(model, *outputs):
    said = pool()["tensorflow.serving.PredictRequest"](output_filter=outputs)
    said.model_spec.name = model
    said.inputs["input"].dtype = 1
    said.inputs["input"].float_val.append(0.5)
    for size in (1, 1):
        said.inputs["input"].tensor_shape.dim.add(size=size)
    return said


def test_a_predict_response(called):
    told = called(PREDICT, predict("words", "text"))
    assert list(told.outputs) == ["text"]
    assert (told.model_spec.name, list(told.outputs["text"].string_val)) == ("words", [TEXT])
    told = called(PREDICT, predict("many"))
    assert list(told.outputs["output"].float_val) == [0.5] * (1 << 15)
    with pytest.raises(grpc.RpcError, match="there is no output 'none'"):
        called(PREDICT, predict("many", "none"))


def test_a_message_of_seldon(called):
    """In the representation of the question, with its meta data."""
    said = pool()["seldon.protos.SeldonMessage"]()
    said.meta.puid = "p"
    said.data.ndarray.values.add().list_value.values.add().number_value = 0.5
    told = called(SELDON, said, seldon="many")
    assert told.meta.puid == "p"
    (row,) = told.data.ndarray.values
    assert [each.number_value for each in row.list_value.values] == [0.5] * (1 << 15)
    said.data.tensor.shape.extend([1, 1])
    said.data.tensor.values.append(0.5)
    told = called(SELDON, said, seldon="many")
    assert list(told.data.tensor.values) == [0.5] * (1 << 15)
