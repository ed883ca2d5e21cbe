"""Prediction routes of a real server."""

import gzip
import io
import json
import socket
import time
import zlib

import httpx
import numpy as np
import pytest

from modelbundle.runtime.manifests.signature import OBJECTS

from ..conftest import wait_until, write_bundle, write_model


def test_rows_are_answered_in_their_order(server):
    answer = server.post([[1, 2], [3, 4.5]])
    assert (answer.status_code, answer.json()) == (200, {"predictions": [3.0, 7.5]})
    assert answer.headers["content-type"] == "application/json"


class Halves:
    """Answers with half a surrogate pair for some rows."""

    def predict(self, rows):
        return np.array(["\ud800" if row[0] < 0 else "whole" for row in rows])


def test_a_text_that_is_no_unicode_is_an_error_and_never_no_answer(tmp_path, servers, http):
    write_model(tmp_path / "models" / "sums", Halves(), outputs=OBJECTS)
    server = servers.start(write_bundle(tmp_path, serve={"http": http}))
    for rows in ([[-1, 0]], [[1, 0], [-1, 0]]):
        failed = server.post(rows)
        said = {"error": "The model failed on this input."}
        assert (failed.status_code, failed.json()) == (500, said)
    assert server.post([[1, 0]]).json() == {"predictions": ["whole"]}


def test_no_rows_are_no_predictions(server):
    assert server.post([]).json() == {"predictions": []}


def test_npy_goes_in_and_comes_out(server):
    file = io.BytesIO()
    np.save(file, np.array([[1, 2], [3, 4]], dtype="float32"))
    headers = {"content-type": "application/x-npy", "accept": "application/x-npy"}
    with server.client() as client:
        answer = client.post("/predict", content=file.getvalue(), headers=headers)
    assert np.load(io.BytesIO(answer.content)).tolist() == [3, 7]


def test_what_curl_says_when_nobody_told_it_otherwise_is_json(server):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    with server.client() as client:
        answer = client.post("/predict", content=b'{"instances": [[1, 2]]}', headers=headers)
    assert answer.json() == {"predictions": [3.0]}


def test_every_answer_belongs_to_its_request(server, in_threads):
    def ask(number):
        rows = [[number, row] for row in range(number % 7 + 1)]
        return server.post(rows).json()["predictions"] == [sum(row) for row in rows]

    assert all(in_threads(ask, range(64)))


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        (b"{", {}, 400, "not valid JSON"),
        (b"[]", {}, 422, "Expected"),
        (b'{"instances": [[1, "x"]]}', {}, 422, r"instances[0][1]"),
        (b'{"instances": [[1]]}', {}, 422, "instances[0]"),
        (b"x", {"content-type": "image/png"}, 415, "`image/png`"),
        (b"x", {"content-encoding": "br"}, 415, "encoded as `br`; send gzip or deflate"),
        (b"x" * 20, {"content-encoding": "gzip"}, 400, "not what its Content-Encoding says"),
        (b'{"instances": [[1, 2]]}', {"x-request-timeout": "soon"}, 400, "X-Request-Timeout"),
        (b'{"instances": [[1, 2]]}', {"x-request-timeout": "-1"}, 400, "X-Request-Timeout"),
        (b'{"instances": [[1, 2]]}', {"x-request-timeout": "nan"}, 400, "X-Request-Timeout"),
    ],
)
def test_what_a_client_can_mend_is_said_to_it(server, content, headers, status, said):
    with server.client() as client:
        answer = client.post("/predict", content=content, headers=headers)
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "identity"])
def test_a_body_may_be_compressed(server, coding):
    """What it says counts, not what it was wrapped in; the limits are those of what it becomes."""
    body = b'{"instances": [[1, 2], [3, 4]]}'
    wrapped = {"deflate": zlib.compress(body), "identity": body}.get(coding, gzip.compress(body))
    headers = {"content-encoding": coding, "content-type": "application/json"}
    with server.client() as client:
        answer = client.post("/predict", content=wrapped, headers=headers)
        assert answer.json() == {"predictions": [3.0, 7.0]}
        bomb = gzip.compress(b" " * (17 << 20)) if coding == "gzip" else b""
        if bomb:
            answer = client.post("/predict", content=bomb, headers=headers)
            assert answer.status_code == 413
            assert "when it is decompressed" in answer.json()["error"]


