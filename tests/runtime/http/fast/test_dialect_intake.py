"""Dialects below ASGI say what they say above it, in the same order, to the byte."""

import asyncio
import io
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from modelbundle.runtime.dialects.v2.inference import infer_request
from modelbundle.runtime.http.access_log import AccessLog
from modelbundle.runtime.manifests.signature import Field, Side

from ...conftest import make_sums, wait_until, write_bundle, write_model
from ..ways import Way, hearing
from .corpus import Corpus, Moody, post

INFER = "/v2/models/sums/infer"
LENGTH = "Inference-Header-Content-Length"
ROW = {"name": "input", "datatype": "FP64", "shape": [1, 2], "data": [1, 2.5]}
ROWS = ROW | {"shape": [3, 2], "data": [[1, 2], [3, 4.5], [5, 6]]}
PAIR = np.array([1.0, 2.5]).tobytes()
BINARY_OUT = {"parameters": {"binary_data_output": True}}


def ask(*inputs, path=INFER, headers=(), **more):
    return post(json.dumps({"inputs": inputs} | more).encode(), *headers, path=path)


def ask_binary(*, blobs=PAIR, size=16, path=INFER, headers=(), **more):
    tensor = ROW | {"parameters": {"binary_data_size": size}}
    del tensor["data"]
    head = json.dumps({"inputs": [tensor]} | more).encode()
    return post(head + blobs, f"{LENGTH}: {len(head)}", *headers, path=path)


def wants(**said):
    return {"outputs": [{"name": "output"} | said]}


CHUNKED = (
    f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    + b"%x\r\n%b\r\n0\r\n\r\n"
    % (len(json.dumps({"inputs": [ROW]})), json.dumps({"inputs": [ROW]}).encode())
)
LAST = ask(ROW, headers=["Connection: close"])
LONG = ask(ROW | {"shape": [900, 2], "data": [0.123456789] * 1800})

