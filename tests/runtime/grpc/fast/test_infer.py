"""Calls whose form is known are answered as others are: the same bytes, words, codes and lines."""

import threading

import numpy as np
import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ...conftest import wait_until
from ..conftest import SERVICE, Client, answers, grpc, request

PATH = f"{SERVICE}/ModelInfer"


@pytest.fixture(scope="module")
def known(server):
    """A client whose forms the server knows, of one row and of two."""
    with server.channel() as channel:
        client = Client(channel)
        for rows in ([[1, 2]], [[1, 2], [3, 4]]):
            for _ in range(2):
                client.call("ModelInfer", request(rows))
        yield client


def both(client, said, **more):
    """The bytes of an answer when everything is looked at, and when the form is known."""
    ask = client.channel.unary_unary(PATH)
    data = said.SerializeToString()
    slow = ask(data, metadata=[("x-request-id", "slow")], timeout=30, **more)
    for _ in range(2):
        quick, call = ask.with_call(data, timeout=30, **more)
    assert len(dict(call.trailing_metadata())["x-request-id"]) == 16
    return slow, quick


@pytest.mark.parametrize("version", ["", "1"])
@pytest.mark.parametrize("names", [[], ["output"]])
@pytest.mark.parametrize("rows", [[[1, 2]], [[1, 2], [3, 4]], [[0.5, n] for n in range(200)]])
def test_the_answer_is_the_same_to_the_byte(known, rows, names, version):
    """Also where outputs are named, and a version."""
    said = request(rows, model_version=version)
    for name in names:
        said.outputs.add(name=name)
    slow, quick = both(known, said)
    assert quick == slow
    read = pool()["inference.ModelInferResponse"].FromString(quick)
    assert answers(read) == [sum(row) for row in rows]


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        ([[-1, 2]], {}),
        ([[float("nan"), 2]], {}),
        ([[1, 2, 3]], {}),
        ([[1, 2]], {"model": "nothing"}),
        ([[1, 2]], {"model_version": "9"}),
    ],
)
def test_what_is_wrong_is_told_in_the_same_words(known, rows, more):
    """By code and sentence; a form is known of rows that were well."""
    told = []
    for metadata in ([("x-request-id", "slow")], (), ()):
        found = known.refused("ModelInfer", request(rows, **more), metadata=metadata)
        told.append(found)
    assert told[0] == told[1] == told[2]


def test_outputs_that_there_are_not_are_told_so(known):
    """Where a form with those that there are is known."""
    for name in ("output", "nothing"):
        said = request([[1, 2]])
        said.outputs.add(name=name)
        if name == "output":
            known.call("ModelInfer", said)
            continue
        refused = known.refused("ModelInfer", said)
        assert refused[0] == "INVALID_ARGUMENT"
        assert "nothing" in refused[1]


def test_deadlines_are_kept_and_who_hangs_up_is_written_down(known, server):
    """Of a model that takes half a second."""
    data = request([[-2, 2]]).SerializeToString()
    ask = known.channel.unary_unary(PATH)

    def is_noted():
        with pytest.raises(grpc.RpcError) as found:
            ask(data, timeout=0.1)
        assert found.value.code().name == "DEADLINE_EXCEEDED"
        return {499, 504} & {line["status"] for line in server.access()}

    wait_until(is_noted)  # one that was late before it was sent is never heard of
    assert answers(known.call("ModelInfer", request([[1, 2]]))) == [3.0]


def test_each_call_is_counted_and_written_down_once(known, server):
    """Whoever shares a batch with whom."""
    with server.client() as http:
        before = counted(http)
        threads = [
            threading.Thread(target=known.call, args=("ModelInfer", request([[n, 1]])))
            for n in range(40)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        after = counted(http)
    assert after["requests"] - before["requests"] == 40
    assert after["rows"] - before["rows"] == 40
    assert after["pending"] == 0
    assert after["flight"] == before["flight"] == 1  # whoever asks for the numbers
    lines = server.access(lambda lines: len(lines) >= after["requests"])
    last = lines[-1]
    assert (last["method"], last["path"], last["status"]) == ("POST", PATH, 200)
    assert last["rows"] == 1
    assert last["in"] == len(request([[1, 1]]).SerializeToString())
    assert last["out"] > 8
    assert last["ms"] > 0


def counted(http):
    """Numbers that these calls change."""
    wanted = {
        'bundle_requests_total{route="grpc:ModelInfer",status="200"': "requests",
        "bundle_batch_rows_sum": "rows",
        "bundle_pending_rows": "pending",
        "bundle_in_flight_requests": "flight",
    }
    found = dict.fromkeys(wanted.values(), 0.0)
    for line in http.get("/metrics").text.splitlines():
        for begin, name in wanted.items():
            if line.startswith(begin):
                found[name] += float(line.rpartition(" ")[2])
    return found


def test_a_timed_call_is_timed(known):
    """Its metadata ask for it, so that everything is looked at."""
    ask = known.channel.unary_unary(PATH)
    data = request([[1, 2]]).SerializeToString()
    _, call = ask.with_call(data, metadata=[("x-timing", "1")])
    assert "compute" in dict(call.trailing_metadata())["server-timing"]


@pytest.mark.parametrize("serve", [{"timing": "always"}, {"queue": {"fairness": "address"}}])
def test_where_more_is_wanted_of_each_call_nothing_changes(started, serve):
    """All of them are looked at."""
    with started(**serve).channel() as channel:
        client = Client(channel)
        for _ in range(3):
            assert answers(client.call("ModelInfer", request([[1, 2]]))) == [3.0]


def test_other_numbers_than_before_give_other_answers(known):
    """Of many rows, in many forms."""
    random = np.random.default_rng(0)
    for count in (1, 2, 3, 2, 1, 17):
        rows = random.random((count, 2))
        assert answers(known.call("ModelInfer", request(rows))) == rows.sum(axis=1).tolist()