@pytest.mark.parametrize("lines", [["gzip", "gzip"], ["gzip, gzip"], ["gzip", "", "x-gzip"]])
def test_a_body_may_be_compressed_twice(server, lines):
    """In one line of the head or in two."""
    body = gzip.compress(gzip.compress(b'{"instances": [[1, 2]]}'))
    headers = [
        *[("content-encoding", line) for line in lines],
        ("content-type", "application/json"),
    ]
    with server.client() as client:
        answer = client.post("/predict", content=body, headers=headers)
    assert answer.json() == {"predictions": [3.0]}


def test_of_two_lines_that_name_codings_none_is_overlooked(server):
    """What is said last is not all that was said."""
    headers = [("content-encoding", "gzip"), ("content-encoding", "identity")]
    with server.client() as client:
        answer = client.post(
            "/predict", content=gzip.compress(b'{"instances": [[1, 2]]}'), headers=headers
        )
    assert answer.json() == {"predictions": [3.0]}


def test_a_failure_of_the_model_reveals_nothing_and_is_in_the_log(server):
    answer = server.post([[-1, 0]], headers={"x-request-id": "my-id"})
    assert answer.status_code == 500
    assert "passwd" not in answer.text
    assert "ValueError" not in answer.text
    while "/etc/passwd" not in server.log():  # it comes from the model's own process
        time.sleep(0.05)


def test_one_poisoned_row_fails_alone(server, in_threads):
    def ask(number):
        return server.post([[-1, 0] if number == 5 else [number, 1]]).status_code

    assert in_threads(ask, range(16)) == [500 if number == 5 else 200 for number in range(16)]


def test_an_answer_that_is_not_a_number_is_no_answer(server):
    answer = server.post([[-4, 0]])
    assert (answer.status_code, "finite" in answer.json()["error"]) == (500, True)


def test_the_request_id_is_the_clients_own_if_it_is_sane(server):
    assert server.post([[1, 2]], headers={"x-request-id": "a.B_9-"}).headers["x-request-id"] == (
        "a.B_9-"
    )
    for bad in ("a b", "x" * 129, "<script>", ""):
        given = server.post([[1, 2]], headers={"x-request-id": bad}).headers["x-request-id"]
        assert given != bad
        assert given.isalnum()


def test_errors_carry_the_request_id_too(server):
    with server.client() as client:
        for method, path in (("GET", "/predict"), ("POST", "/nowhere"), ("POST", "/predict")):
            answer = client.request(method, path, headers={"x-request-id": "abc"})
            assert answer.status_code >= 400
            assert answer.headers["x-request-id"] == "abc"
            assert list(answer.json()) == ["error"]


def test_a_request_has_the_time_that_its_client_gives_it(server):
    began = time.monotonic()
    answer = server.post([[-2, 0]], headers={"x-request-timeout": "0.1"})
    assert answer.status_code == 504
    assert time.monotonic() - began < 5
    assert server.post([[1, 2]]).status_code == 200


def test_a_wrong_method_and_a_wrong_path_say_what_would_be_right(server):
    with server.client() as client:
        wrong = client.get("/predict")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        unknown = client.post("/predit", json={})
        assert unknown.status_code == 404
        assert "POST /predict" in unknown.json()["error"]
        assert client.delete("/livez").status_code == 405


def test_a_trailing_slash_is_no_other_route(server):
    assert server.post([[1, 2]], path="/predict/").json() == {"predictions": [3.0]}
    with server.client() as client:
        assert client.get("/livez/").status_code == 200


def test_head_is_get_without_a_body(server):
    with server.client() as client:
        answer = client.head("/livez")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_body_over_the_limit_is_refused_before_it_is_read(server):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
    assert server.ask(head, b"larger than 16777216 bytes").startswith(b"HTTP/1.1 413")


