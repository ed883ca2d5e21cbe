"""TensorFlow Serving's REST API and KServe's V1, on a real server."""

import base64
import json
import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.dialects.v1 import nan_json
from modelbundle.runtime.errors import BadPayload
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest

from ..conftest import Servers, Sums, write_bundle, write_model
from .zoo import Scores, zoo_server

PREDICT = "/v1/models/sums:predict"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of a model of each layout."""
    with zoo_server(tmp_path_factory, "v1") as running:
        yield running


@pytest.fixture(scope="module")
def v1(server):
    """Posts a body, which may be bytes already, and gives the answer."""
    with server.client() as client:

        def post(body, path=PREDICT, **headers):
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return client.post(path, content=content, headers=headers)

        post.client = client
        yield post


# --- predict ---


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [[1, 2], [3, 4]]}, {"predictions": [3.0, 7.0]}),
        ({"instances": [{"input": [1, 2]}]}, {"predictions": [3.0]}),
        ({"inputs": [[1, 2]]}, {"outputs": [3.0]}),
        ({"inputs": {"input": [[1, 2]]}}, {"outputs": [3.0]}),
        ({"signature_name": "serving_default", "instances": [[1, 2]]}, {"predictions": [3.0]}),
        ({"signature_name": "predict", "instances": [[1, 2]]}, {"predictions": [3.0]}),
        ({"instances": [{"data": [1, 2]}, {"body": [3, 4]}]}, {"predictions": [3.0, 7.0]}),
        (
            {"signature_name": "tensorflow/serving/predict", "instances": [[1, 2]]},
            {"predictions": [3.0]},
        ),
    ],
)
def test_rows_and_columns_are_answered_in_their_own_form(v1, body, answer):
    """Whatever the content type says: clients of TensorFlow Serving say any."""
    assert v1(body).json() == answer
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain", ""):
        assert v1(body, **{"content-type": kind}).json() == answer


def test_several_inputs_and_outputs_have_names(v1):
    """Objects in rows, tensors in columns; text of an output called `..._bytes` is base64."""
    path = "/v1/models/pair:predict"
    rows = v1({"instances": [{"a": [1, 2], "n": 3}, {"n": 4, "a": [0, 0]}]}, path)
    assert rows.json()["predictions"] == [
        {"total": 6.0, "note_bytes": {"b64": "bjM="}},
        {"total": 4.0, "note_bytes": {"b64": "bjQ="}},
    ]
    columns = v1({"inputs": {"a": [[1, 2]], "n": [3]}}, path)
    assert columns.json() == {"outputs": {"total": [6.0], "note_bytes": [{"b64": "bjM="}]}}


def test_records_of_a_table(v1):
    """A DataFrame comes as objects or as columns."""
    path = "/v1/models/people:predict"
    assert v1({"instances": [{"age": 3, "city": "Oslo"}]}, path).json() == {
        "predictions": ["Oslo 3"]
    }
    assert v1({"inputs": {"age": [3], "city": ["Oslo"]}}, path).json() == {"outputs": ["Oslo 3"]}


def test_a_value_of_a_record_may_stand_in_a_list_of_its_own(v1):
    """As features of one value do, in rows and in columns."""
    path, said = "/v1/models/people:predict", ["Ulm 4", "Rom 5"]
    rows = [{"age": [4], "city": [{"b64": "VWxt"}]}, {"age": 5, "city": ["Rom"]}]
    for body in (
        {"instances": rows},
        {"inputs": rows},
        {"inputs": {"age": [[4], [5]], "city": [["Ulm"], ["Rom"]]}},
    ):
        (answered,) = v1(body, path).json().values()
        assert answered == said
    assert v1({"instances": [{"age": [4, 5], "city": "Ulm"}]}, path).status_code == 400


def test_bytes_come_as_b64(v1):
    """For a model of bytes, and for one of text, which is UTF-8 then."""
    blob = {"b64": base64.b64encode(b"\xff\x00abc").decode()}
    assert v1({"instances": [blob]}, "/v1/models/weigh:predict").json() == {"predictions": [5]}
    named = {"instances": [{"blob": blob}]}
    assert v1(named, "/v1/models/weigh:predict").json() == {"predictions": [5]}
    wrong = v1({"instances": [{"b64": "%"}]}, "/v1/models/weigh:predict").json()["error"]
    assert wrong == 'instances[0].b64: expected base64, got the string "%".'
    text = {"b64": base64.b64encode("å".encode()).decode()}
    assert v1({"instances": [text, "b"]}, "/v1/models/shout:predict").json() == {
        "predictions": ["Å", "B"]
    }
    wrong = v1({"instances": [blob]}, "/v1/models/shout:predict")
    assert wrong.status_code == 400


def test_numbers_that_are_none_are_tokens_both_ways(v1):
    """NaN and the infinities, which are no JSON elsewhere."""
    answer = v1(b'{"instances": [[NaN, 1], [Infinity, 1], [-Infinity, 2], [1, 1]]}')
    said = answer.json()["predictions"]
    assert math.isnan(said[0])
    assert said[1:] == [math.inf, -math.inf, 2.0]
    assert b"NaN" in v1({"instances": [[-4.0, 0.0]]}).content
    assert v1(b'{"instances": [{"x": NaN}]}', "/v1/models/things:predict").status_code == 400
    assert v1(b'{"instances": [[NaN, 1]], "instances": []}').status_code == 400


def test_other_content_types_are_those_of_the_native_route(v1):
    """An npy body is answered as there."""
    from io import BytesIO

    file = BytesIO()
    np.save(file, np.array([[1.0, 2.0]]))
    answer = v1(file.getvalue(), **{"content-type": "application/x-npy"})
    assert answer.json() == {"predictions": [3.0]}
    assert v1(b"<a/>", **{"content-type": "text/xml"}).status_code == 415


def test_the_fixed_parts_of_a_path_are_read_in_any_case(v1):
    """But names are not."""
    assert v1({"instances": [[1, 2]]}, "/V1/Models/sums:PREDICT").status_code == 200
    assert v1({"instances": [[1, 2]]}, "/v1/models/SUMS:predict").status_code == 404


def test_a_colon_may_be_encoded(v1):
    """As some libraries of clients do, to whom it is a reserved character."""
    for path in ("/v1/models/sums%3Apredict", "/v1/models/sums%3apredict"):
        assert v1({"instances": [[1, 2]]}, path).json() == {"predictions": [3.0]}


def test_versions_and_labels_stand_in_the_path(v1):
    """One of them, not both."""
    version = v1.client.get("/v1/models/sums").json()["model_version_status"][0]["version"]
    body = {"instances": [[1, 2]]}
    assert v1(body, f"/v1/models/sums/versions/{version}:predict").status_code == 200
    assert v1(body, "/v1/models/sums/versions/99:predict").status_code == 404
    assert v1(body, "/v1/models/sums/labels/stable:predict").status_code == 400
    assert v1(body, "/v1/models/nothing/labels/stable:predict").status_code == 404
    both = v1(body, f"/v1/models/sums/versions/{version}/labels/stable:predict")
    assert both.status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        ({}, 400),
        ({"instances": [[1, 2]], "inputs": [[1, 2]]}, 400),
        ({"instances": 3}, 400),
        ({"instances": []}, 400),
        ({"instances": [[1, 2, 3]]}, 400),
        ({"instances": [{"x": [1, 2], "y": [1, 2]}]}, 400),
        ({"inputs": {"input": 3}}, 400),
        ({"inputs": "x"}, 400),
        ({"signature_name": "nothing", "instances": [[1, 2]]}, 400),
        ({"signature_name": 3, "instances": [[1, 2]]}, 400),
        ({"instances": [[1, 2]] * 5000}, 413),
        ({"instances": [[-1, 2]]}, 500),
    ],
)
def test_what_is_wrong_has_the_codes_of_tensorflow_serving(v1, body, status):
    """An object with `error`, and nothing of the inside."""
    answer = v1(body)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)
    assert "passwd" not in answer.text


def test_a_model_that_is_not_there(v1):
    """404, with a hint."""
    answer = v1({"instances": [[1, 2]]}, "/v1/models/sum:predict")
    assert answer.status_code == 404
    assert "`sums`" in answer.json()["error"]
    assert v1.client.get("/v1/models/sums:predict").status_code == 405
    assert v1.client.post("/v1/models/sums:guess").status_code == 404


def test_a_large_body_is_read_beside_the_loop(v1):
    """From 64 KiB on, in either form; a hopeless one is refused unread."""
    rows = [[1.25, float(n)] for n in range(4000)]
    wanted = [1.25 + n for n in range(4000)]
    assert v1({"instances": rows}).json() == {"predictions": wanted}
    assert v1({"inputs": {"input": rows}}).json() == {"outputs": wanted}
    named = json.dumps({"instances": [{"input": row} for row in rows]}).encode()
    padded = named + b" " * (1 << 20)
    assert v1(padded).json() == {"predictions": wanted}
    assert v1(b'{"instances": [' + b"[]," * 400_000 + b"[]]}").status_code == 413


def test_nan_is_null_where_the_bundle_says_so(tmp_path_factory):
    """Both ways, as on the native route."""
    with zoo_server(tmp_path_factory, "v1", nan="null") as running, running.client() as client:
        told = client.post(PREDICT, json={"instances": [[None, 1], [2, 1]]})
        assert told.json() == {"predictions": [None, 3.0]}


def test_other_names_where_there_are_names(v1):
    """The one input of an array has none of its own; columns and tensors are called by theirs."""
    wrong = {"instances": [{"data": 41, "city": "Oslo"}]}
    assert v1(wrong, "/v1/models/people:predict").status_code == 400
    assert v1({"instances": [{"text": "a"}]}, "/v1/models/shout:predict").json() == {
        "predictions": ["A"]
    }
    assert v1({"instances": [{"any": "a"}]}, "/v1/models/shout:predict").json() == {
        "predictions": ["A"]
    }
    told = v1({"instances": [{"any": {"b64": "AAAA"}}]}, "/v1/models/weigh:predict")
    assert told.json() == {"predictions": [3]}
    as_it_is = v1({"instances": [{"data": 1}]}, "/v1/models/things:predict")
    assert as_it_is.json() == {"predictions": [{"got": {"data": 1}}]}


# --- classify, regress, explain ---


@pytest.mark.parametrize(
    "body",
    [
        {"instances": ["good", "gå"]},  # of which the first could be base64
        {"inputs": ["good", "gå"]},
        {"instances": [{"blob": "good"}, {"any": "gå"}]},
        {"inputs": {"blob": ["good", {"b64": "Z8Ol"}]}},
    ],
)
def test_text_is_utf8_for_a_model_of_bytes(v1, body):
    """As in TensorFlow, whose strings are bytes."""
    (answered,) = v1(body, "/v1/models/weigh:predict").json().values()
    assert answered == [4, 3]


def test_features_that_nobody_wants_are_passed_over(v1):
    """As TensorFlow Serving does; one that is missing is named."""
    body = {"context": {"other": [7]}, "examples": [{"input": [1.0, 3.0], "more": 1}]}
    assert v1(body, "/v1/models/scores:regress").json() == {"results": [4.0]}
    beside = {"context": {"input": [1.0, 3.0]}, "examples": [{"more": [5, 5]}, {}]}
    assert v1(beside, "/v1/models/scores:regress").json() == {"results": [4.0, 4.0]}
    told = v1({"examples": [{"input": [1, 2]}, {}]}, "/v1/models/scores:regress")
    assert told.status_code == 400
    assert told.json()["error"] == "examples[1]: the feature `input` is missing."
    wrong = v1({"examples": [{"input": ["x", 1]}]}, "/v1/models/scores:regress")
    assert wrong.json()["error"].startswith("examples[0][0]: expected")


def test_scores_are_classes(v1):
    """Each class with its score; the context completes every example."""
    body = {"context": {"input": [1.0, 3.0]}, "examples": [{}, {"input": [1.0, 1.0]}]}
    answer = v1(body, "/v1/models/scores:classify").json()
    shares = [[score for _, score in row] for row in answer["results"]]
    assert np.allclose(shares, [[0.25, 0.75], [0.5, 0.5]])
    assert [label for label, _ in answer["results"][0]] == ["0", "1"]


def test_a_number_is_a_regression(v1):
    """And a model without scores does not classify."""
    body = {"examples": [{"input": [1.0, 3.0]}]}
    assert v1(body, "/v1/models/sums:regress").json() == {"results": [4.0]}
    other = {"signature_name": "tensorflow/serving/regress", "examples": [{"x": [1.0, 3.0]}]}
    assert v1(other, "/v1/models/sums:regress").json() == {"results": [4.0]}
    beside = other | {"context": {"input": None}}
    assert v1(beside, "/v1/models/sums:regress").json() == {"results": [4.0]}
    two = {"examples": [{"x": [1.0, 3.0], "y": 1}]}  # of which one was meant, or none
    assert v1(two, "/v1/models/sums:regress").status_code == 400
    assert v1(body, "/v1/models/sums:classify").status_code == 400
    chosen = {**body, "signature_name": "predict_proba"}
    assert v1(chosen, "/v1/models/scores:regress").status_code == 400
    for wrong in ({"examples": 1}, {"examples": [1]}, {"examples": [], "context": 1}):
        assert v1(wrong, "/v1/models/sums:regress").status_code == 400


def test_explanations_where_a_model_explains(v1):
    """501 where it does not."""
    answer = v1({"instances": [[1, 2]]}, "/v1/models/scores:explain")
    assert answer.json() == {"explanations": [{"because": 1.0}]}
    assert v1({"instances": [[1, 2]]}, "/v1/models/sums:explain").status_code == 501


# --- what there is ---


def test_status_satisfies_clients_of_each_server(v1):
    """TensorFlow Serving's, KServe's and OpenAI's."""
    status = v1.client.get("/v1/models/sums").json()
    assert (status["name"], status["ready"]) == ("sums", True)
    (version,) = status["model_version_status"]
    assert version["state"] == "AVAILABLE"
    assert version["status"] == {"error_code": "OK", "error_message": ""}
    listed = v1.client.get("/v1/models").json()
    assert listed["models"][0] == "sums"
    assert listed["data"][0] == {"id": "sums", "object": "model"}
    assert v1.client.get("/v1/models/nothing").status_code == 404


