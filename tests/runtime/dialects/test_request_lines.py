"""Request lines that nobody means well, at each path: none is answered with 500, or not at all.

What Triton's L0_http_fuzz sends with boofuzz, in a form that takes seconds: other methods, paths,
spaces and versions. Theirs only looks whether the server lives.
"""

import re

import pytest

from .zoo import zoo_server

PATHS = (
    "/v2",
    "/v2/models/sums",
    "/v2/models/sums/infer",
    "/v2/models/sums/generate",
    "/v2/models/sums/versions/v1",
    "/v2/models/sums/config",
    "/v2/models/sums/stats",
    "/v2/models/sums/ready",
    "/v2/models/sums/trace/setting",
    "/v2/logging",
    "/v2/health/ready",
    "/v2/health/live",
    "/v2/repository/index",
    "/v2/repository/models/sums/unload",
    "/v2/repository/models/sums/load",
    "/v2/systemsharedmemory/status",
    "/v2/systemsharedmemory/register",
    "/v2/systemsharedmemory/region/xx/unregister",
    "/v2/cudasharedmemory/status",
    "/v2/cudasharedmemory/region/xx/register",
    "/v1/models/sums:predict",
    "/v1/models/sums/labels/sums/metadata",
    "/predictions/sums/1",
    "/seldon/namespace/sums/api/v1.0/predictions",
    "/models/sums/invoke",
    "/endpoints/sums/invocations",
)
METHODS = ("HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "get", "G" * 300, "")
PARTS = (
    *("", "%", "%zz", "%00", "%ff", "%c3%28", "%2f", "%2e%2e%2f", "%E2%80%AE", "%0d%0aX:%20y"),
    *("..", "../../etc/passwd", "//", "\\", "#", ";", "*", "?limit=-1&x=%ff", "1e999", "-1"),
    *(" ", "\t", "\x01", "\x7f", "\xe9", "A" * 4096, "A" * 40_000, "%n%s%d" * 10, "'--", "`id`"),
)
VERSIONS = ("", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "http/1.1", "HTTP/1.1 HTTP/1.1", "1" * 3000)
NOT_HERE = (501, 503)  # what there is not, and a model or server that is not ready


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """All dialects, and what they may only do where the bundle says so."""
    spoken = ("v2", "v1", "torchserve", "seldon", "sagemaker", "vertex", "bentoml")
    with zoo_server(tmp_path_factory, *spoken, shared_memory=True) as running:
        yield running


def lines(path):
    """Request lines of that path, each with one part of it another."""
    yield from (f"{method} {path} HTTP/1.1" for method in METHODS)
    yield from (f"GET {path} {version}" for version in VERSIONS)
    yield from (f"GET{space}{path}{space}HTTP/1.1" for space in ("", "  ", "\t", "\r"))
    for part in PARTS:
        for other in (path + part, f"{path}?{part}", f"{path}/{part}", path.replace("sums", part)):
            yield f"POST {other} HTTP/1.1"


@pytest.mark.parametrize("path", PATHS)
def test_each_is_answered_and_none_with_500(running, path):
    for line in lines(path):
        head = f"{line}\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
        heard = running.ask(head.encode("latin-1") + b"{}")
        found = re.match(rb"HTTP/1\.[01] (\d{3}) ", heard)
        assert found, (line[:100], heard[:100])
        assert int(found[1]) < 500 or int(found[1]) in NOT_HERE, (line[:100], heard[:300])


def test_the_server_answers_as_before_and_has_logged_no_failure(running):
    with running.client() as client:
        row = {"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}
        answer = client.post("/v2/models/sums/infer", json={"inputs": [row]})
    assert answer.json()["outputs"][0]["data"] == [3.0]
    assert '"level":"error"' not in running.log()
    assert "Traceback" not in running.log()