def test_a_chunked_body_is_cut_at_the_limit(sums, servers):
    server = servers.start(sums(max_body=1000))
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = head + b"64\r\n" + b" " * 100 + b"\r\n" + (b"400\r\n" + b" " * 1024 + b"\r\n") * 4
    assert server.ask(endless, b"larger than 1000 bytes").startswith(b"HTTP/1.1 413")


def test_expect_100_continue_is_answered_before_the_body(server):
    with server.connect() as sock:
        body = b'{"instances": [[1, 2]]}'
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(body)
        received = b""
        while b'{"predictions":[3.0]}' not in received:
            received += sock.recv(1000)


def test_a_client_of_http_1_0_hears_one_answer_whatever_it_expects(server):
    body = b'{"instances": [[1, 2]]}'
    head = b"POST /predict HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    assert server.ask(head + body).startswith(b"HTTP/1.1 200")


def test_a_client_that_leaves_is_noted_and_disturbs_nobody(server):
    body = json.dumps({"instances": [[-6, 0]]}).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    for _ in range(5):
        with server.connect() as sock:
            sock.sendall(head + body)
            wait_until(lambda: server.in_flight() == 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wait_until(lambda: server.in_flight() == 0)
    server.gate.touch()
    assert server.post([[1, 2]]).status_code == 200
    server.close_gate()
    server.access(lambda lines: [line["status"] for line in lines].count(499) == 5)
    assert "Exception" not in server.log()
    with server.client() as client:
        text = client.get("/metrics").text
    assert 'bundle_pending_rows{queue="sums.predict"} 0.0' in text
    assert 'bundle_queue_refused_total{queue="sums.predict",reason="cancelled"}' in text


def test_the_access_log_is_a_json_object_a_line(server):
    with server.client() as client:
        client.post(
            "/predict", content=b'{"instances":[[1,2],[3,4]]}', headers={"x-request-id": "q"}
        )
        client.get("/no%0d%0a%1b[31mwhere%c2%9b%7f")
    lines = server.access(lambda lines: lines and "where" in lines[-1]["path"])
    prediction, forged = lines[-2:]
    assert prediction["id"] == "q"
    assert (prediction["method"], prediction["path"]) == ("POST", "/predict")
    assert (prediction["status"], prediction["rows"]) == (200, 2)
    assert prediction["in"] == 27
    assert prediction["out"] == len('{"predictions":[3.0,7.0]}')
    assert prediction["ms"] > 0
    assert forged["path"] == r"/no\r\n\x1b[31mwhere\x9b\x7f"
    assert server.stdout.read_bytes().isascii()


def test_bodies_beyond_the_budget_are_refused_with_retry_after(servers, sums):
    server = servers.start(sums(limits={"max_in_flight": 1000}))
    with server.connect() as first:
        first.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n")
        time.sleep(0.2)
        assert (
            server.post([[1, 2]] * 20).status_code == 200
        )  # what is only announced keeps nobody out
        first.sendall(b" " * 890)
        time.sleep(0.2)
        answer = server.post([[1, 2]] * 20)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    time.sleep(0.2)
    assert server.post([[1, 2]] * 20).status_code == 200


def test_a_full_queue_refuses_at_once(servers, sums, in_threads):
    server = servers.start(sums(queue={"max_rows": 2}))
    answers = in_threads(lambda _: server.post([[-2, 0]]), range(12))
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all(a.headers["retry-after"] for a in answers if a.status_code == 503)


def test_metrics_count_what_happened(server):
    server.post([[1, 2]])
    with server.client() as client:
        text = client.get("/metrics").text
    assert 'bundle_requests_total{route="/predict",status="200"} 0.0' not in text
    assert "bundle_ready_workers 1.0" in text


def test_connections_are_kept_and_requests_can_be_pipelined(server):
    body = b'{"instances": [[1, 2]]}'
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with server.connect() as sock:
        sock.sendall(request * 3)
        received = b""
        while received.count(b"[3.0]") < 3:
            received += sock.recv(4096)
    assert received.count(b"HTTP/1.1 200") == 3


def test_httpx_is_not_told_to_close(server):
    with server.client() as client:
        answer = client.post("/predict", json={"instances": [[1, 2]]})
    assert isinstance(answer, httpx.Response)
    assert "connection" not in answer.headers
