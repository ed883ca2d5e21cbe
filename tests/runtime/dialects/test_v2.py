"""The Open Inference Protocol over REST: what its clients may send, and what they are told."""

import asyncio
import gzip
import json
import re
import struct
import zlib

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelbundle.runtime.http.app import create_app
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.plan import Plan

from ..conftest import Servers, write_bundle, write_model

LENGTH = "inference-header-content-length"
ROW = {"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}
PAIR = np.array([1.0, 2.0]).tobytes()


@pytest.fixture(scope="module")
def client(kinds):
    """Asks the server of `kinds`."""
    with kinds.client() as client:
        yield client


def infer(client, document, *, model="sums", blobs=b"", headers=None, length=None):
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = dict(headers or {})
    if blobs or length is not None:
        headers[LENGTH] = str(len(head) if length is None else length)
    return client.post(f"/v2/models/{model}/infer", content=head + blobs, headers=headers)


def binary(size=16, **more):
    return {"name": "input", "shape": [1, 2], "datatype": "FP64",
            "parameters": {"binary_data_size": size}} | more  # fmt: skip


def refused(answer, status, said):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"  # kserve looks for exactly that
    body = answer.json()
    assert said in body["error"], body
    assert body["error"] == body["message"]
    assert body["code"] == status
    return body


# --- forms of requests and answers ---


def test_json_in_and_out(client):
    """Nested or flat; the id comes back, and what nobody knows is passed over."""
    nested = ROW | {"data": [[1, 2]], "unheard": 1}
    answer = infer(client, {"id": "7", "model_name": "x", "inputs": [nested], "unheard": {}})
    assert answer.json() | {"model_version": ""} == {
        "model_name": "sums",
        "model_version": "",
        "id": "7",
        "outputs": [{"name": "output", "datatype": "FP64", "shape": [1], "data": [3.0]}],
    }
    assert "id" not in infer(client, {"inputs": [ROW]}).json()
    assert LENGTH not in answer.headers


def test_binary_in_json_out(client):
    """Blobs stand behind the JSON, which says how long it is."""
    answer = infer(client, {"inputs": [binary()]}, blobs=PAIR)
    assert answer.json()["outputs"][0]["data"] == [3.0]


def test_binary_out_by_request_and_by_output(client):
    """What an output says of itself comes before what the request says."""
    parameters = {"binary_data_output": True}
    answer = infer(client, {"inputs": [ROW], "parameters": parameters})
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[LENGTH])
    head, blob = json.loads(answer.content[:length]), answer.content[length:]
    assert head["outputs"][0]["parameters"] == {"binary_data_size": 8}
    assert "data" not in head["outputs"][0]
    assert struct.unpack("<d", blob) == (3.0,)
    outputs = [{"name": "output", "parameters": {"binary_data": False}}]
    answer = infer(client, {"inputs": [ROW], "parameters": parameters, "outputs": outputs})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["outputs"][0]["data"] == [3.0]


def test_a_raw_body_is_the_only_input(client):
    """With a header of no length; as many rows as there are, all outputs in binary, no id."""
    for rows in (1, 3):
        answer = infer(client, PAIR * rows, length=0)
        length = int(answer.headers[LENGTH])
        head = json.loads(answer.content[:length])
        assert head["outputs"][0]["shape"] == [rows]
        assert "id" not in head
        assert answer.content[length:] == struct.pack("<d", 3.0) * rows
    free = np.array([1, 2, 3], np.float32).tobytes()
    answer = infer(client, free, model="spread", length=0)
    head = json.loads(answer.content[: int(answer.headers[LENGTH])])
    assert head["outputs"][0]["shape"] == [1, 3]  # one row: it is its size that may vary
    answer = infer(client, b"shout this", model="shout", length=0)
    assert answer.content.endswith(b"SHOUT THIS")


def test_order_counts_binary_inputs_alone(client):
    """JSON and binary data may stand in one request; of both, binary wins."""
    inputs = every_input()
    for each in inputs:
        if each["name"] in {"INT8", "FP64"}:
            each["parameters"] = {"binary_data_size": 2 if each["name"] == "INT8" else 16}
    inputs.sort(key=lambda each: each["name"])
    blobs = PAIR + b"\x05\x06"  # FP64 comes before INT8
    answer = infer(client, {"inputs": inputs}, model="every", blobs=blobs)
    refused(answer, 400, "FP16 has no JSON")  # of the answer
    wanted = [{"name": "INT8"}, {"name": "FP64"}]
    answer = infer(client, {"inputs": inputs, "outputs": wanted}, model="every", blobs=blobs)
    assert [each["data"] for each in answer.json()["outputs"]] == [[5, 6], [1.0, 2.0]]


