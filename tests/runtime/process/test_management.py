"""Models managed on a port of their own, in TorchServe's words, by whoever has the key."""

import dataclasses
import json
import re
import select
import socket

import httpx
import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.settings import ManagementSettings
from modelbundle.runtime.process.sockets.management_port import ManagementPort

from ..conftest import Sums, free_port, wait_until
from .conftest import Traffic
from .supervising.two_models import make
from .watched import children

TOKEN = "a-token-of-some-length"
KEY = {"authorization": f"Bearer {TOKEN}"}


class Managed:
    """A server, and its management port."""

    def __init__(self, server, port):
        self.server = server
        self.url = f"http://127.0.0.1:{port}"

    def __call__(self, method, path, headers=KEY, body=None, **query):
        return httpx.request(
            method,
            self.url + path,
            params=query,
            json=body,
            headers=headers,
            timeout=30,
            trust_env=False,
            verify=False,
        )

    def ask(self, alias):
        return self.server.post([[1, 2]], path=f"/{alias}/predict").status_code


@pytest.fixture
def managed(tmp_path, servers):
    """A server of `a` and of `b` in versions 1 and 2, with a management port."""

    def start(*options, token=TOKEN, **serve):
        port = free_port()
        models = {"a": Sums(), "b-1": Sums(), "b": Sums()}
        management = {"port": port}
        dialects = ["native", "torchserve", "v2"]
        bundle = make(tmp_path, models, management=management, dialects=dialects, **serve)
        manifest = BundleManifest.read(bundle)
        a, first, second = manifest.models
        named = (
            a,
            dataclasses.replace(first, name="b", version="1"),
            dataclasses.replace(second, name="b", version="2"),
        )
        (bundle / "bundle.json").write_bytes(dataclasses.replace(manifest, models=named).encode())
        env = {"BUNDLE_MANAGEMENT_TOKEN": token} if token else {}
        return Managed(servers.start(bundle, *options, env=env), port)

    return start


