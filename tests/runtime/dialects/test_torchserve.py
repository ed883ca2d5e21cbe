"""TorchServe's inference API, on a real server and in its published forms."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import Servers, write_bundle, write_model
from .zoo import zoo_server


class Loud:
    """Says words louder."""

    def predict(self, batch):
        return [str(word).upper() for word in np.ravel(batch["word"])]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of a model of each layout."""
    with zoo_server(tmp_path_factory, "torchserve") as running:
        yield running


def test_ping(client):
    """As its health checks expect it."""
    assert client.get("/ping").json() == {"status": "Healthy"}


def test_a_file_that_curl_puts(client):
    """`curl -T` says no content type; where a model takes bytes, or text, the body is that."""
    assert client.put("/predictions/weigh", content=b"\xff\xd8\xff1234").json() == 7
    assert client.put("/predictions/shout", content="blå".encode()).text == "BLÅ"
    assert client.post("/predictions/weigh", content=b"abc").json() == 3


def test_files_in_a_form(client):
    """`curl -F data=@...`: one is the input, several are a row each."""
    one = {"data": ("cat.jpg", b"\xff\xd8\xff12", "image/jpeg")}
    assert client.post("/predictions/weigh", files=one).json() == 5
    more = [("data", ("a.jpg", b"12345")), ("data", ("b.jpg", b"1"))]
    assert client.post("/predictions/weigh", files=more).json() == [5, 1]
    text = {"data": ("a.txt", b"text")}
    assert client.post("/predictions/shout", files=text).text == "TEXT"


def test_fields_of_a_form(client):
    """One of them whole, or a record of several."""
    assert client.post("/predictions/shout", data={"data": "a b&c"}).text == "A B&C"
    person = {"age": "3", "city": "Oslo"}
    assert client.post("/predictions/people", data=person).text == "Oslo 3"
    for text in ("1", '"Oslo"', "[1]"):  # a text, whatever it looks like
        told = client.post("/predictions/people", data=person | {"city": text})
        assert told.text == f"{text} 3"
    parts = {name: (None, value) for name, value in person.items()}
    assert client.post("/predictions/people", files=parts).text == "Oslo 3"
    assert client.post("/predictions/sums", data={"data": "[1, 2]"}).json() == 3.0
    for twice in ({"age": ["3", "4"], "city": "Oslo"}, {"data": ["a", "b"]}):
        refused = client.post("/predictions/people", data=twice)
        assert (refused.status_code, "more than once" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("layout", "shape"), [("tensors", (None,)), ("tensors", (None, 1)), ("columns", (None,))]
)
def test_text_is_the_whole_of_a_row_with_one_name(tmp_path, layout, shape):
    """As it is where the model has no name for it: it was refused for not being an object."""
    inputs = Side(layout, (Field("word", "str", shape),))
    write_model(tmp_path / "models" / "loud", Loud(), inputs=inputs, outputs=Side("objects"))
    serve = {"workers": 1, "isolation": "thread", "dialects": ["native", "torchserve"]}
    routes = [Route("/predict", "predict", model="loud")]
    bundle = write_bundle(tmp_path, models=("loud",), routes=routes, serve=serve)
    started = Servers(tmp_path)
    try:
        with started.start(bundle).client() as client:
            assert client.put("/predictions/loud", content=b"a b").text == "A B"
            assert client.post("/predictions/loud", data={"data": "a b"}).text == "A B"
            assert client.post("/predictions/loud", json={"word": "a b"}).text == "A B"
            said = {"content-type": "text/plain"}
            assert client.post("/predictions/loud", content=b"", headers=said).text == ""
    finally:
        started.stop()


@pytest.mark.parametrize(
    ("model", "body", "answer"),
    [
        ("sums", [1, 2], 3.0),
        ("sums", [[1, 2], [3, 4]], [3.0, 7.0]),
        ("sums", {"instances": [[1, 2]]}, {"predictions": [3.0]}),
        ("people", [[3, "Oslo"]], ["Oslo 3"]),
        ("people", [{"age": 3, "city": "Oslo"}], ["Oslo 3"]),
        ("pair", {"a": [1, 2], "n": 3}, {"total": 6.0, "note_bytes": "n3"}),
        ("things", {"a": 1}, {"got": {"a": 1}}),
        ("things", [1, "a"], [{"got": 1}, {"got": "a"}]),
    ],
)
def test_json_is_answered_in_its_own_form(client, model, body, answer):
    """One row by one prediction, rows by a list, an envelope by an envelope."""
    path = f"/predictions/{model}"
    assert client.post(path, json=body).json() == answer
    assert client.put(path, content=json.dumps(body)).json() == answer