def every_input():
    def one(name, datatype, data):
        return {"name": name, "shape": [1, 2], "datatype": datatype, "data": data}

    halves = one("FP16", "FP32", [1, 2])  # has no JSON of its own
    numbers = [
        "UINT8",
        "UINT16",
        "UINT32",
        "UINT64",
        "INT8",
        "INT16",
        "INT32",
        "INT64",
        "FP32",
        "FP64",
    ]
    texts = [one("TEXT", "BYTES", ["a", "b"]), one("BYTES", "BYTES", ["YQ==", "Yg=="])]
    texts[1]["parameters"] = {"content_type": "base64"}
    return [one("BOOL", "BOOL", [True, False]), halves, *texts] + [
        one(name, name, [1, 2]) for name in numbers
    ]


def test_answers_have_what_was_asked_for(client):
    """Those outputs, in that order."""
    wanted = [{"name": "INT64"}, {"name": "TEXT"}]
    outputs = infer(client, {"inputs": every_input(), "outputs": wanted}, model="every").json()[
        "outputs"
    ]
    assert [(each["name"], each["data"]) for each in outputs] == [
        ("INT64", [1, 2]),
        ("TEXT", ["a", "b"]),
    ]


def test_classes_instead_of_numbers(client):
    """The largest first; of equal ones the first; no more than there are."""
    tensor = {"name": "values", "shape": [2, 3], "datatype": "FP32", "data": [3, 9, 1, 5, 5, 0]}
    outputs = [{"name": "doubled", "parameters": {"classification": 9}}]
    (output,) = infer(client, {"inputs": [tensor], "outputs": outputs}, model="spread").json()[
        "outputs"
    ]
    assert output == {
        "name": "doubled",
        "datatype": "BYTES",
        "shape": [2, 3],
        "data": [
            "18.000000:1", "6.000000:0", "2.000000:2",
            "10.000000:0", "10.000000:1", "0.000000:2",
        ],
    }  # fmt: skip
    text = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}
    outputs = [{"name": "output", "parameters": {"classification": 1}}]
    answer = infer(client, {"inputs": [text], "outputs": outputs}, model="shout")
    refused(answer, 400, "class result not available for output due to unsupported type 'BYTES'")


def test_an_only_output_is_the_text_as_well(client):
    """Under its own name and under the protocol's; an id of no letters is none."""
    answer = client.post("/v2/models/spread/generate", json={"values": [1, 2], "id": ""})
    said = answer.json()
    assert (said["doubled"], said["text_output"]) == ([2.0, 4.0], [2.0, 4.0])
    assert "id" not in said
    said = client.post("/v2/models/shout/generate", json={"text_input": "a", "id": "7"}).json()
    assert (said["text_output"], said["id"], "output" in said) == ("A", "7", False)


def test_methods_have_names(client):
    """Behind a point, or among the parameters."""
    by_name = infer(client, {"inputs": [ROW]}, model="sums.predict")
    by_parameter = infer(client, {"inputs": [ROW], "parameters": {"method": "predict"}})
    assert by_name.json()["outputs"] == by_parameter.json()["outputs"]
    unknown = infer(client, {"inputs": [ROW], "parameters": {"method": "guess"}})
    refused(unknown, 404, "no method `guess`")


@pytest.mark.parametrize("version", ["", "/versions/1"])
def test_versions_stand_in_the_path(client, version):
    """By their names in the store, or counted from one where those are no numbers."""
    own = client.get("/v2/models/sums").json()["versions"]
    for each in (version, f"/versions/{own[0]}"):
        answer = client.post(f"/v2/models/sums{each}/infer", json={"inputs": [ROW]})
        assert answer.json()["model_version"] == own[0]
    unknown = client.get("/v2/models/sums/versions/9")
    refused(unknown, 404, "Request for unknown model: 'sums' version 9 is not found.")


