"""An author's class asked over gRPC."""

import textwrap

import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import Servers, free_port, write_bundle
from .conftest import SERVICE, Served

SOURCE = '''
from collections.abc import AsyncIterator

import modelbundle as mb


@mb.service
class Words:
    """Says things."""

    @mb.api
    def shout(self, text: str) -> str:
        return text.upper()

    @mb.api
    async def say(self, text: str, times: int) -> AsyncIterator[str]:
        for n in range(times):
            if text == "no":
                raise ValueError("a secret")
            yield f"{text} {n}"
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    servers = Servers(tmp_path_factory.mktemp("servers"))
    directory, port = tmp_path_factory.mktemp("bundle"), free_port()
    (directory / "src").mkdir()
    (directory / "src" / "words.py").write_text(textwrap.dedent(SOURCE))
    routes = read_service(directory / "src", "words:Words").routes
    serve = {"dialects": ["native", "grpc"]}
    made = write_bundle(directory, models=(), service="words:Words", routes=routes, serve=serve)
    yield Served(**vars(servers.start(made, f"--grpc-port={port}")), grpc_port=port)
    servers.stop()


def asked(method, text, times=None, **more):
    said = pool()["inference.ModelInferRequest"](model_name=method, **more)
    said.inputs.add(name="text", datatype="BYTES", shape=[1]).contents.bytes_contents.append(
        text.encode()
    )
    if times is not None:
        made = said.inputs.add(name="times", datatype="INT64", shape=[1])
        made.contents.int64_contents.append(times)
    return said


def texts(told):
    return [
        b"".join(each.infer_response.outputs[0].contents.bytes_contents).decode()
        for each in told
        if each.infer_response.outputs
    ]


def test_an_api_takes_a_tensor_for_each_parameter(client):
    """And answers with one."""
    response = client.call("ModelInfer", asked("shout", "hello"))
    assert list(response.outputs[0].contents.bytes_contents) == [b"HELLO"]


def test_an_api_that_streams_says_each_item_on_a_stream(client):
    """As it comes; the end is told to whoever wants to hear of it."""
    wants = asked("say", "yes", 3, id="1")
    wants.parameters["triton_enable_empty_final_response"].bool_param = True
    told = list(client.stream(f"{SERVICE}/ModelStreamInfer", [wants]))
    assert texts(told) == ["yes 0", "yes 1", "yes 2"]
    assert {each.infer_response.id for each in told} == {"1"}
    final = [each.infer_response.parameters["triton_final_response"].bool_param for each in told]
    assert final == [False, False, False, True]
    assert len(list(client.stream(f"{SERVICE}/ModelStreamInfer", [asked("say", "yes", 3)]))) == 3


def test_what_fails_on_the_way_is_one_answer(client):
    """And the stream goes on."""
    both = [asked("say", "no", 1), asked("say", "yes", 1)]
    told = list(client.stream(f"{SERVICE}/ModelStreamInfer", both))
    failed = [each.error_message for each in told if each.error_message]
    assert len(failed) == 1
    assert "secret" not in failed[0]
    assert texts(told) == ["yes 0"]


def test_it_does_not_stream_into_one_answer(client):
    """UNIMPLEMENTED, and where to go."""
    code, words = client.refused("ModelInfer", asked("say", "yes", 3))
    assert code == "UNIMPLEMENTED"
    assert "generate_stream" in words
    wrong = asked("shout", "x")
    wrong.inputs[0].name = "other"
    wrong.inputs.add(name="more", datatype="INT64", shape=[1]).contents.int64_contents.append(1)
    assert client.refused("ModelInfer", wrong)[0] == "INVALID_ARGUMENT"


def test_metadata_knows_the_parameters(client):
    """As far as the types tell."""
    told = client.call("ModelMetadata", pool()["inference.ModelMetadataRequest"](name="say"))
    assert [(each.name, each.datatype) for each in told.inputs] == [
        ("text", "BYTES"), ("times", "INT64"),
    ]  # fmt: skip
