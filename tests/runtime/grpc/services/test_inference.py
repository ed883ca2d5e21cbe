"""The open inference protocol over gRPC, asked with our own messages."""

import threading

import numpy as np
import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import SERVICE, Client, answers, grpc, request

STREAM = f"{SERVICE}/ModelStreamInfer"


def test_health_and_metadata(client):
    """What a client asks before it asks for anything."""
    assert client.call("ServerLive").live
    assert client.call("ServerReady").ready
    named = pool()["inference.ModelReadyRequest"](name="sums")
    assert client.call("ModelReady", named).ready
    told = client.call("ServerMetadata")
    assert told.name == "demo"
    assert "statistics" in told.extensions
    asked = pool()["inference.ModelMetadataRequest"](name="sums")
    told = client.call("ModelMetadata", asked)
    assert (told.name, len(told.versions)) == ("sums", 1)
    assert [(i.name, i.datatype, list(i.shape)) for i in told.inputs] == [
        ("input", "FP64", [-1, 2])
    ]
    assert [(o.name, o.datatype, list(o.shape)) for o in told.outputs] == [("output", "FP64", [-1])]


def test_config_has_no_batch_axis(client):
    """As Triton's clients want it."""
    asked = pool()["inference.ModelConfigRequest"](name="sums")
    config = client.call("ModelConfig", asked).config
    assert config.max_batch_size == 1024
    assert [(i.name, i.data_type, list(i.dims)) for i in config.input] == [("input", 12, [2])]


@pytest.mark.parametrize("is_raw", [True, False])
def test_answers_come_as_the_question_did(client, is_raw):
    """Raw for raw, contents for contents; the id comes back."""
    response = client.call("ModelInfer", request([[1, 2], [3, 4]], is_raw=is_raw, id="7"))
    assert answers(response) == [3.0, 7.0]
    assert bool(response.raw_output_contents) == is_raw
    assert (response.id, response.model_name) == ("7", "sums")
    assert [list(each.shape) for each in response.outputs] == [[2]]


def test_answers_are_raw_where_the_bundle_says_so(started):
    """As Triton's are: its examples send contents, and read raw numbers."""
    with started(grpc={"raw_output": True}).channel() as channel:
        asker = Client(channel)
        for _ in range(2):
            response = asker.call("ModelInfer", request([[1, 2], [3, 4]], is_raw=False))
            assert len(response.raw_output_contents) == 1
            assert not response.outputs[0].HasField("contents")
            assert answers(response) == [3.0, 7.0]


def test_many_values_one_by_one_are_read_aside(client):
    """A large message, and a small one beside it."""
    rows = [[n, 1] for n in range(4096)]
    large = request(rows, is_raw=False).SerializeToString()
    assert len(large) > 1 << 16
    asked = client.channel.unary_unary(f"{SERVICE}/ModelInfer")
    future = asked.future(large, timeout=30)
    assert client.call("ServerReady").ready
    told = pool()["inference.ModelInferResponse"].FromString
    assert answers(told(future.result())) == [n + 1.0 for n, _ in rows]


def test_statistics_count_rows_and_batches(client):
    """Of all that was asked before."""
    client.call("ModelInfer", request([[1, 2], [3, 4]]))
    asked = pool()["inference.ModelStatisticsRequest"](name="sums")
    (told,) = client.call("ModelStatistics", asked).model_stats
    assert told.name == "sums"
    assert told.inference_count >= 2
    assert told.execution_count >= 1


def test_outputs_are_chosen_and_classified(client):
    """By name; an unknown one is the client's mistake."""
    asked = request([[1, 2], [3, 4]])
    asked.outputs.add(name="output").parameters["classification"].int64_param = 1
    (said,) = (response := client.call("ModelInfer", asked)).outputs
    assert (said.datatype, list(said.shape)) == ("BYTES", [2, 1])
    assert response.raw_output_contents[0].endswith(b"7.000000:0")
    asked = request([[1, 2]])
    asked.outputs.add(name="nothing")
    code, words = client.refused("ModelInfer", asked)
    assert code == "INVALID_ARGUMENT"
    assert "nothing" in words
    assert "output" in words
    asked = request([[1, 2]])
    for _ in range(2):
        asked.outputs.add(name="output")
    assert "already exists" in client.refused("ModelInfer", asked)[1]


def test_repository_tells_what_there_is(client):
    """In both services that have the call."""
    (told,) = client.call("RepositoryIndex").models
    assert (told.name, told.state) == ("sums", "READY")
    path = "/inference.model_repository.ModelRepositoryService/RepositoryIndex"
    assert client.call(path).models[0].name == "sums"
    asked = pool()["inference.RepositoryIndexRequest"](repository_name="other")
    assert client.refused("RepositoryIndex", asked)[0] == "UNIMPLEMENTED"