def test_names_may_be_percent_encoded(client):
    """As clients do that quote them."""
    assert client.post("/v2/models/%73ums/infer", json={"inputs": [ROW]}).status_code == 200
    refused(client.post("/v2/models/a%2Fb/infer", json={"inputs": [ROW]}), 404, "'a/b'")


# --- codings ---


def test_bodies_may_be_compressed(client):
    """gzip in several members, deflate with and without its head."""
    body = json.dumps({"inputs": [ROW]}).encode()
    raw = zlib.compressobj(wbits=-15)
    for coding, data in (
        ("gzip", gzip.compress(body)),
        ("gzip", gzip.compress(body[:9]) + gzip.compress(body[9:])),
        ("deflate", zlib.compress(body)),
        ("deflate", raw.compress(body) + raw.flush()),
        ("identity", body),
    ):
        answer = infer(client, data, headers={"content-encoding": coding})
        assert answer.json()["outputs"][0]["data"] == [3.0]


def test_the_header_counts_what_was_there_before_compression(client):
    """Both ways."""
    head = json.dumps({"inputs": [binary()], "parameters": {"binary_data_output": True}}).encode()
    answer = infer(
        client, gzip.compress(head + PAIR), length=len(head), headers={"content-encoding": "gzip"}
    )
    assert answer.content[int(answer.headers[LENGTH]) :] == struct.pack("<d", 3.0)


@pytest.mark.parametrize("accepted", ["gzip", "deflate", "gzip, deflate", "br", "identity"])
def test_answers_are_compressed_for_who_names_one_coding(client, accepted):
    """Libraries that name several do not want anything."""
    tensor = {"name": "values", "shape": [1, 900], "datatype": "FP32", "data": [1] * 900}
    answer = infer(
        client, {"inputs": [tensor]}, model="spread", headers={"accept-encoding": accepted}
    )
    is_coded = accepted in {"gzip", "deflate"}
    assert answer.headers.get("content-encoding") == (accepted if is_coded else None)
    assert answer.json()["outputs"][0]["data"] == [2.0] * 900


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("gzip", b"\x1f\x8b no gzip", "not what its Content-Encoding says"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-5], "ends too early"),
        ("deflate", zlib.compress(b"{}") + b"more", "Something follows"),
        ("br", b"{}", "send gzip or deflate"),
        ("gzip, br", b"{}", "send gzip or deflate"),
        ("gzip, gzip", b"{}", "not what its Content-Encoding says"),
        ("gzip", gzip.compress(bytes(20 << 20)), "when it is decompressed"),
    ],
)  # fmt: skip
def test_bad_codings_are_refused(client, coding, body, said):
    """Also a few KiB that would become many MiB."""
    refused(infer(client, body, headers={"content-encoding": coding}), 400, said)


# --- what is refused ---


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "999999", "9" * 30, ""])
def test_the_header_length_is_within_the_body(client, length):
    """A number from 0 to the length of the body."""
    refused(infer(client, {"inputs": [ROW]}, length=length), 400, "Content-Length is from 0 to")


