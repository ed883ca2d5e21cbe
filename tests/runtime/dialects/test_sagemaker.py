"""SageMaker's routes, on a real server and in its published forms."""

import json
import re
from io import BytesIO

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.dialects.sagemaker import libsvm, recordio, sparse_matrix
from modelbundle.runtime.errors import PayloadTooLarge, RequestError
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import write_bundle
from .records import RECORD, recorded
from .zoo import zoo_server

ROWS = [[1.0, 2.0], [3.0, 4.0]]
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
TARGET = "X-Amzn-SageMaker-Target-Model"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of a model of each layout, of a multi-model endpoint."""
    multi = {"SAGEMAKER_MULTI_MODEL": "true"}
    with zoo_server(tmp_path_factory, "sagemaker", env=multi) as running:
        yield running


def npy(rows):
    """The rows as a file of numpy's."""
    file = BytesIO()
    np.save(file, np.array(rows))
    return file.getvalue()


def invoke(client, body, kind, accept="*/*", path="/invocations", **headers):
    """Invoke the endpoint as its runtime client does."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": kind, "accept": accept} | headers
    return client.post(path, content=content, headers=headers)


def test_ping(client):
    """200 is all that counts."""
    assert client.get("/ping").status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "answer"),
    [
        (ROWS, "application/json", [3.0, 7.0]),
        ([1, 2], "application/json", 3.0),
        ({"instances": ROWS}, "application/json", {"predictions": [3.0, 7.0]}),
        (b"1,2\n3,4\n", "text/csv", {"predictions": [3.0, 7.0]}),
        (b"1.0,2.0", "text/csv; charset=utf-8", {"predictions": [3.0]}),
        (npy(ROWS), "application/x-npy", {"predictions": [3.0, 7.0]}),
    ],
)
def test_bodies_of_its_content_types(client, body, kind, answer):
    """JSON, CSV and npy, answered in JSON unless something else is accepted."""
    told = invoke(client, body, kind)
    assert told.headers["content-type"] == "application/json"
    assert told.json() == answer


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "image/png", "application/x-image", "audio/wav", "application/pdf"]
)
def test_a_model_of_bytes_takes_files_of_any_type(client, kind):
    """As an `input_fn` would; what is rows stays rows."""
    assert invoke(client, b"\xff\xd8\xff1234", kind, path="/models/weigh/invoke").json() == 7
    refused = invoke(client, b"1,2", kind, path="/models/sums/invoke")
    assert refused.status_code == 415


def test_a_model_of_text_takes_texts_of_any_type(client):
    """And nothing else as one."""
    assert invoke(client, b"<p>", "text/html", path="/models/shout/invoke").json() == "<P>"
    assert invoke(client, b"<p>", "image/png", path="/models/shout/invoke").status_code == 415


def test_accept_is_honored(client):
    """As the clients of each toolkit read it."""
    told = invoke(client, ROWS, "application/json", "text/csv")
    assert told.headers["content-type"].startswith("text/csv")
    assert [float(line) for line in told.text.split()] == [3.0, 7.0]
    told = invoke(client, b"1,2", "text/csv", "application/x-npy")
    assert np.load(BytesIO(told.content)).tolist() == [3.0]


def test_json_lines(client):
    """A row a line, and a prediction a line."""
    lines = b'[1, 2]\n{"features": [3, 4]}\n'
    told = invoke(client, lines, "application/jsonlines", "application/jsonlines")
    assert (told.headers["content-type"], told.content) == ("application/jsonlines", b"3.0\n7.0\n")
    assert invoke(client, lines, "application/jsonlines", "application/json").json() == [3.0, 7.0]
    assert invoke(client, b"\n", "application/jsonlines").status_code == 400
    assert invoke(client, b"[1]\n", "application/jsonlines").status_code == 400


def test_rows_of_libsvm(client):
    """With a label or without; what a row lacks is 0 for a model that must have it."""
    for kind in ("text/libsvm", "text/x-libsvm; charset=utf-8"):
        told = invoke(client, b"1 0:1 1:2.5 # why\n\n1:4\n0\n", kind)
        assert told.json() == {"predictions": [3.5, 4.0, 0.0]}
    assert invoke(client, b"0:1 1:2", "text/libsvm", "text/csv").text.split() == ["3.0"]
    for wrong in (b"0:1 2:1", b"0:x", b"0:1_0", b"-1:1 0:1 -2:1", b"0:nan", b"0:1:2", b""):
        assert invoke(client, wrong, "text/libsvm").status_code == 400, wrong
    for model in ("shout", "things", "pair"):
        told = invoke(client, b"0:1", "text/libsvm", path=f"/models/{model}/invoke")
        assert told.status_code == 400
    assert invoke(client, b"0:1\n" * 5000, "text/libsvm").status_code == 413


def test_few_bytes_do_not_become_many_values():
    side = Side("array", (Field("x", "float32", (None, 1 << 20), is_nullable=True),))
    codec = Codec(side, max_rows=9)
    found = libsvm.read(codec, b"7:1\n")
    assert (found.shape, np.isnan(found).sum(), found[0, 7]) == ((1, 1 << 20), (1 << 20) - 1, 1)
    with pytest.raises(PayloadTooLarge):
        libsvm.read(codec, b"7:1\n" * 5)
    with pytest.raises(PayloadTooLarge):
        sparse_matrix.read(codec, sparse(scipy.sparse.csr_matrix((9, 1 << 20))))


RECORDIO = "application/x-recordio-protobuf"


def test_rows_of_recordio(client):
    """Dense and sparse, of each kind of numbers; what a row lacks is 0 for a model that needs it."""
    body = recorded(
        ("float32tensor", [1, 2.5]),
        ("float64tensor", [3, 4]),
        ("int32tensor", [-5, 7]),
        ("float32tensor", [4], [1], [2]),
        ("float64tensor", [], [], [2]),
    )
    assert invoke(client, body, RECORDIO).json() == {"predictions": [3.5, 7.0, 2.0, 4.0, 0.0]}
    blob = RECORD()
    blob.features["values"].bytes.value.append(b"png")
    two = RECORD()
    two.features["a"].float32tensor.values.append(1)
    two.features["b"].float32tensor.values.append(1)
    wrong = {
        "ends within": body[:-3],
        "not RecordIO": b"1,2\n3,4\n",
        "whole records": recorded(("float32tensor", [1, 2]), flag=1),
        "has 2 features, got 3": recorded(("float32tensor", [1, 2, 3])),
        "from 0; got 2": recorded(("float32tensor", [1], [2])),
        "features, got 9": recorded(("float32tensor", [1], [0], [9])),
        "1 values have 2 keys": recorded(("float32tensor", [1], [0, 1])),
        "Expected numbers": recorded(blob.SerializeToString()),
        "one feature a record": recorded(two.SerializeToString()),
        "aialgs.data.Record": recorded(b"\xff" * 8),
        "finite": recorded(("float64tensor", [float("nan"), 1])),
    }
    for said, each in wrong.items():
        answer = invoke(client, each, RECORDIO)
        assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text
    assert (
        invoke(client, recorded(*[("float32tensor", [1, 2])] * 5000), RECORDIO).status_code == 413
    )


def sparse(matrix):
    """As the client's serializer writes it."""
    file = BytesIO()
    scipy.sparse.save_npz(file, matrix)
    return file.getvalue()


