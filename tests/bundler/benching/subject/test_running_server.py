"""A server by its URL: of this machine, and with examples in its contract."""

import os

import pytest

from modelbundle.bundler.benching.subject.bench_request import BenchRequest
from modelbundle.bundler.benching.subject.process_tree import ProcessTree
from modelbundle.bundler.benching.subject.running_server import subject
from modelbundle.bundler.errors import Refused
from modelbundle.runtime.errors import BundleError


def test_the_examples_of_its_contract_are_its_samples(peer, openapi):
    with peer(lambda *_: openapi([[0], [1]], [1, 2])) as server:
        for path in ("", "/", "/predict"):
            found = subject(f"http://127.0.0.1:{server.port}{path}", None, None, remote=False)

    assert found.address == ("127.0.0.1", server.port)
    assert found.path == "/predict"
    assert len(found.requests.of(1)) == 2
    assert found.tree == ProcessTree(os.getpid())


def test_a_route_that_it_has_not_names_those_it_has(peer, openapi):
    with (
        peer(lambda *_: openapi([1], [1])) as server,
        pytest.raises(BundleError, match="`/other`") as error,
    ):
        subject(f"http://localhost:{server.port}", "other", None, remote=False)
    assert "`/predict`" in error.value.hint


def test_a_body_and_a_route_need_no_contract(peer, say):
    with peer(lambda *_: say()) as server:
        body = BenchRequest(b"x", "text/plain")
        found = subject(f"http://127.0.0.1:{server.port}/ask", None, body, remote=False)

    assert (found.path, found.requests.of(1)) == ("/ask", [body])
    assert server.requests == []


@pytest.mark.parametrize("url", ["http://192.0.2.1:80", "http://[2001:db8::1]", "http://0.0.0.1"])
def test_load_on_another_machine_is_refused_until_it_is_said_to_be_ours(url):
    with pytest.raises(Refused, match="not this machine") as refused:
        subject(url, None, BenchRequest(b""), remote=False)
    assert "--remote" in refused.value.hint
    assert subject(url, "x", BenchRequest(b""), remote=True).tree is None


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1", "http://", "http://127.0.0.1:x", "http://::["]
)
def test_what_is_no_url_of_ours_is_told(url):
    with pytest.raises(BundleError, match=r"URL|http://"):
        subject(url, None, None, remote=False)


def test_no_contract_and_no_samples_say_what_to_give(peer, say):
    with peer(lambda *_: say(b"{}")) as server, pytest.raises(BundleError) as error:
        subject(f"http://127.0.0.1:{server.port}", None, None, remote=False)
    assert "--data" in error.value.hint
    with (
        peer(lambda *_: say(b'{"paths":{"/ask":{"post":{}}}}')) as server,
        pytest.raises(BundleError, match="no recorded samples for `/ask`"),
    ):
        subject(f"http://127.0.0.1:{server.port}", None, None, remote=False)