def test_a_stream_answers_in_order_and_survives_errors(client):
    """Each message has an answer; a bad one is told in it, with its id."""
    asked = [
        request([[1, 2]], id="a"),
        request([[1, 2]], id="b", model="nothing"),
        request([[-1, 2]], id="c"),
        request([[3, 4]], id="d"),
    ]
    told = list(client.stream(STREAM, asked))
    assert [each.infer_response.id for each in told] == ["a", "b", "c", "d"]
    assert answers(told[0].infer_response) == [3.0]
    assert "unknown model: 'nothing' is not found" in told[1].error_message
    assert told[2].error_message == "The model failed on this input."
    assert answers(told[3].infer_response) == [7.0]
    assert told[3].infer_response.parameters["triton_final_response"].bool_param


def test_a_stream_is_longer_than_its_window(client):
    """Messages that come faster than they are answered wait with the client."""
    count = 300
    told = client.stream(STREAM, (request([[n, 1]], id=str(n)) for n in range(count)))
    assert [answers(each.infer_response) for each in told] == [[n + 1.0] for n in range(count)]


def test_what_is_not_there_is_said_so(client):
    """A model, a version, a method."""
    code, words = client.refused("ModelInfer", request([[1, 2]], model="sum"))
    assert code == "NOT_FOUND"
    assert "did you mean `sums`?" in words
    asked = request([[1, 2]], model_version="none")
    assert client.refused("ModelInfer", asked)[0] == "NOT_FOUND"
    asked = client.channel.unary_unary(f"{SERVICE}/ModelTrain")
    with pytest.raises(grpc.RpcError) as found:
        asked(b"", timeout=10)
    assert found.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_failure_reveals_nothing(client, server):
    """The traceback is in the log."""
    code, words = client.refused("ModelInfer", request([[-1, 2]]))
    assert (code, words) == ("INTERNAL", "The model failed on this input.")
    assert "secret path" in server.log()


def test_deadlines_are_kept(client):
    """The client's, and that of the parameter, which is in microseconds."""
    assert client.refused("ModelInfer", request([[-2, 2]]), timeout=0.1)[0] == "DEADLINE_EXCEEDED"
    asked = request([[1, 2]])
    asked.parameters["timeout"].int64_param = 1
    assert client.refused("ModelInfer", asked)[0] == "DEADLINE_EXCEEDED"
    assert answers(client.call("ModelInfer", request([[1, 2]]))) == [3.0]


def test_a_part_of_a_sequence_is_refused(client):
    """It would be answered without what came before; an id of 0 is none."""
    asked = request([[1, 2]])
    asked.parameters["sequence_id"].int64_param = 7
    assert client.refused("ModelInfer", asked)[0] == "UNIMPLEMENTED"
    asked.parameters["sequence_id"].int64_param = 0
    asked.parameters["sequence_start"].bool_param = False
    assert answers(client.call("ModelInfer", asked)) == [3.0]


def test_who_hangs_up_is_forgotten(client, server):
    """The log says 499, and the next one is answered."""
    asked = client.channel.unary_unary(f"{SERVICE}/ModelInfer")
    data = request([[-2, 2]]).SerializeToString()
    found = []
    while not found:  # one that is taken back before it was sent is never heard of
        future = asked.future(data, metadata=[("x-request-id", "gone")])
        with pytest.raises(grpc.FutureTimeoutError):
            future.result(timeout=0.1)
        future.cancel()
        assert answers(client.call("ModelInfer", request([[1, 2]]))) == [3.0]
        found = [line for line in server.access() if line["id"] == "gone"]
    assert found[0]["status"] == 499


def test_the_log_the_numbers_and_the_id(client, server):
    """As for any other request."""
    asked = client.channel.unary_unary(f"{SERVICE}/ModelInfer")
    data = request([[1, 2]]).SerializeToString()
    _, call = asked.with_call(data, metadata=[("x-request-id", "mine"), ("x-timing", "1")])
    told = dict(call.trailing_metadata())
    assert told["x-request-id"] == "mine"
    assert "compute" in told["server-timing"]
    found = server.noted("mine")
    assert found[0]["path"] == f"{SERVICE}/ModelInfer"
    assert (found[0]["status"], found[0]["rows"]) == (200, 1)
    with server.client() as http:
        assert (
            'bundle_requests_total{route="grpc:ModelInfer",status="200"}'
            in http.get("/metrics").text
        )


@pytest.mark.parametrize("coding", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_questions_are_read(client, coding):
    """Both codings of gRPC."""
    asked = request([[1, 2]] * 100)
    assert answers(client.call("ModelInfer", asked, compression=coding)) == [3.0] * 100


def test_many_at_once_share_batches(client):
    """From many threads, one channel."""
    told = [None] * 64

    def ask(n):
        told[n] = answers(client.call("ModelInfer", request([[n, 1]])))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(told))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert told == [[n + 1.0] for n in range(len(told))]


def test_large_tensors_of_a_stream_are_views_of_the_message(client):
    """As those of a call are; the answers are the same, and a bad one is told with its id."""
    rows = np.random.default_rng(1).random((4096, 2))
    asked = [request(rows, id="a"), request(rows[:1], id="b"), request(rows, id="c", model="no")]
    told = list(client.stream(STREAM, asked))
    assert answers(told[0].infer_response) == rows.sum(axis=1).tolist()
    assert [each.infer_response.id for each in told] == ["a", "b", "c"]
    assert "unknown model" in told[2].error_message