def test_metadata_has_the_signatures(v1):
    """Under their methods, and the default as `serving_default`."""
    told = v1.client.get("/v1/models/pair/metadata").json()
    signatures = told["metadata"]["signature_def"]["signature_def"]
    assert signatures.keys() == {"serving_default", "predict"}
    found = signatures["serving_default"]
    assert found["method_name"] == "tensorflow/serving/predict"
    assert found["inputs"]["a"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}],
            "unknown_rank": False,
        },
        "name": "a:0",
    }
    assert found["outputs"]["note_bytes"]["dtype"] == "DT_STRING"
    assert told["model_spec"]["name"] == "pair"


def test_metrics_are_where_tensorflow_serving_has_them(v1):
    """The same numbers as at `/metrics`."""
    v1({"instances": [[1, 2]]})
    told = v1.client.get("/monitoring/prometheus/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    assert 'route="/v1/models/{model}:predict",status="200"' in told.text


# --- cloud events ---

EVENT = {"ce-id": "1", "ce-source": "test", "ce-specversion": "1.0", "ce-type": "test.type"}


def test_an_event_in_headers(v1):
    """Its answer is an event, too."""
    answer = v1({"instances": [[1, 2]]}, **EVENT)
    assert answer.json() == {"predictions": [3.0]}
    assert answer.headers["ce-type"] == "io.kserve.inference.response"
    assert answer.headers["ce-source"] == "io.kserve.inference.sums"
    assert answer.headers["ce-specversion"] == "1.0"
    assert answer.headers["ce-id"] not in {"", "1"}
    assert datetime.fromisoformat(answer.headers["ce-time"]).utcoffset() == timedelta(0)
    assert v1({}, **{k: v for k, v in EVENT.items() if k != "ce-id"}).status_code == 400


def test_an_event_as_one_document(v1):
    """Its data as JSON or in base64."""
    told = {name[3:]: value for name, value in EVENT.items()}
    kind = {"content-type": "application/cloudevents+json; charset=utf-8"}
    answer = v1(told | {"data": {"instances": [[1, 2]]}}, **kind)
    assert answer.headers["content-type"] == "application/cloudevents+json"
    assert answer.json()["data"] == {"predictions": [3.0]}
    data = base64.b64encode(b'{"instances": [[1, 2]]}').decode()
    assert v1(told | {"data_base64": data}, **kind).json()["data"] == {"predictions": [3.0]}
    deep = json.loads("[" * 200 + "]" * 200)
    for wrong in (told, [], {"data": {}}, told | {"data_base64": 3}, told | {"data": deep}):
        assert v1(wrong, **kind).status_code == 400


# --- whatever comes ---

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["b64", "input", "a", "n", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["instances", "inputs", "signature_name", "examples", "context", "data", "specversion"]
BODIES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3) | VALUES
MODELS = st.sampled_from(["sums", "people", "pair", "shout", "weigh", "things", "scores"])
VERBS = st.sampled_from(["predict", "classify", "regress", "explain"])


@given(BODIES, MODELS, VERBS, st.sampled_from(["", "application/cloudevents+json"]))
def test_no_body_makes_the_server_fail(v1, body, model, verb, kind):
    """It is the client's mistake, and said to be; only a model itself may fail."""
    answer = v1(body, f"/v1/models/{model}:{verb}", **{"content-type": kind})
    told = json.loads(answer.content)
    assert answer.status_code in {200, 400, 422, 501} or "The model" in told["error"]


@given(st.binary(max_size=40))
def test_no_bytes_make_the_server_fail(v1, body):
    """Bytes that are no JSON."""
    assert v1(body).status_code == 400


# --- versions and labels ---


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """A server of two versions of one model, of which the first has a label."""
    directory = tmp_path_factory.mktemp("versions")
    for alias, model in (("old", Scores()), ("new", Sums())):
        write_model(directory / "models" / alias, model)
    write_bundle(directory, models=("old", "new"), serve={"workers": 1})
    manifest = BundleManifest.read(directory)
    old, new = manifest.models
    entries = (replace(old, name="sums", label="stable"), replace(new, name="sums"))
    (directory / "bundle.json").write_bytes(replace(manifest, models=entries).encode())
    started = Servers(tmp_path_factory.mktemp("servers"))
    with started.start(directory).client() as client:
        yield client, old.version, new.version
    started.stop()


def test_a_label_is_a_version(versions):
    """The last one is the default; numbers stand for versions that are none."""
    client, old, new = versions
    told = client.get("/v1/models/sums").json()["model_version_status"]
    assert [each["version"] for each in told] == ["2", "1"]
    assert client.get("/v1/models/sums/metadata").json()["model_spec"]["version"] == "2"
    labeled = client.get("/v1/models/sums/labels/stable").json()["model_version_status"]
    assert [each["version"] for each in labeled] == ["1"]
    for path in ("", f"/versions/{old}", "/labels/stable", f"/VERSIONS/{new}", "/versions/1"):
        answer = client.post(f"/v1/models/sums{path}:predict", json={"instances": [[1, 2]]})
        assert answer.json() == {"predictions": [3.0]}, path
    assert client.get(f"/v1/models/sums/versions/{old}").status_code == 200
    assert client.get("/v1/models/sums/labels/other").status_code == 400


def test_version_0_is_the_default_one(versions):
    """Clients of OpenVINO's model server always name a version, and mean none by 0."""
    client, *_ = versions
    home = "/v1/models/sums/versions/0"
    assert client.get(home).json() == client.get("/v1/models/sums").json()
    assert client.get(f"{home}/metadata").json()["model_spec"]["version"] == "2"
    answer = client.post(f"{home}:predict", json={"instances": [[1, 2]]})
    assert answer.json() == {"predictions": [3.0]}
    assert client.get("/v1/models/nothing/versions/0").status_code == 404


def test_a_string_without_an_end_is_looked_for_once():
    """Tried from each of its quotes, a body of 60 KB would keep the loop for a minute."""
    with pytest.raises(BadPayload):
        nan_json.loads(b"NaN" + b'"\\' * 2_000_000)