def test_rows_of_a_sparse_matrix(client):
    """What is not there is 0; arrays of other names are rows as before."""
    kind = "application/x-npz"
    rows = scipy.sparse.csr_matrix([[1.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    for matrix in (rows, rows.tocoo(), rows.tocsc(), rows.astype(np.int32)):
        assert invoke(client, sparse(matrix), kind).json() == {"predictions": [1.0, 4.0, 0.0]}
    wide = invoke(client, sparse(scipy.sparse.csr_matrix((2, 3))), kind)
    assert (wide.status_code, "has 2 features, got 3" in wide.json()["error"]) == (400, True)
    blocks = invoke(client, sparse(rows.tobsr()), kind)
    assert (blocks.status_code, "not as `bsr`" in blocks.json()["error"]) == (400, True)
    shape, data, starts = np.array([2, 2]), np.array([1.0]), np.array([0, 1, 1])
    outside = {"format": b"csr", "shape": shape, "data": data, "indptr": starts}
    for columns in ([2], [-1], [0, 1], [0.5]):
        file = BytesIO()
        np.savez(file, **outside, indices=np.array(columns))
        assert invoke(client, file.getvalue(), kind).status_code == 400, columns
    for one in (np.array(1.0), np.array([[1.0]])):
        file = BytesIO()
        np.savez(file, **outside | {"data": one}, indices=np.array([0]))
        told = invoke(client, file.getvalue(), kind)
        assert (told.status_code, "for some values" in told.json()["error"]) == (400, True)


def test_rows_whose_sizes_wrap_around_end_no_server(client):
    """The differences of these numbers are not below 0, and add up to no place at all."""
    kind, file = "application/x-npz", BytesIO()
    shape, starts = np.array([3, 2]), np.array([0, (1 << 63) - 1, -2, 0])
    nothing = np.empty(0)
    np.savez(
        file, format=b"csr", shape=shape, data=nothing, indptr=starts, indices=nothing.astype(int)
    )
    told = invoke(client, file.getvalue(), kind)
    assert (told.status_code, "where its rows or columns begin" in told.json()["error"]) == (
        400,
        True,
    )
    rows = sparse(scipy.sparse.csr_matrix([[1.0, 2.0]]))
    assert invoke(client, rows, kind).json() == {"predictions": [3.0]}


HOSTILE = Codec(Side("array", (Field("x", "float64", (None, 2)),)), max_rows=9)


@given(
    st.binary(max_size=64) | st.binary(max_size=64).map(recorded),
    st.integers(0, 99),
    st.binary(max_size=4),
)
def test_bodies_of_features_are_read_or_refused(body, place, patch):
    whole = recorded(("float64tensor", [1, 2]), ("int32tensor", [3], [1], [2]))
    for each in (body, whole[:place] + patch + whole[place + len(patch) :]):
        try:
            found = recordio.read(HOSTILE, each)
        except RequestError:
            continue
        assert found.shape[1] == 2


EDGES = st.sampled_from([0, 1, 2, -1, -2, (1 << 63) - 1, -1 << 63])


@given(
    st.lists(EDGES, max_size=5),
    st.lists(EDGES, max_size=3),
    st.sampled_from(["?", "i1", "u8", "f2", "f8", "g", "F", "U3"]),
    st.sampled_from([b"csr", b"csc", b"coo"]),
)
def test_any_places_of_a_sparse_matrix_are_followed_or_refused(starts, columns, dtype, form):
    file, data = BytesIO(), np.ones(len(columns), dtype)
    places = {"indptr": starts, "indices": columns, "row": columns[::-1], "col": columns}
    arrays = {name: np.array(each, np.int64) for name, each in places.items()}
    np.savez(file, format=form, shape=[max(0, len(starts) - 1), 2], data=data, **arrays)
    try:
        found = sparse_matrix.read(HOSTILE, file.getvalue())
    except RequestError:
        return
    assert found.sum() == len(columns)


def test_tensors_in_tritons_form(client):
    """The size of the JSON stands in the content type, both ways."""
    rows = np.array(ROWS)
    tensor = {"name": "input", "shape": [2, 2], "datatype": "FP64"}
    tensor["parameters"] = {"binary_data_size": rows.nbytes}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    form = "application/vnd.sagemaker-triton.binary+json;json-header-size="
    told = invoke(client, head + rows.tobytes(), f"{form}{len(head)}")
    kind = told.headers["content-type"]
    assert kind.startswith(form)
    size = int(kind.removeprefix(form))
    assert json.loads(told.content[:size])["outputs"][0]["shape"] == [2]
    assert np.frombuffer(told.content[size:]).tolist() == [3.0, 7.0]
    assert invoke(client, head, f"{form}99999").status_code == 400


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_tensors_in_json_alone(client, kind):
    """Known by what they are, but where any body is a row; binary outputs by the content type."""
    tensor = {"name": "input", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}
    (output,) = invoke(client, {"inputs": [tensor]}, kind).json()["outputs"]
    assert (output["shape"], output["data"]) == ([2], [3.0, 7.0])
    told = invoke(client, {"inputs": [tensor], "parameters": {"binary_data_output": True}}, kind)
    form = "application/vnd.sagemaker-triton.binary+json;json-header-size="
    assert told.headers["content-type"].startswith(form)
    assert np.frombuffer(told.content[-16:]).tolist() == [3.0, 7.0]
    assert invoke(client, {"inputs": [tensor | {"shape": [4]}]}, kind).status_code == 400
    weighed = invoke(
        client, {"inputs": [tensor]}, "application/octet-stream", path="/models/weigh/invoke"
    )
    assert weighed.json() > len("inputs")


def test_custom_attributes_come_back(client):
    """Of sane length."""
    told = invoke(client, ROWS, "application/json", **{ATTRIBUTES: "trace=7"})
    assert told.headers[ATTRIBUTES] == "trace=7"
    told = invoke(client, ROWS, "application/json", **{ATTRIBUTES: "x" * 2000})
    assert ATTRIBUTES not in told.headers


def test_a_stateful_session_is_refused(client):
    """Its second request would be answered as if it were the first."""
    headers = {"x-amzn-sagemaker-session-id": "NEW_SESSION"}
    answer = invoke(client, b"1,2", "text/csv", **headers)
    assert (answer.status_code, "keeps a state" in answer.json()["message"]) == (501, True)


def test_many_models(client):
    """By the path, or by the header that names the target."""
    person = {"age": 3, "city": "Oslo"}
    path = "/models/people/invoke"
    assert invoke(client, person, "application/json", path=path).json() == "Oslo 3"
    for name in ("people", "people.tar.gz"):
        assert invoke(client, person, "application/json", **{TARGET: name}).json() == "Oslo 3"
    listed = client.get("/models").json()["models"]
    assert {"sums", "people"} <= {model["modelName"] for model in listed}
    assert client.get("/models/people").json()["modelName"] == "people"
    assert client.get("/models/nothing").status_code == 404
    assert (
        invoke(client, ROWS, "application/json", path="/models/nothing/invoke").status_code == 404
    )


def test_a_multi_model_endpoint_has_names_of_its_own(client):
    """As AWS' contract has it; the header says which artifact its client has named."""
    body = {"model_name": "6f1d0e", "url": "/opt/ml/models/6f1d0e/model"}
    headers = {TARGET: "shout.tar.gz"}
    assert client.post("/models", json=body, headers=headers).status_code == 409
    assert client.delete("/models/6f1d0e", headers=headers).status_code == 200
    assert client.get("/models/6f1d0e", headers=headers).status_code == 404
    assert client.post("/models", json=body, headers=headers).status_code == 200
    assert client.get("/models/6f1d0e", headers=headers).json()["modelName"] == "shout"
    told = invoke(client, b"a", "text/plain", path="/models/6f1d0e/invoke", **headers)
    assert told.json() == "A"
    told = invoke(client, b"a", "text/plain", path="/models/shout/invoke", **{TARGET: "people"})
    assert told.json() == "A", "a name that is there comes first"
    assert invoke(client, b"a", "text/plain", path="/models/6f1d0e/invoke").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/models", 405),
        ("POST", "/models/sums", 405),
        ("POST", "/models", 400),
        ("GET", "/models/InvalidModel", 404),
        ("DELETE", "/models/fake", 404),
        ("GET", "/InvalidUrl", 404),
    ],
)
def test_requests_that_aws_multi_model_server_refuses(client, method, path, status):
    """With the same statuses as in its tests."""
    assert client.request(method, path).status_code == status


def test_forms_of_aws_multi_model_server(client):
    """Its tests send files in forms, ask for pages of the list, and look for the id of a ping."""
    for model, answer in (("weigh", 4), ("shout", "TEST")):
        files = {"data": ("test.txt", b"test", "text/plain")}
        assert client.post(f"/models/{model}/invoke", files=files).json() == answer
    listed = client.get("/models").json()
    assert client.get("/models?limit=200&nextPageToken=X").json() == listed
    assert "x-request-id" in client.get("/ping").headers


def test_models_come_and_go(client):
    """Loaded twice is a conflict, unloaded twice is not found."""
    body = {"model_name": "shout", "url": "/opt/ml/models/shout"}
    assert client.post("/models", json=body).status_code == 409
    assert client.delete("/models/shout").status_code == 200
    assert client.get("/models/shout").status_code == 404
    assert client.delete("/models/shout").status_code == 404
    assert "shout" not in {model["modelName"] for model in client.get("/models").json()["models"]}
    assert client.post("/models/shout/invoke", content=b"a").status_code in {404, 503}
    assert client.post("/models", json=body).status_code == 200
    assert client.post("/models/shout/invoke", content=b"a").json() == "A"
    assert client.post("/models", json={"model_name": "new"}).status_code == 404
    for wrong in ({}, [], {"model_name": 3}):
        assert client.post("/models", json=wrong).status_code == 400


def test_errors(client):
    """What the client can mend is 400."""
    assert invoke(client, [[1, 2, 3]], "application/json").status_code == 400
    assert invoke(client, b"{", "application/json").status_code == 400
    assert invoke(client, b"<a/>", "text/xml").status_code == 415
    told = invoke(client, [[-1, 0]], "application/json")
    assert told.status_code == 500
    assert "passwd" not in told.text


def test_only_where_somebody_allows_it_models_come_and_go(tmp_path_factory):
    """Else whoever reaches the port could unload them; the default Accept stands there, too."""
    env = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}
    with zoo_server(tmp_path_factory, "sagemaker", env=env) as running, running.client() as client:
        assert client.delete("/models/shout").status_code == 501
        assert invoke(client, ROWS, "application/json").text.split() == ["3.0", "7.0"]


