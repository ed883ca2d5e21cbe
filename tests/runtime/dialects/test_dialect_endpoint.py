"""What holds for every dialect: who answers where, limits, codings, errors in its own form."""

import json
import time

import pytest


def test_health_and_metadata_of_a_dialect(server):
    """A dialect answers beside the bundle's own routes."""
    with server.client() as client:
        assert client.get("/v2/health/live").json() == {"live": True}
        assert client.get("/v2/health/ready").json() == {"live": True, "ready": True}
        assert client.get("/v2").json()["name"] == "demo"
        assert client.get("/v2/").status_code == 200
        assert client.head("/v2/health/live").status_code == 200
        assert client.post("/predict", json={"instances": [[1, 2]]}).json() == {"predictions": [3]}


def test_below_its_prefix_errors_are_its_own(server):
    """Also where no rule matches, or none for the method."""
    with server.client() as client:
        missing, wrong = client.get("/v2/nothing"), client.delete("/v2/health/live")
    assert missing.status_code == 404
    assert missing.json()["type"] == "NothingHere"
    assert missing.json()["error"] == missing.json()["message"]
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET, HEAD"
    with server.client() as client:
        assert client.get("/v2nothing").json().keys() == {"error"}


def test_metrics_name_the_rule(server):
    """Rules that nobody has asked for are not shown."""
    with server.client() as client:
        client.get("/v2/health/live")
        text = client.get("/metrics").text
    assert 'bundle_requests_total{route="/v2/health/live",status="200"}' in text


ROW = {"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}
INFER = "/v2/models/sums/infer"


def test_limits_are_those_of_the_server(make_server):
    """Of bytes, of rows, of time; in the dialect's own form."""
    small = make_server(max_body=2000, max_rows=2)
    with small.client() as client:
        large = client.post(INFER, content=b"x" * 2001)
        assert (large.status_code, large.json()["type"]) == (400, "PayloadTooLarge")
        many = ROW | {"shape": [3, 2], "data": [1.0] * 6}
        assert "takes up to 2" in client.post(INFER, json={"inputs": [many]}).json()["error"]
        slow = {"inputs": [ROW | {"data": [-2.0, 0.0]}]}
        late = client.post(INFER, json=slow, headers={"x-request-timeout": "0.05"})
        assert (late.status_code, late.json()["type"]) == (504, "DeadlineExceeded")
        wrong = client.post(INFER, json=slow, headers={"x-request-timeout": "soon"})
        assert wrong.status_code == 400


def test_the_log_and_the_headers_tell_the_time(server):
    """As for the bundle's own routes."""
    with server.client() as client:
        answer = client.post(
            INFER, json={"inputs": [ROW]}, headers={"x-timing": "1", "x-request-id": "mine"}
        )
        assert answer.headers["x-batch-size"] == "1"
        assert "compute;dur=" in answer.headers["server-timing"]
        assert answer.headers["x-request-id"] == "mine"
        client.get("/v2/health/ready")
    (line,) = server.noted("mine")
    assert (line["path"], line["status"], line["rows"]) == (INFER, 200, 1)


def test_who_leaves_is_not_predicted_for(server):
    """Its request ends with 499."""
    body = json.dumps({"inputs": [ROW | {"data": [-2.0, 0.0]}]}).encode()
    head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    with server.connect() as sock:
        sock.sendall(head.encode() + body)
    wanted = 'bundle_requests_total{route="/v2/models/{model}/infer",status="499"} 1.0'
    deadline = time.monotonic() + 90
    with server.client() as client:
        while wanted not in client.get("/metrics").text:
            assert time.monotonic() < deadline


def test_without_native_a_server_has_no_routes_of_its_own(make_server):
    """Its pages stay."""
    running = make_server(dialects=["v2"])
    with running.client() as client:
        assert client.post("/predict", json={"instances": [[1, 2]]}).status_code == 404
        assert client.post(INFER, json={"inputs": [ROW]}).status_code == 200
        paths = client.get("/openapi.json").json()["paths"]
    assert "/predict" not in paths
    assert INFER in paths


def test_without_a_dialect_its_paths_are_nothing(make_server):
    """And nothing of it is imported."""
    running = make_server(dialects=["native"])
    with running.client() as client:
        assert client.get("/v2/health/live").status_code == 404
        assert client.post("/predict", json={"instances": [[1, 2]]}).json() == {"predictions": [3]}


@pytest.mark.parametrize("isolation", ["thread"], indirect=True)
def test_paths_that_come_once_are_not_remembered_for_ever(server):
    """Nor does it matter how odd they are."""
    with server.client() as client:
        for number in range(1030):
            assert client.get(f"/v2/models/m{number}%00%ff/ready").status_code == 404
        too_many = "&".join(f"a{n}=1" for n in range(100))
        assert client.get(f"/v2/health/live?{too_many}").status_code == 400
        assert client.get("/v2/health/live?x=1&x=2").status_code == 200