@pytest.mark.parametrize(
    ("inputs", "blobs", "said"),
    [
        ([binary()], PAIR + b"!", "unexpected additional input data for model 'sums'"),
        ([ROW], PAIR, "unexpected additional input data"),
        ([binary()], PAIR[:-1], "unexpected size for input 'input'"),
        ([binary(15)], PAIR[:-1], "input byte size mismatch for input 'input' for model 'sums'. Expected 16, got 15"),
        ([binary(-1)], b"x", "binary_data_size"),
        ([binary("16")], PAIR, "binary_data_size"),
        ([binary(1 << 60)], PAIR, "unexpected size"),
        ([ROW | {"shape": [1, 3]}], b"", "expected 3 values"),
        ([ROW | {"shape": [1, -1]}], b"", "sizes from 0"),
        ([ROW | {"shape": [1 << 62, 1 << 62]}], b"", "total element count to exceed maximum size"),
        ([ROW | {"shape": [1 << 61, 2]}], b"", "byte size overflow for input 'input'"),
        ([ROW | {"data": json.loads("[" * 120 + "]" * 120)}], b"", "JSON nesting depth exceeds"),
        ([ROW | {"shape": "12"}], b"", "whole numbers"),
        ([ROW | {"shape": [True, 2]}], b"", "whole numbers"),
        ([ROW | {"shape": [1, 2.0]}], b"", "whole numbers"),
        ([ROW | {"shape": [2], "data": [1, 2]}], b"", "expected shape (rows, 2)"),
        ([ROW | {"shape": [0, 2], "data": []}], b"", "at least one row"),
        ([ROW | {"data": [[1], [2, 3]]}], b"", "differ in their lengths"),
        ([ROW | {"data": ["1", "2"]}], b"", "expected numbers"),
        ([ROW | {"data": [True, False]}], b"", "expected numbers"),
        ([ROW | {"data": [None, 1]}], b"", "expected a finite number"),
        ([ROW | {"data": {"0": 1}}], b"", "expected `data` to be a list"),
        ([ROW | {"data": None}], b"", "to be a list"),
        ([{"name": "input", "shape": [1, 2], "datatype": "FP64"}], b"", "`data` is missing"),
        ([ROW | {"datatype": "FP8"}], b"", "no datatype `FP8`"),
        ([ROW | {"datatype": None}], b"", "`datatype`"),
        ([ROW | {"datatype": "FP16"}], b"", "FP16 has no JSON"),
        ([ROW | {"datatype": "BF16"}], b"", "BF16 has no JSON"),
        ([ROW | {"datatype": "INT8", "data": [1, 300]}], b"", "whole numbers that fit"),
        ([ROW | {"datatype": "INT8", "data": [1, 2.5]}], b"", "whole numbers"),
        ([ROW | {"datatype": "UINT64", "data": [1, -1]}], b"", "whole numbers from 0"),
        ([ROW | {"datatype": "BYTES", "data": [1, 2]}], b"", "expected strings"),
        ([ROW | {"datatype": "BYTES", "data": ["a", "b"]}], b"", "expected a number"),
        ([ROW | {"name": ""}], b"", "`name`"),
        ([ROW, ROW], b"", "same name"),
        ([ROW, ROW | {"name": "other"}, ROW | {"name": "third"}], b"", "expected one tensor"),
        (["input"], b"", "expected an object"),
        ([], b"", "expected 1 inputs but got 0 inputs for model 'sums'. Got input(s) []"),
        ("input", b"", "expected a list"),
        ([ROW | {"parameters": []}], b"", "expected an object"),
        ([ROW | {"parameters": {"triton_x": 1}}], b"", "reserved"),
    ],
)  # fmt: skip
def test_inputs_that_are_wrong_are_named(client, inputs, blobs, said):
    """With what was expected, in a 400."""
    refused(infer(client, {"inputs": inputs}, blobs=blobs), 400, said)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"outputs": [{"name": "z"}]}, "unexpected inference output 'z' for model 'sums'"),
        ({"outputs": [{"name": "output"}] * 2}, "output 'output' already exists in request"),
        ({"outputs": [{}]}, "`name`"),
        ({"outputs": "all"}, "expected a list"),
        (
            {"outputs": [{"name": "output", "parameters": {"classification": "3"}}]},
            "classification",
        ),
        ({"outputs": [{"name": "output", "parameters": {"binary_data": 1}}]}, "true or false"),
        ({"parameters": {"binary_data_output": "yes"}}, "true or false"),
        ({"parameters": {"triton_enable": True}}, "reserved"),
        ({"parameters": {"timeout": "soon"}}, "`timeout`"),
        ({"parameters": {"priority": -1}}, "`priority`"),
        ({"parameters": {"sequence_id": 1.5}}, "`sequence_id`"),
        ({"parameters": {"sequence_start": "yes"}}, "`sequence_start`"),
        ({"parameters": 3}, "expected an object"),
        ({"id": 7}, "id: expected a string"),
    ],
)
def test_wishes_that_are_wrong_are_named(client, more, said):
    """Outputs, parameters and ids."""
    refused(infer(client, {"inputs": [ROW]} | more), 400, said)


@pytest.mark.parametrize("said", [{"sequence_id": 7}, {"sequence_id": "a"}, {"sequence_end": True}])
def test_a_part_of_a_sequence_is_not_answered_as_if_it_were_all(client, said):
    """No model remembers the parts before; what clients send without a sequence is answered."""
    refused(infer(client, {"inputs": [ROW], "parameters": said}), 501, "keeps a state")
    none = {"sequence_id": 0, "sequence_start": False, "sequence_end": False}
    for empty in (none, {"sequence_id": ""}):
        assert infer(client, {"inputs": [ROW], "parameters": empty}).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"{", "not valid JSON"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
        (b'"x"', "JSON object"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"inputs": [{"name": "input", "shape": [1], "datatype": "FP32", "data": [NaN]}]}', "JSON"),
        (b'{"inputs": [], "inputs": []}', "more than once"),
        (b"[" * 100_000, "JSON"),
        (b'{"inputs": [{"name": "i", "shape": [1], "datatype": "BYTES", "data": ["\\ud800"]}]}', ""),
    ],
)  # fmt: skip
def test_bodies_that_are_no_requests_are_refused(client, body, said):
    """With where they go wrong."""
    refused(infer(client, body), 400, said)