KINDS = ["", "application/json", "text/csv", "text/libsvm", "application/x-npy", "application/jsonlines",
         "application/octet-stream", "application/x-npz"]  # fmt: skip
MODELS = ["sums", "people", "pair", "weigh", "things", "scores"]


@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode), st.sampled_from(KINDS),
       st.sampled_from(MODELS))  # fmt: skip
def test_no_body_makes_the_server_fail(client, body, kind, model):
    """Whatever the content type says of it."""
    told = invoke(client, body, kind, path=f"/models/{model}/invoke")
    assert told.status_code in {200, 400, 415}, told.text


INFERENCE = """
import json
import re


def model_fn(directory):
    return {"factor": 2}


def input_fn(body, content_type):
    if content_type == "text/csv":
        return [float(value) for value in body.decode().split(",")]
    return json.loads(body)


def predict_fn(data, model):
    return [value * model["factor"] for value in data]


def output_fn(prediction, accept):
    if accept == "text/csv":
        return ",".join(map(str, prediction))
    return json.dumps(prediction)
"""


def test_a_script_as_it_is(tmp_path, servers, checkout):
    """The class of docs/dialects/sagemaker.md around a script of four functions."""
    page = (checkout / "docs" / "dialects" / "sagemaker.md").read_text()
    source = tmp_path / "src"
    source.mkdir()
    (source / "inference.py").write_text(INFERENCE)
    (source / "script.py").write_text(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1])
    routes = read_service(source, "script:Script").routes
    serve = {"workers": 1, "dialects": ["sagemaker"]}
    bundle = write_bundle(tmp_path, models=(), service="script:Script", routes=routes, serve=serve)
    running = servers.start(bundle)
    with running.client() as client:
        told = invoke(client, b"1,2.5", "text/csv", "text/csv")
        assert (told.headers["content-type"], told.text) == ("text/csv", "2.0,5.0")
        told = invoke(client, [1, 2], "application/json")
        assert (told.headers["content-type"], told.json()) == ("application/json", [2, 4])
        assert invoke(client, b"{", "application/json").status_code == 500
        assert client.get("/ping").status_code == 200
