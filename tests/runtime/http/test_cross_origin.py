"""Web pages of other origins: what a browser may show them, both ways through a server."""

import httpx
import pytest

APP, OTHER = "https://app.example.com", "https://other.example.com"
ROWS = {"instances": [[1, 2]]}
TENSOR = {"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}
ASKED = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-api-key",
}
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def page(make_server):
    """Asks a server that allows the pages of one origin."""
    with make_server(cors=[APP]).client() as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", ROWS),
        ("/v1/models/sums:predict", ROWS),
        ("/v2/models/sums/infer", {"inputs": [TENSOR]}),
        ("/predict", {"instances": [[1]]}),
        ("/v1/models/nothing:predict", ROWS),
        ("/nothing", ROWS),
    ],
)
def test_an_answer_says_who_may_read_it(page, path, body):
    """Errors, too, or the page could not say what is wrong; all pages get the same answer."""
    own = page.post(path, json=body, headers={"origin": APP})
    other = page.post(path, json=body, headers={"origin": OTHER})
    plain = page.post(path, json=body)
    assert (own.headers[ALLOWED], own.headers["vary"]) == (APP, "Origin")
    assert own.headers["access-control-expose-headers"] == "*"
    assert own.content == other.content == plain.content
    assert ALLOWED not in other.headers
    assert ALLOWED not in plain.headers


def test_a_browser_is_told_what_a_page_may_send(page):
    """Where its page is not allowed, it gets the answer of a server that knows nothing of this."""
    for path in ("/predict", "/v2/models/sums/infer", "/nothing"):
        told = page.options(path, headers=ASKED | {"origin": APP})
        assert (told.status_code, told.content, told.headers[ALLOWED]) == (200, b"", APP)
        assert "POST" in told.headers["access-control-allow-methods"]
        assert told.headers["access-control-allow-headers"] == "content-type,x-api-key"
    refused = page.options("/v2/models/sums/infer", headers=ASKED | {"origin": OTHER})
    assert (refused.status_code, ALLOWED in refused.headers) == (405, False)
    assert page.options("/v2/models/sums/infer", headers={"origin": APP}).status_code == 405


def test_a_cache_asks_again_for_another_page(page):
    """Or it would show a page what it has stored for somebody who named none."""
    for headers in ({}, {"origin": OTHER}, {"origin": APP}):
        assert page.get("/v2/models/sums", headers=headers).headers["vary"] == "Origin"


def test_all_pages_where_the_bundle_says_so(make_server):
    server = make_server(cors=["*"])
    answer = httpx.post(f"{server.url}/predict", json=ROWS, headers={"origin": OTHER}, timeout=90)
    assert (answer.headers[ALLOWED], "vary" in answer.headers) == ("*", False)


def test_no_page_otherwise(server):
    """That is the default."""
    with server.client() as client:
        answer = client.post("/predict", json=ROWS, headers={"origin": APP})
        assert (answer.status_code, ALLOWED in answer.headers) == (200, False)
        assert client.options("/predict", headers=ASKED | {"origin": APP}).status_code == 405