def test_a_raw_body_has_a_whole_number_of_values(client):
    """And there is one input."""
    refused(infer(client, PAIR[:-1], length=0), 400, "no whole number")
    refused(infer(client, b"", length=0), 400, "at least one row")
    refused(infer(client, PAIR, model="every", length=0), 400, "got 14 inputs in 'every'")


def test_a_raw_body_is_one_value_of_bytes(make_kinds_server):
    """A row that has two of them cannot be told from it."""
    with make_kinds_server(models=("pairs",)).client() as client:
        said = "For BYTE datatype raw input 'pair', the model must have input shape [1]"
        refused(infer(client, b"ab", model="pairs", length=0), 400, said)


def test_what_has_no_json_is_asked_for_in_binary(client):
    """NaN, and bytes that are no text."""
    tensor = {"name": "values", "shape": [1, 1], "datatype": "FP32", "data": [-1]}
    refused(infer(client, {"inputs": [tensor]}, model="spread"), 500, "not finite")
    parameters = {"binary_data_output": True}
    answer = infer(client, {"inputs": [tensor], "parameters": parameters}, model="spread")
    assert np.isnan(struct.unpack("<f", answer.content[-4:])).all()


def test_statuses_are_those_of_triton(client):
    """Unknown 404, wrong method 405, a model that fails 500, too late 504."""
    refused(
        infer(client, {"inputs": [ROW]}, model="nothing"),
        404,
        "Request for unknown model: 'nothing' is not found; ",
    )
    wrong = client.get("/v2/models/sums/infer")
    refused(wrong, 405, "takes POST")
    assert wrong.headers["allow"] == "POST"
    refused(client.post("/v2/health/live"), 405, "takes GET")
    refused(client.get("/v2/nothing"), 404, "nothing at")
    trouble = ROW | {"data": [-1.0, 0.0]}
    said = refused(infer(client, {"inputs": [trouble]}), 500, "failed on this input")
    assert "passwd" not in json.dumps(said)
    slow = {"inputs": [ROW | {"data": [-2.0, 0.0]}], "parameters": {"timeout": 20_000}}
    refused(infer(client, slow), 504, "deadline")
    refused(client.post("/v2/repository/other/index"), 501, "'repository_name'")
    for path in ("systemsharedmemory/region/x/register", "cudasharedmemory/region/x/register"):
        refused(client.post(f"/v2/{path}", json={}), 501, "hared memory")
    shared = ROW | {"parameters": {"shared_memory_region": "x"}}
    refused(infer(client, {"inputs": [shared]}), 501, "hared memory")


@pytest.mark.parametrize(
    ("path", "name"), [("trace/setting", "trace_level"), ("logging", "log_info")]
)
def test_traces_and_logs_stay_as_they_are(client, path, name):
    """Who changes nothing, or takes a change back, is told how they are."""
    told = client.get(f"/v2/{path}").json()
    assert name in told
    for same in (b"", b"{}", json.dumps({name: None}).encode(), json.dumps(told).encode()):
        assert client.post(f"/v2/{path}", content=same).json() == told
    for other in ({name: 1}, {name: ["TIMESTAMPS"]}, {"none": told[name]}):
        refused(client.post(f"/v2/{path}", json=other), 501, "do not change")
    refused(client.post(f"/v2/{path}", json=[name]), 400, "JSON object")