def test_without_the_key_nothing_is_told_and_nothing_done(managed):
    ask = managed("--workers=1")
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
        for method, path in (("GET", "/models"), ("DELETE", "/models/a"), ("GET", "/nowhere")):
            refused = ask(method, path, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert "model" not in refused.json()["message"]
    assert ask.ask("a") == 200
    assert ask("GET", "/nowhere").status_code == 404


def test_without_a_token_the_port_stays_closed_and_the_log_says_so(managed):
    ask = managed("--workers=1", token=None)
    with pytest.raises(httpx.ConnectError):
        ask("GET", "/models")
    assert "$BUNDLE_MANAGEMENT_TOKEN has no token" in ask.server.log()
    assert ask.ask("a") == 200


def test_a_token_that_can_be_guessed_is_none():
    settings = ManagementSettings(port=free_port())
    with pytest.raises(BundleError, match="fewer than 16 characters") as caught:
        ManagementPort.open(settings, {"BUNDLE_MANAGEMENT_TOKEN": "secret"})
    assert "secret" not in str(caught.value)


def test_a_port_that_is_taken_is_said():
    settings = ManagementSettings(port=free_port())
    environment = {"BUNDLE_MANAGEMENT_TOKEN": TOKEN}
    first = ManagementPort.open(settings, environment)
    assert not environment, "nobody else gets it"
    try:
        with pytest.raises(BundleError, match="The management port cannot be"):
            ManagementPort.open(settings, {"BUNDLE_MANAGEMENT_TOKEN": TOKEN})
    finally:
        first.listener.close()


def test_who_takes_over_leaves_clients_to_who_serves_until_it_can_answer():
    settings = ManagementSettings(port=free_port())
    first = ManagementPort.open(settings, {"BUNDLE_MANAGEMENT_TOKEN": TOKEN})
    taking_over = {"BUNDLE_MANAGEMENT_TOKEN": TOKEN}
    second = ManagementPort.open(settings, taking_over, is_shared=True)
    clients = []
    try:
        for _ in range(16):
            clients.append(socket.create_connection(("127.0.0.1", settings.port), timeout=60))
            poll = select.poll()  # of any descriptor, however many there are
            poll.register(first.listener, select.POLLIN)
            assert poll.poll(90_000)
            clients.append(first.listener.accept()[0])
        second.listener.listen()
        first.leave()
        clients.append(socket.create_connection(("127.0.0.1", settings.port), timeout=60))
        clients.append(second.listener.accept()[0])
    finally:
        for each in (*clients, first.listener, second.listener):
            each.close()
    first.leave()  # harmless


def test_models_are_listed_in_pages_and_described_with_their_workers(managed):
    ask = managed("--workers=2")
    first = ask("GET", "/models", limit=1).json()
    assert first == {
        "models": [{"modelName": "a", "modelUrl": f"a:{_version(ask, 'a')}"}],
        "nextPageToken": "1",
    }
    assert ask("GET", "/models", limit=1, next_page_token=1).json() == {
        "models": [{"modelName": "b", "modelUrl": "b:2"}]
    }
    wait_until(lambda: len(ask("GET", "/models/b").json()[0]["workers"]) == 2)
    [found] = ask("GET", "/models/b").json()
    assert (found["modelVersion"], found["engine"], found["minWorkers"]) == ("2", "generic", 2)
    pids = {worker["pid"] for worker in found["workers"]}
    assert pids <= set(children(ask.server.process.pid))
    assert {worker["status"] for worker in found["workers"]} == {"READY"}
    assert all(worker["memoryUsage"] > 1 << 20 for worker in found["workers"])
    assert found["jobQueueStatus"] == {"remainingCapacity": 4096, "pendingRequests": 0}
    everything = ask("GET", "/models/b/all").json()
    assert [each["modelVersion"] for each in everything] == ["2", "1"]
    assert ask("GET", "/models/b/1").json()[0]["modelVersion"] == "1"
    assert ask("GET", "/models/c").status_code == 404
    for limit in ("many", "-1", "", "1000"):
        assert ask("GET", "/models", limit=limit, next_page_token="-1").json() == {
            "models": [*first["models"], {"modelName": "b", "modelUrl": "b:2"}]
        }
    assert ask("GET", "/models", limit="9" * 5000).status_code == 400


def _version(ask, name):
    return ask("GET", f"/models/{name}").json()[0]["modelVersion"]


def test_a_model_is_unregistered_and_registered_under_the_traffic_of_another(managed):
    ask = managed("--workers=1")
    with Traffic(ask.server, "b") as traffic:
        assert ask("DELETE", "/models/a").json() == {"status": 'Model "a" unregistered'}
        assert ask("GET", "/models/a").status_code == 404
        assert ask.ask("a") == 503
        assert ask("POST", "/models", url="a", runtime="python4").status_code == 400
        archive = {"url": "a.mar", "model_name": "a", "batch_size": "dd", "initial_workers": "-1"}
        told = ask("POST", "/models", **archive).json()["status"]
        assert told.endswith("registered with 1 initial workers")
        assert ask.ask("a") == 200
        again = ask("POST", "/models", url="a")
        assert (again.status_code, again.json()["type"]) == (409, "ConflictStatusException")
    assert traffic.failures == []


def test_what_nobody_vouches_for_is_not_registered(managed):
    ask = managed("--workers=1")
    for url in ("https://example.com/x.mar", "file:///etc/passwd", "c", "a:9", "../a"):
        refused = ask("POST", "/models", url=url)
        assert refused.status_code == 403
        assert "is not a model of this bundle" in refused.json()["message"]
    assert ask("POST", "/models").status_code == 400
    assert ask("POST", "/models", url="").status_code == 404
    _may_be_json(ask)


def _may_be_json(ask):
    """What is registered; and what there is not has its own type."""
    refused = ask("POST", "/models", body={"url": "c", "initial_workers": 1, "handler": None})
    assert (refused.status_code, "`c` is not a model" in refused.json()["message"]) == (403, True)
    assert ask("POST", "/models", body={"url": "a", "synchronous": True}).status_code == 409
    assert ask("POST", "/models", body=["a"]).status_code == 400
    deep = json.loads("[" * 400 + "]" * 400)
    assert ask("POST", "/models", body={"url": deep}).status_code == 400
    nowhere = ask("GET", "/nowhere").json()
    assert (nowhere["code"], nowhere["type"]) == (404, "ResourceNotFoundException")
    for path, kind in (("/models/a/99", "ModelVersion"), ("/models/z/99", "Model")):
        for method in ("GET", "PUT", "DELETE"):
            absent = ask(method, path).json()
            assert (absent["code"], absent["type"]) == (404, f"{kind}NotFoundException")
    for path in ("/workflows", "/workflows/dogs"):
        refused = ask("DELETE", path).json()
        assert (refused["code"], refused["type"]) == (501, "NotImplementedException")


def test_workers_are_added_and_taken_away_without_a_failed_request(managed):
    ask = managed("--workers=1")
    with Traffic(ask.server, "a") as traffic:
        told = ask("PUT", "/models/a", min_worker=3, synchronous="true")
        assert told.json() == {"status": "Workers scaled to 3 for model: a"}
        wait_until(lambda: len(ask("GET", "/models/a").json()[0]["workers"]) == 3)
        assert ask("PUT", "/models/a", min_worker=1).status_code == 202
        wait_until(lambda: len(ask("GET", "/models/a").json()[0]["workers"]) == 1)
    assert traffic.failures == []
    assert ask("PUT", "/models/a", min_worker=2, max_worker=1).status_code == 400
    assert ask("PUT", "/models/a", min_worker=99999).status_code == 400
    assert ask("PUT", "/models/a", min_worker=-1).status_code == 400
    assert ask("PUT", "/models/a/", number_gpu=-1, synchronous="nan").status_code == 202
    assert ask("PUT", "/models/c", min_worker=1).status_code == 404


def test_the_default_version_is_what_the_name_means_in_every_process(managed):
    ask = managed("--workers=2")
    assert ask("DELETE", "/models/b").status_code == 403, "there is another version"
    told = ask("PUT", "/models/b/1/set-default")
    assert told.status_code == 200
    for _ in range(10):
        assert _version(ask, "b") == "1"
    assert ask("DELETE", "/models/b/2").status_code == 200
    assert ask("DELETE", "/models/b").status_code == 200
    assert ask("GET", "/models/b").status_code == 404


def test_numbers_have_torchserves_names(managed):
    ask = managed("--workers=1")
    for _ in range(3):
        ask.ask("a")
    lines = ask("GET", "/metrics").text.splitlines()
    counted = [
        line for line in lines if line.startswith('ts_inference_requests_total{model_name="a"')
    ]
    assert len(counted) == 1
    assert float(counted[0].rpartition(" ")[2]) >= 3
    only = ask("GET", "/metrics", **{"name[]": "ts_queue_latency_microseconds"}).text
    assert "ts_inference_requests_total" not in only
    assert "ts_queue_latency_microseconds" in only
    assert "Requests" not in only
    assert ask.ask("a") == 200
    assert ask.ask("nothing") == 404

    def answered(digit):
        told = ask("GET", "/metrics", **{"name[]": f"Requests{digit}XX"}).text
        [value] = re.findall(
            rf'^Requests{digit}XX\{{Level="Host",Hostname=".+",\}} (\S+)$', told, re.MULTILINE
        )
        return float(value)

    wait_until(lambda: answered(2) >= 1 and answered(4) >= 1)


def test_in_threads_models_come_and_go_but_have_one_worker_in_each_process(managed):
    ask = managed("--isolation=thread")
    assert ask("PUT", "/models/a", min_worker=2, synchronous="true").status_code == 501
    assert len(ask("GET", "/models/a").json()[0]["workers"]) == 1
    assert ask("DELETE", "/models/a").status_code == 200
    assert ask("POST", "/models", url="a").status_code == 200
    assert ask.ask("a") == 200


def test_a_model_goes_while_its_processes_are_being_forked(managed):
    """Nobody waits for one that was never born, and none of them is left behind."""
    ask = managed("--workers=1")
    for _ in range(6):
        assert ask("DELETE", "/models/a").status_code == 200
        assert ask("POST", "/models", url="a", initial_workers=4).status_code == 200
    assert ask("DELETE", "/models/a").status_code == 200
    others = len(ask("GET", "/models/b/all").json()) + 1  # each has a process, and the front is one
    wait_until(lambda: len(children(ask.server.process.pid)) == others)