WHOLE = {
    "good": ask(ROW),
    "rows": ask(ROWS),
    "named": ask(ROW, id='a "%d" b'),
    "no text as a name": ask(ROW, id=7),
    "binary in": ask_binary(),
    "binary out": ask(ROWS, **BINARY_OUT),
    "binary both ways": ask_binary(**BINARY_OUT),
    "raw": post(PAIR, f"{LENGTH}: 0", path=INFER),
    "raw of no whole number": post(PAIR[:-1], f"{LENGTH}: 0", path=INFER),
    "an output": ask(ROW, **wants()),
    "an output in binary": ask(ROW, **wants(parameters={"binary_data": True})),
    "an output in JSON after all": ask(ROW, **BINARY_OUT, **wants(parameters={"binary_data": False})),
    "an output twice": ask(ROW, outputs=[{"name": "output"}] * 2),
    "another output": ask(ROW, outputs=[{"name": "result"}]),
    "classes": ask(ROWS, **wants(parameters={"classification": 2})),
    "too few blobs": ask_binary(blobs=PAIR[:8]),
    "too many blobs": ask_binary(blobs=PAIR * 2),
    "another size": ask_binary(size=8, blobs=PAIR[:8]),
    "a bad length": post(b"{}", f"{LENGTH}: 99", path=INFER),
    "no length": post(b"{}", f"{LENGTH}: x", path=INFER),
    "a version": ask(ROW, path="/v2/models/sums/versions/1/infer"),
    "no such version": ask(ROW, path="/v2/models/sums/versions/7/infer"),
    "no such model": ask(ROW, path="/v2/models/nobody/infer"),
    "a method": ask(ROW, parameters={"method": "predict"}),
    "no such method": ask(ROW, parameters={"method": "nothing"}),
    "a method in the path": ask(ROW, path="/v2/models/sums.predict/infer"),
    "a timeout": ask(ROW, parameters={"timeout": 5_000_000}),
    "past its timeout": ask(ROW, parameters={"timeout": 1}),
    "a priority": ask(ROW, parameters={"priority": 2}),
    "a bad priority": ask(ROW, parameters={"priority": -1}),
    "a raised timeout": ask(ROW, parameters={"timeout": "²"}),
    "beyond any array": ask(ROW | {"shape": [0, 1 << 62, 1 << 62], "data": []}),
    "shared memory": ask(ROW | {"parameters": {"shared_memory_region": "x"}}),
    "triton's own": ask(ROW, parameters={"triton_x": 1}),
    "an unknown datatype": ask(ROW | {"datatype": "FP8"}),
    "whole numbers": ask(ROW | {"datatype": "INT64", "data": [1, 2]}),
    "a short row": ask(ROW | {"data": [1]}),
    "a shape": ask(ROW | {"shape": [1, 3], "data": [1, 2, 3]}),
    "no rows": ask(ROW | {"shape": [0, 2], "data": []}),
    "too many rows": ask(ROW | {"shape": [101, 2], "data": [0] * 202}),
    "a string": ask(ROW | {"data": [1, "2"]}),
    "no tensors": ask(),
    "not json": post(b'{"inputs": [', path=INFER),
    "not an object": post(b"[]", path=INFER),
    "a key twice": post(b'{"inputs": [], "inputs": []}', path=INFER),
    "no body": post(b"", path=INFER),
    "the model raises": ask(ROW | {"data": [-1, 2]}),
    "the model says NaN": ask(ROWS | {"data": [[3, 3], [-4, 2], [1, 1]]}),
    "NaN in binary": ask(ROWS | {"data": [[3, 3], [-4, 2], [1, 1]]}, **BINARY_OUT),
    "long": LONG,
    "over the limit": ask(ROW | {"shape": [9000, 2], "data": [0.123456789] * 18000}),
    "chunked": CHUNKED,
    "gzip out": ask(ROW, headers=["Accept-Encoding: gzip"]),
    "gzip out of much": ask(ROWS | {"shape": [90, 2], "data": [1.5] * 180},
                            headers=["Accept-Encoding: gzip"]),
    "what libraries accept": ask(ROW, headers=["Accept-Encoding: gzip, deflate", "Accept: */*"]),
    "gzip in, which it is not": ask(ROW, headers=["Content-Encoding: gzip"]),
    "an unknown coding": ask(ROW, headers=["Content-Encoding: br"]),
    "an id": ask(ROW, headers=["X-Request-Id: own-1"]),
    "a trace": ask(ROW, headers=["traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]),
    "a deadline": ask(ROW, headers=["X-Request-Timeout: 5"]),
    "no deadline": ask(ROW, headers=["X-Request-Timeout: soon"]),
    "a query": ask(ROW, path=INFER + "?x=1"),
    "a slash": ask(ROW, path=INFER + "/"),
    "escapes": ask(ROW, path="/v2/models/s%75ms/infer"),
    "get": f"GET {INFER} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "metadata": b"GET /v2/models/sums HTTP/1.1\r\nHost: x\r\n\r\n",
    "the bundle's own": post(b'{"instances": [[1, 2]]}'),
    "below another path": ask(ROW, path="/v2/models/sums/generate"),
}  # fmt: skip
WHOLE |= {
    f"v1 {name}": post(body, *headers, path="/v1/models/sums:predict")
    for name, (body, *headers) in {
        "good": (b'{"instances": [[1, 2.5]]}',),
        "rows": (b'{"instances": [[1, 2], [3, 4]], "signature_name": "predict"}',),
        "columns": (b'{"inputs": [[1, 2], [3, 4]]}',),
        "named": (b'{"instances": [{"input": [1, 2]}]}',),
        "no such signature": (b'{"instances": [[1, 2]], "signature_name": "x"}',),
        "both": (b'{"instances": [[1, 2]], "inputs": [[1, 2]]}',),
        "no rows": (b'{"instances": []}',),
        "a short row": (b'{"instances": [[1]]}',),
        "NaN": (b'{"instances": [[NaN, 1]]}',),
        "the model says NaN": (b'{"instances": [[1, 2], [-4, 2]]}',),
        "the model raises": (b'{"instances": [[-1, 2]]}',),
        "too many": (b'{"instances": [%b]}' % b",".join([b"[1,2]"] * 101),),
        "not json": (b"{",),
        "curl": (b'{"instances": [[1, 2]]}', "Content-Type: application/x-www-form-urlencoded"),
        "csv": (b"1,2\n", "Content-Type: text/csv"),
        "an image": (b"\x89PNG", "Content-Type: image/png"),
        "an event without an id": (b'{"instances": [[1, 2]]}', "ce-specversion: 1.0"),
        "events": (b"[]", "Content-Type: application/cloudevents-batch+json"),
        "gzip out": (b'{"instances": [[1, 2]]}', "Accept-Encoding: gzip"),
    }.items()
}
V1 = b'{"instances": [[1, 2]]}'
WHOLE |= {
    "v1 another case": post(V1, path="/V1/MODELS/sums:PREDICT"),
    "v1 no such model": post(V1, path="/v1/models/nobody:predict"),
    "v1 a version": post(V1, path="/v1/models/sums/versions/1:predict"),
    "v1 both": post(V1, path="/v1/models/sums/versions/1/labels/x:predict"),
    "v1 regress": post(b'{"examples": [{"input": [1, 2]}]}', path="/v1/models/sums:regress"),
}
FATAL = {
    "close": LAST,
    "http 1.0": post(json.dumps({"inputs": [ROW]}).encode(), path=INFER, version="1.0"),
    "nonsense": b"nonsense\r\n\r\n",
    "two hosts": ask(ROW, headers=["Host: y"]),
    "two lengths": ask(ROW, headers=["Content-Length: 5"]),
}
CORPUS = Corpus(WHOLE, FATAL, LAST)
ALL = CORPUS.all
OF_ANSWERS = (
    "good", "rows", "named", "binary in", "binary out", "binary both ways", "raw", "an output",
    "an output in binary", "an output in JSON after all", "classes", "a method", "a priority",
    "the model raises", "the model says NaN", "NaN in binary", "long", "chunked", "gzip out of much",
    "an unknown datatype", "no rows", "past its timeout", "close", "v1 good", "v1 rows", "v1 columns",
    "v1 named", "v1 the model says NaN", "v1 the model raises", "v1 gzip out", "v1 regress",
)  # fmt: skip
"""What a model's answer makes different; requests that are refused have been with one of them."""


class Wordy(Moody):
    """Says in words what it says."""

    def predict(self, rows):
        return [f"{total:.1f}" for total in super().predict(rows)]


class Wide(Moody):
    """Answers with as many numbers as it was given."""

    def predict(self, rows):
        super().predict(rows)
        return np.sqrt(rows, dtype=np.float32)


class Selfish(Wide):
    """As many numbers, in a call of each request's own."""


@pytest.fixture(scope="module")
def hear(request, tmp_path_factory):
    """What both ways say to pieces of bytes, without what may differ: `hear(pieces)`."""
    bundles = []
    for http in ("fast", "asgi"):
        directory = tmp_path_factory.mktemp(http)
        is_merged = request.param is not Selfish
        write_model(directory / "models" / "sums", request.param(), batchable=is_merged)
        serve = {"http": http, "max_rows": 100, "max_body": 60_000}
        bundles.append(write_bundle(directory, serve=serve))
    with hearing(bundles) as hear:
        yield hear


MODELS = (Moody, Wordy, Wide, Selfish)
ASKED = [(Moody, name) for name in ALL]
ASKED += [(model, name) for model in MODELS[1:] for name in OF_ANSWERS]
of_all = pytest.mark.parametrize("hear", MODELS, indirect=True)
of_one = pytest.mark.parametrize("hear", [Moody], indirect=True)


@pytest.mark.parametrize(("hear", "name"), ASKED, indirect=["hear"])
def test_both_ways_say_the_same(hear, name):
    CORPUS.check(hear, name)


@of_one
@pytest.mark.parametrize("name", ["a bad priority", "a raised timeout", "beyond any array"])
def test_what_is_nonsense_is_the_clients_fault(hear, name):
    for said in hear([ALL[name], LAST]):
        assert said.startswith(b"HTTP/1.1 4")


@of_one
@pytest.mark.parametrize("name", ["good", "binary both ways", "raw", "chunked", "two hosts"])
def test_a_request_may_be_cut_anywhere(hear, name):
    CORPUS.check_cut(hear, name, step=7)


@of_all
@settings(max_examples=50, deadline=None)
@given(pieces=CORPUS.in_pieces())
def test_any_requests_in_any_pieces_get_the_same_answers_in_order(hear, pieces):
    fast, asgi = hear(pieces)
    assert fast == asgi


def test_methods_that_are_asked_in_turns_keep_their_groups(tmp_path):
    """Else no two requests of a batch would be answered together."""
    write_model(tmp_path / "models" / "sums", Moody())
    way = Way(write_bundle(tmp_path))
    with asyncio.Runner() as runner:
        runner.run(way.start())
        intake = way.application.fast_path._destinations.get(INFER.encode())
        one = way.application.catalog.find("sums")
        groups = [intake._group(each, one.open_queue) for each in (one, replace(one)) * 2]
        for _ in range(100):
            intake._group(replace(one), one.open_queue)
        runner.run(way.stop())
    assert groups[:2] == groups[2:]
    assert groups[0] is not groups[1]
    assert len(intake._groups) < 10


def test_neither_needs_a_scope(tmp_path):
    """Nor does much JSON, which is read in a task, but no application is called for it."""
    write_model(tmp_path / "models" / "sums", Moody())
    way = Way(write_bundle(tmp_path))

    async def application(scope, receive, send):
        raise AssertionError

    with asyncio.Runner() as runner:
        runner.run(way.start())
        way.config.loaded_app = application
        said = runner.run(way.converse([ask(ROW), LONG, WHOLE["binary both ways"], LAST]))
        runner.run(way.stop())
    assert said.count(b"HTTP/1.1 200") == 4


def test_what_only_a_handler_does_is_logged_alike(tmp_path):
    """Rows, bytes and the path, of requests that need a task and of others."""
    seen = []
    for http in ("fast", "asgi"):
        directory = tmp_path / http
        write_model(directory / "models" / "sums", Moody())
        lines = io.BytesIO()
        way = Way(write_bundle(directory, serve={"http": http}), access=AccessLog(lines))
        with asyncio.Runner() as runner:
            runner.run(way.start())
            runner.run(way.converse([ask(ROWS), LONG, WHOLE["the model raises"], LAST]))
            runner.run(way.stop())
        way.application.access.flush()
        logged = [json.loads(line) for line in lines.getvalue().splitlines()]
        seen.append([(e["path"], e["status"], e["rows"], e["in"], e["out"]) for e in logged])
    assert seen[0] == seen[1]
    assert [rows for _, _, rows, *_ in seen[0]] == [3, 900, 1, 1]


async def crowded(way, path, slow, body):
    """What a server says to a body while no queue of its model has room."""
    await way.start()
    batcher = way.application._host.runners["sums"].queue("predict").batcher
    waiting = []
    async with asyncio.timeout(90):
        while not batcher.is_full:
            client, _ = await way.connect()
            waiting.append(client)
            await way.say(client, [post(slow, path=path)])
            await asyncio.sleep(0.01)
        heard = await way.converse([post(body, "Connection: close", path=path)])
    for client in waiting:
        client.close()
    await way.stop()
    return heard


@pytest.mark.parametrize("http", ["fast", "asgi"])
@pytest.mark.parametrize(
    ("path", "slow"),
    [
        (INFER, json.dumps({"inputs": [ROW | {"data": [-2, 1]}]}).encode()),
        ("/v1/models/sums:predict", b'{"instances": [[-2, 1]]}'),
    ],
)
def test_nothing_is_read_that_there_is_no_room_for(tmp_path, http, path, slow):
    """A body that could not be read is refused as any other: nobody has looked."""
    bundle = make_sums(tmp_path, http=http, queue={"max_rows": 1}, isolation="thread")
    with asyncio.Runner() as runner:
        heard = runner.run(crowded(Way(bundle), path, slow, b"{"))
    assert heard.startswith(b"HTTP/1.1 503 "), heard
    assert b"retry-after: " in heard.lower()


class Lengths:
    """How many texts each row has."""

    def predict(self, rows):
        return [len(row) for row in rows]


def test_many_texts_are_read_beside_the_loop(tmp_path, monkeypatch):
    """Millions fit into a body, and each becomes an object."""
    texts = Side("array", (Field("x", "str", (None, None)),))
    write_model(tmp_path / "models" / "texts", Lengths(), inputs=texts)
    way = Way(write_bundle(tmp_path, models=["texts"]))
    head = {"name": "x", "datatype": "BYTES", "shape": [1, 9000]}
    head = json.dumps({"inputs": [head | {"parameters": {"binary_data_size": 36000}}]}).encode()
    in_binary = post(head + bytes(36000), f"{LENGTH}: {len(head)}", path="/v2/models/texts/infer")
    in_json = ask(
        {"name": "x", "datatype": "BYTES", "shape": [1, 9000], "data": [""] * 9000},
        path="/v2/models/texts/infer",
    )
    threads = []
    read = infer_request.read
    monkeypatch.setattr(
        infer_request,
        "read",
        lambda *asked: (threads.append(threading.get_ident()), read(*asked))[1],
    )
    with asyncio.Runner() as runner:
        runner.run(way.start())
        said = runner.run(way.converse([in_binary, in_json, LAST]))
        runner.run(way.stop())
    assert said.count(b"HTTP/1.1 200") == said.count(b"[9000") == 2
    assert len(threads) == 2
    assert threading.get_ident() not in threads


def test_what_is_not_done_together_is_in_the_log(servers, tmp_path):
    """A defect there would be slow, and seen by nobody."""
    serve = {"workers": 1, "log": "debug", "dialects": ["native", "v2"]}
    running = servers.start(make_sums(tmp_path, **serve))
    assert running.post([["x", 1]]).status_code == 422
    wait_until(lambda: "Bodies for /predict are decoded one by one." in running.log())
    with running.client() as client:
        data = {"name": "input", "datatype": "FP64", "shape": [1, 2], "data": [-4, 1]}
        assert client.post("/v2/models/sums/infer", json={"inputs": [data]}).status_code == 500
    wait_until(lambda: "/infer are encoded one by one." in running.log())