@pytest.mark.parametrize("body", [{"age": 3, "city": "Å"}, [3, "Å"]])
def test_one_text_is_answered_as_it_is(client, body):
    """A handler's texts come without quotes; as JSON to who asks for that."""
    told = client.post("/predictions/people", json=body)
    assert (told.text, told.headers["content-type"]) == ("Å 3", "text/plain; charset=utf-8")
    for accept in ("application/json", "application/json, text/plain", "application/*"):
        told = client.post("/predictions/people", json=body, headers={"accept": accept})
        assert (told.json(), told.headers["content-type"]) == ("Å 3", "application/json")


def test_a_large_body_is_read_beside_the_loop(client):
    """As a small one is."""
    rows = [[1.25, float(n)] for n in range(4000)]
    wanted = [1.25 + n for n in range(4000)]
    assert client.post("/predictions/sums", json=rows).json() == wanted
    assert client.post("/predictions/sums", json=rows * 2).status_code == 413


def test_versions_and_explanations(client):
    """A version in the path; 501 where nothing explains."""
    assert client.post("/predictions/sums/1.0", json=[1, 2]).json()["type"] == (
        "ModelVersionNotFoundException"
    )
    assert client.post("/explanations/scores", json=[1, 2]).json() == {"because": 1.0}
    assert client.post("/explanations/sums", json=[1, 2]).status_code == 501


@pytest.mark.parametrize(
    ("asked", "body", "status", "kind"),
    [
        (("POST", "/predictions/nothing"), b"[1]", 404, "ModelNotFoundException"),
        (("POST", "/predictions"), b"[1]", 404, "ResourceNotFoundException"),
        (("DELETE", "/predictions/sums"), b"", 405, "MethodNotAllowedException"),
        (("POST", "/wfpredict/dogs"), b"1", 501, "NotImplementedException"),
        (("POST", "/predictions/sums"), b"{", 400, "BadRequestException"),
        (("POST", "/predictions/sums"), b"[1, 2, 3]", 400, "BadRequestException"),
        (("POST", "/predictions/sums"), b"[-1, 0]", 500, "InternalServerException"),
        (("POST", "/predictions/sums"), b"[-3, 0]", 507, "InternalServerException"),
    ],
)
def test_errors_have_its_codes_and_types(client, server, asked, body, status, kind):
    """And nothing of the inside."""
    answer = client.request(*asked, content=body)
    assert answer.status_code == status
    assert (answer.json()["code"], answer.json()["type"]) == (status, kind)
    assert "passwd" not in answer.json()["message"]
    while client.get("/ping").status_code != 200:  # a model that died is started again
        assert server.process.poll() is None


def test_what_a_client_does_wrong_is_no_error_of_the_server(client):
    """A coding that nobody reads here: the type is that of the status."""
    answer = client.post("/predictions/sums", content=b"[1, 2]", headers={"content-encoding": "br"})
    assert (answer.status_code, answer.json()["type"]) == (415, "BadRequestException")


def test_a_part_of_a_sequence_is_refused(client):
    """Handlers with a state are found by a header, which nobody here would heed."""
    answer = client.post("/predictions/sums", json=[1, 2], headers={"ts_request_sequence_id": "s1"})
    assert (answer.status_code, answer.json()["type"]) == (501, "NotImplementedException")


def test_it_describes_itself(client):
    """OPTIONS on the root; the page for people stays where it is."""
    told = client.options("/").json()
    assert told["openapi"].startswith("3.")
    assert "/predictions/sums" in told["paths"]
    assert client.get("/api-description").json() == told
    one = client.options("/predictions/sums").json()
    assert one["paths"] == {"/predictions/sums": told["paths"]["/predictions/sums"]}
    assert client.options("/predictions/nothing").status_code == 404
    page = client.get("/", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")


TYPES = ["", "application/json", "application/x-www-form-urlencoded", "text/plain", "image/png",
         "application/octet-stream", "multipart/form-data; boundary=b"]  # fmt: skip
BODIES = st.binary(max_size=40) | st.text(max_size=20).map(str.encode) | st.builds(
    lambda name, body: b'--b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n--b--\r\n'
    % (name, body),
    st.sampled_from([b"data", b"body", b"a", b"age"]),
    st.binary(max_size=20),
)  # fmt: skip
MODELS = ["sums", "people", "pair", "shout", "weigh", "things", "scores"]


@given(BODIES, st.sampled_from(TYPES), st.sampled_from(MODELS))
def test_no_body_makes_the_server_fail(client, body, kind, model):
    """Whatever the content type says of it."""
    answer = client.post(f"/predictions/{model}", content=body, headers={"content-type": kind})
    assert answer.status_code in {200, 400, 415}, answer.text