def test_the_settings_of_traces_and_logs_are_those_that_triton_begins_with(client):
    """As L0_logging and L0_trace ask for them, of a model, too; an unknown one is 404."""
    logs = {"log_file": "", "log_info": True, "log_warning": True, "log_error": True}
    logs |= {"log_verbose_level": 0, "log_format": "default"}
    assert client.get("/v2/logging").json() == logs
    for name in ("log_info", "log_warning", "log_error"):
        assert client.post("/v2/logging", json={name: True}).json() == logs
        for other in (1, "false", False):
            refused(client.post("/v2/logging", json={name: other}), 501, "do not change")
    for other in ({"log_verbose_level": -1}, {"log_verbose_level": "1"}, {"log_file": "x.log"}):
        refused(client.post("/v2/logging", json=other), 501, "do not change")
    refused(client.post("/v2/logging", content=b'{"log_info": False}'), 400, "JSON")
    traces = client.get("/v2/trace/setting").json()
    assert client.get("/v2/models/sums/trace/setting").json() == traces
    undo = {"trace_level": None, "trace_rate": None, "trace_count": None, "log_frequency": None}
    assert client.post("/v2/models/sums/trace/setting", json=undo).json() == traces
    for asked in ({}, {"trace_file": "model.log"}):
        unknown = client.post("/v2/models/nothing/trace/setting", json=asked)
        refused(unknown, 404, "nothing")
    refused(client.get("/v2/models/nothing/trace/setting"), 404, "nothing")


def test_loading_is_nothing_for_clients_unless_the_bundle_says_so(client):
    """501, with the key that would allow it."""
    refused(client.post("/v2/repository/models/sums/load", json={}), 501, "cannot be loaded")
    refused(client.post("/v2/repository/models/sums/unload"), 501, "cannot be unloaded")


def test_the_index_is_a_list(client):
    """Of all, or of those that are ready."""
    for body in ({}, {"ready": True}):
        index = client.post("/v2/repository/index", json=body).json()
        assert {each["name"]: (each["state"], each["reason"]) for each in index}["sums"] == (
            "READY",
            "",
        )
    assert client.post("/v2/repository/index").status_code == 200
    refused(client.post("/v2/repository/index", json={"ready": "yes"}), 400, "true or false")


@pytest.mark.parametrize("home", ["/v2", "/v2/models/sums", "/v2/models/sums/versions/1"])
def test_openapi_is_where_mlserver_has_it(client, home):
    """Of all models, or of one."""
    document = client.get(f"{home}/docs/dataplane.json").json()
    assert document["openapi"] == "3.1.0"
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(document["paths"])):
        assert name in document["components"]["schemas"]
    assert "post" in document["paths"]["/v2/models/sums/infer"]
    assert ("/v2/models/shout/infer" in document["paths"]) == (home == "/v2")
    refused(client.get("/v2/models/nothing/docs/dataplane.json"), 404, "unknown model")


def test_health_says_more_than_a_status(client):
    """For clients that read it, and those that do not."""
    assert client.get("/v2/health/ready").json() == {"live": True, "ready": True}
    assert client.get("/v2/models/sums/ready").json() == {"name": "sums", "ready": True}
    assert client.get("/v2/models/sums.predict/ready").status_code == 200
    refused(client.get("/v2/models/nothing/ready"), 404, "Request for unknown model")
    assert "sums" in client.get("/v2/models").json()["models"]


def test_a_request_may_come_in_pieces(kinds):
    """Without a length, and with one that is announced."""
    body = json.dumps({"inputs": [ROW]}).encode()

    def pieces():
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    with kinds.client() as client:
        answer = client.post("/v2/models/sums/infer", content=pieces())
        assert answer.json()["outputs"][0]["data"] == [3.0]
        again = infer(client, body, headers={"expect": "100-continue"})
        assert again.json()["outputs"][0]["data"] == [3.0]


def test_large_json_is_read_too(client):
    """In a turn of its own."""
    rows = 4000
    tensor = {"name": "input", "shape": [rows, 2], "datatype": "FP64", "data": [[1, 2]] * rows}
    (output,) = infer(client, {"inputs": [tensor]}).json()["outputs"]
    assert output["data"] == [3.0] * rows
    refused(
        infer(client, {"inputs": [tensor | {"shape": [5000, 2], "data": [[1, 2]] * 5000}]}),
        400,
        "up to 4096",
    )


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(
    head=st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["inputs", "outputs", "name", "shape", "datatype", "data", "parameters",
                                 "binary_data_size", "id"]), inner, max_size=6,
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    blob=st.binary(max_size=24),
    length=st.none() | st.integers(-2, 200).map(str) | st.text("0123456789-x", max_size=4),
)  # fmt: skip
def test_any_request_is_answered_or_refused_with_a_400(client, head, blob, length):
    """No body, however strange, makes the server fail."""
    headers = {} if length is None else {LENGTH: length}
    answer = client.post("/v2/models/sums/infer", content=head + blob, headers=headers)
    assert answer.status_code in {200, 400}, answer.text


