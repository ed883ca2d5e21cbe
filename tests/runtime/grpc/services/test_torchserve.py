"""TorchServe's inference service, in the forms of its published client."""

import json

import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import Client, grpc

SERVICE = "/org.pytorch.serve.grpc.inference.InferenceAPIsService"


@pytest.fixture(scope="module")
def client(zoo):
    """Somebody who asks a server of a model of each layout."""
    with zoo.channel() as channel:
        yield Client(channel)


def asked(model, version="", sequence=None, **given):
    """A request whose input are these bytes."""
    said = pool()["org.pytorch.serve.grpc.inference.PredictionsRequest"](
        model_name=model, model_version=version, input=given
    )
    if sequence is not None:
        said.sequenceId = sequence
    return said


def parts(client, call, messages):
    """What is said to messages, each part of it."""
    return list(client.stream(f"{SERVICE}/{call}", messages))


def test_ping(client):
    """As health checks read it."""
    told = client.call(f"{SERVICE}/Ping")
    assert json.loads(told.health) == {"status": "Healthy"}


@pytest.mark.parametrize(
    ("model", "given", "answer"),
    [
        ("sums", {"data": b"[1, 2]"}, 3.0),
        ("sums", {"data": b"[[1, 2], [3, 4]]"}, [3.0, 7.0]),
        ("sums", {"body": b'{"instances": [[1, 2]]}'}, {"predictions": [3.0]}),
        ("weigh", {"data": b"\xff\xd8\xff1234"}, 7),
        ("weigh", {"image": b"\x00\x01"}, 2),
        ("shout", {"data": "blå".encode()}, "BLÅ"),
        ("people", {"age": b"3", "city": b"Oslo"}, "Oslo 3"),
        ("people", {"data": b'{"age": 3, "city": "Oslo"}'}, "Oslo 3"),
        ("pair", {"a": b"[1, 2]", "n": b"3"}, {"total": 6.0, "note_bytes": "n3"}),
        ("things", {"a": b"1", "b": b"x"}, {"got": {"a": 1, "b": "x"}}),
    ],
)
def test_predictions(client, model, given, answer):
    """One field called so is the whole input, several are a record; the same on a stream."""
    told = client.call(f"{SERVICE}/Predictions", asked(model, **given))
    said = told.prediction.decode()
    assert (said if isinstance(answer, str) else json.loads(said)) == answer
    assert not told.HasField("sequenceId")
    (part,) = parts(client, "StreamPredictions", [asked(model, **given)])
    assert part == told


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (asked("sum", data=b"[1, 2]"), "NOT_FOUND", "did you mean `sums`?"),
        (asked("sums", "9", data=b"[1, 2]"), "NOT_FOUND", "version 9 is not found"),
        (asked("sums"), "INVALID_ARGUMENT", "There is no input."),
        (asked("sums", data=b"[1"), "INVALID_ARGUMENT", "not valid JSON"),
        (asked("sums", data=b"[1, 2, 3]"), "INVALID_ARGUMENT", "expected 2 numbers"),
        (asked("shout", data=b"\xff"), "INVALID_ARGUMENT", "not UTF-8"),
        (asked("sums", data=b"[-1, 2]"), "INTERNAL", "The model failed on this input."),
        (b"\xff\xff", "INVALID_ARGUMENT", "not what this call takes"),
    ],
)
def test_errors_have_codes_and_words(client, message, code, words):
    """On a stream of answers as well."""
    found = client.refused(f"{SERVICE}/Predictions", message)
    assert found[0] == code
    assert words in found[1]
    ask = client.channel.stream_stream(f"{SERVICE}/StreamPredictions")
    data = message if isinstance(message, bytes) else message.SerializeToString()
    with pytest.raises(grpc.RpcError) as error:
        list(ask(iter([data]), timeout=30))
    assert (error.value.code().name, error.value.details()) == found


def test_both_ways_a_bad_message_is_told_and_the_stream_goes_on(client):
    """In the order of the questions, each with its sequence."""
    messages = [
        asked("sums", sequence="a", data=b"[1, 2]"),
        asked("nothing", sequence="b", data=b"[1, 2]"),
        asked("sums", sequence="c", data=b"[3, 4]"),
    ]
    told = parts(client, "StreamPredictions2", messages)
    assert [each.sequenceId for each in told] == ["a", "b", "c"]
    assert [each.prediction for each in told] == [b"3.0", b"", b"7.0"]
    assert [each.HasField("status") for each in told] == [False, True, False]
    assert told[1].status.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert "nothing" in told[1].status.message


def test_what_an_api_yields_comes_in_parts(words):
    """Or, where no stream is asked for, as one."""
    given = {"text": b"hi", "times": b"3"}
    told = parts(words, "StreamPredictions", [asked("say", **given)])
    assert [each.prediction for each in told] == [b"hi 0", b"hi 1", b"hi 2"]
    whole = words.call(f"{SERVICE}/Predictions", asked("say", **given))
    assert whole.prediction == b"".join(each.prediction for each in told)


def test_fields_that_are_nested_too_deeply_are_the_clients_fault(words):
    """Deep enough to be read, and too deep to be written again."""
    deep = b"[" * 1000 + b"]" * 1000
    with pytest.raises(grpc.RpcError, match="nested more than 64 levels deep") as told:
        words.call(f"{SERVICE}/Predictions", asked("say", text=b"hi", times=deep))
    assert told.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_it_is_counted_and_reflection_tells_of_it(client):
    """Under the names of its calls."""
    from modelbundle.runtime.grpc.routes import route_names

    assert {"grpc:Predictions", "grpc:StreamPredictions", "grpc:Ping"} <= set(route_names())
    assert pool().file_of(SERVICE[1:] + ".Predictions") is not None