def test_a_table_may_have_thousands_of_columns(tmp_path):
    """A tensor each, which are more lists than there may be rows."""
    names = [f"column {position}" for position in range(6000)]
    side = Side("columns", tuple(Field(name, "float64", (None,)) for name in names))
    write_model(tmp_path / "models" / "wide", lambda table: table.sum(axis=1).tolist(), inputs=side)
    tensor = {"shape": [20], "datatype": "FP64", "data": [0.1234567890123456] * 20}
    inputs = [{"name": name} | tensor for name in names]
    servers = Servers(tmp_path)
    server = servers.start(write_bundle(tmp_path, models=("wide",), serve={"isolation": "thread"}))
    with server.client() as client:
        answer = infer(client, {"inputs": inputs}, model="wide")
        more = [{"name": f"more {position}"} | tensor for position in range(200)]
        refused(infer(client, {"inputs": inputs + more}, model="wide"), 400, "6000 tensors, got")
    servers.stop()
    assert answer.json()["outputs"][0]["data"] == pytest.approx([6000 * 0.1234567890123456] * 20)


@pytest.mark.parametrize("model", ["sums", "shout"])
def test_a_body_of_brackets_is_refused_before_it_is_read(client, model):
    """It would take twenty times its own size."""
    body = b'{"inputs": [{"data": [' + b"[]," * (1 << 20) + b"[]]}]}"
    refused(infer(client, body, model=model), 400, "lists and objects")


@pytest.mark.parametrize("isolation", ["thread"], indirect=True)
def test_nothing_is_ready_while_it_loads(kinds):
    """Alive, but 503 for all else, with the reason and when to come back."""

    async def ask():
        application = create_app(Plan.read(kinds.bundle))
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            assert (await client.get("/v2/health/live")).status_code == 200
            ready = await client.get("/v2/health/ready")
            assert ready.json() == {"live": True, "ready": False, "error": "Not ready: starting."}
            model = await client.get("/v2/models/sums/ready")
            assert (model.status_code, model.json()["ready"]) == (503, False)
            answer = await client.post("/v2/models/sums/infer", json={"inputs": [ROW]})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert (await client.get("/v2/models/sums")).json()["inputs"]
            index = (await client.post("/v2/repository/index", json={})).json()
            assert {each["state"] for each in index} == {"LOADING"}
            assert (await client.post("/v2/repository/index", json={"ready": True})).json() == []
            assert (await client.get("/v2/models/stats")).status_code == 200

    asyncio.run(ask())


def test_models_are_loaded_and_unloaded_where_the_bundle_says_so(make_kinds_server):
    """As clients of Triton do it: exactly 200, and the index tells."""
    running = make_kinds_server(model_control="explicit", models=("sums", "shout"))
    with running.client() as client:

        def state():
            index = client.post("/v2/repository/index", json={}).json()
            return {each["name"]: each["state"] for each in index}["shout"]

        assert client.post("/v2/repository/models/shout/unload", json={}).status_code == 200
        assert state() == "UNAVAILABLE"
        assert client.get("/v2/models/shout/ready").status_code == 503
        text = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}
        refused(infer(client, {"inputs": [text]}, model="shout"), 503, "not ready")
        assert client.post("/v2/repository/models/shout/load", json={}).status_code == 200
        assert state() == "READY"
        assert infer(client, {"inputs": [text]}, model="shout").json()["outputs"][0]["data"] == [
            "A"
        ]
        unknown = client.post("/v2/repository/models/nothing/load", json={})
        refused(unknown, 404, "failed to load 'nothing', failed to poll from model repository")
        up = client.post("/v2/repository/models/..%2Fetc/load", json={})
        refused(up, 400, "failed to load '../etc', model name must not contain path traversal")
        empty = client.post("/v2/repository/models/%20/load", json={})
        refused(empty, 400, "Model name cannot be empty.")
        changed = client.post(
            "/v2/repository/models/shout/load", json={"parameters": {"config": "{}"}}
        )
        refused(changed, 501, "failed to load 'shout', for parameters change nothing")
