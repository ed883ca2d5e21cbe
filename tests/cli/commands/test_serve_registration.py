"""Models of the store that come into a running server, by whoever has the key, and go again."""

import json
import os
import shutil
import signal
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from modelbundle.cli.serving.temporary_server import free_port

TOKEN = "a-token-of-some-length"
TRIPLE = '''
from pathlib import Path


class Tripler:
    """Three times each number; says so where it is loaded."""

    def predict(self, rows):
        return [[3 * number for number in row] for row in rows]

    def __setstate__(self, state):
        self.canary = state["canary"]
        Path(self.canary).touch()

    def __getstate__(self):
        return {"canary": self.canary}


def model(canary):
    made = Tripler()
    made.canary = canary
    return made
'''
SERVE = """serve:
  management: {{port: {port}}}
  registration: {registration}
  model_control: {control}
  dialects: [native, v2, v1, torchserve, seldon]
"""


def save(shop, canary, name, source):
    """Save another model; its version and its digest."""
    (shop.project / "more.py").write_text(f"{TRIPLE}\n\ntriple = model({str(canary)!r})\n")
    done = shop("save", name, f"more:{source}", "--sample", "sample.json", "--json")
    canary.unlink(missing_ok=True)
    return done.json["version"], done.json["digest"]


class Counter:
    """Server, store and management port, and what `triple` touches where it is loaded."""

    def __init__(self, shop, server, port, canary):
        self.shop, self.server, self.port, self.canary = shop, server, port, canary

    def manage(self, method, path, **query):
        url = f"http://127.0.0.1:{self.port}{path}"
        headers = {"authorization": f"Bearer {TOKEN}"}
        return httpx.request(method, url, params=query, headers=headers, timeout=60)

    def register(self, name, **query):
        return self.manage("POST", "/models", url=name, **query)

    def ask(self, path, document=None):
        url = self.server.url + path
        return (
            httpx.get(url, timeout=60)
            if document is None
            else httpx.post(url, json=document, timeout=60)
        )

    def infer(self, path):
        rows = {"name": "input-0", "datatype": "FP64", "shape": [1, 2], "data": [1.0, 2.0]}
        return self.ask(f"{path}/infer", {"inputs": [rows]})

    def index(self):
        return {
            (each["name"], each["version"]): each["state"]
            for each in self.ask("/v2/repository/index", {}).json()
        }


@contextmanager
def opened(own, canary, *, registration="store", control="none", target="."):
    """A server of `double`."""
    port = free_port()
    path = own.project / "bundlefile.yaml"
    path.write_text(
        path.read_text() + SERVE.format(port=port, registration=registration, control=control)
    )
    if target != ".":
        own("build")
    with own.serving(target, "--env", "current", BUNDLE_MANAGEMENT_TOKEN=TOKEN) as server:
        yield Counter(own, server, port, canary)


@pytest.fixture
def counter(shop, copy, tmp_path):
    """A server beside a store of its own, which has `double` alone."""
    return partial(opened, copy(shop), tmp_path / "canary")


@pytest.fixture(scope="module")
def tripled(shop, tmp_path_factory):
    """A shop that has `triple` as well, its canary, and its version and digest."""
    place = tmp_path_factory.mktemp("tripled")
    shutil.copytree(shop.project, place / "project")
    shutil.copytree(shop.home, place / "home", symlinks=True)
    own = replace(shop, project=place / "project", home=place / "home")
    return own, place / "canary", save(own, place / "canary", "triple", "triple")


@pytest.fixture
def richer(tripled, copy):
    """A server beside a store of its own, which has `triple`, too."""
    own, canary, _ = tripled
    canary.unlink(missing_ok=True)
    return partial(opened, copy(own), canary)


@pytest.fixture(scope="module")
def standing(tripled, tmp_path_factory):
    """One server for several tests."""
    own, canary, _ = tripled
    project = shutil.copytree(own.project, tmp_path_factory.mktemp("standing") / "project")
    with opened(replace(own, project=project), canary) as here:
        yield here


@pytest.fixture
def here(standing):
    """The server of several tests, without `triple`: neither loaded nor under a policy."""
    standing.canary.unlink(missing_ok=True)
    yield standing
    (standing.shop.home / "policy.yaml").unlink(missing_ok=True)
    standing.manage("DELETE", "/models/triple")


class Traffic:
    """Somebody who asks for `double` all the time."""

    def __init__(self, url):
        self._url = url
        self._ends = threading.Event()
        self.answered, self.failures = 0, []
        self._thread = threading.Thread(target=self._ask)

    def _ask(self):
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._ends.wait(0.01):
                answer = client.post("/predict", json={"instances": [[1.0, 2.0]]})
                if answer.status_code == 200 and answer.json() == {"predictions": [[2.0, 4.0]]}:
                    self.answered += 1
                else:
                    self.failures.append(answer.text)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()


def test_a_model_of_the_store_comes_and_goes_under_the_traffic_of_another(counter):
    with counter() as here, Traffic(here.server.url) as traffic:
        version, _ = save(here.shop, here.canary, "triple", "triple")
        assert here.infer("/v2/models/triple").status_code == 404
        done = here.register("triple")
        assert done.json() == {
            "status": f'Model "triple" Version: {version} registered with 1 initial workers'
        }
        expected = {"predictions": [[3.0, 6.0]]}
        rows = {"instances": [[1.0, 2.0]]}
        assert here.ask("/triple/predict", rows).json() == expected
        assert here.ask("/v1/models/triple:predict", rows).json() == expected
        assert here.ask("/predictions/triple", rows).json() == expected
        assert here.infer("/v2/models/triple").json()["model_version"] == version
        assert here.ask("/v2/models/triple").json()["versions"] == [version]
        assert here.ask("/v2/models/triple/ready").status_code == 200
        assert here.index()["triple", version] == "READY"
        [statistics] = here.ask("/v2/models/triple/stats").json()["model_stats"]
        assert statistics["inference_count"] >= 4
        [described] = here.manage("GET", "/models/triple").json()
        assert not described["loadedAtStartup"]
        pids = [worker["pid"] for worker in described["workers"]]
        assert len(pids) == 1
        contract = here.ask("/openapi.json").json()["paths"]
        assert "/triple/predict" in contract
        assert "/v2/models/triple/infer" in json.dumps(contract)
        assert 'bundle_batch_rows_count{queue="triple.predict"}' in here.ask("/metrics").text
        assert (here.register("triple").status_code, here.canary.exists()) == (409, True)
        assert here.register(f"triple:{version}").status_code == 409
        gone = here.manage("DELETE", "/models/triple")
        assert gone.json() == {"status": 'Model "triple" unregistered'}
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids), "its memory is free"
        assert here.ask("/triple/predict", rows).status_code == 404
        assert here.infer("/v2/models/triple").status_code == 404
        assert "triple" not in here.ask("/openapi.json").text
        assert "triple" not in here.ask("/metrics").text
        again = here.register("triple@latest", initial_workers=2)
        assert again.status_code == 200, "it may come again"
        assert len(here.manage("GET", "/models/triple").json()[0]["workers"]) == 2
        assert here.ask("/triple/predict", rows).json() == expected
    assert traffic.answered
    assert traffic.failures == []


def test_a_built_bundle_gets_models_of_the_store_too(richer):
    with richer(target="twice") as here:
        assert here.register("triple").status_code == 200
        rows = {"instances": [[1.0, 2.0]]}
        assert here.ask("/triple/predict", rows).json() == {"predictions": [[3.0, 6.0]]}


def test_a_version_comes_beside_those_that_are_there(counter):
    with counter() as here, Traffic(here.server.url) as traffic:
        old = here.manage("GET", "/models/double").json()[0]["modelVersion"]
        new, _ = save(here.shop, here.canary, "double", "triple")
        assert here.register(f"double:{new}").status_code == 200
        assert here.index() == {("double", old): "READY", ("double", new): "READY"}

        def value(path):
            rows = {"instances": [[1.0, 2.0]]}
            return here.ask(f"/predictions/double{path}", rows).json()["predictions"][0]

        assert value("") == [2.0, 4.0], "what the name means has not changed"
        assert value(f"/{new}") == [3.0, 6.0]
        assert here.manage("PUT", f"/models/double/{new}/set-default").status_code == 200
        assert value("") == [3.0, 6.0]
        assert value(f"/{old}") == [2.0, 4.0]
        assert here.manage("DELETE", f"/models/double/{new}").status_code == 403
        assert here.manage("PUT", f"/models/double/{old}/set-default").status_code == 200
        assert here.manage("DELETE", f"/models/double/{new}").status_code == 200
        assert here.index() == {("double", old): "READY"}
        assert value("") == [2.0, 4.0]
    assert traffic.failures == []


def test_who_may_load_models_over_the_open_port_may_bring_them_too_until_the_server_ends(
    richer, tripled, eventually
):
    """They outlive a process of the server, and not a restart."""
    version, _ = tripled[-1]
    with richer(control="explicit") as here:
        assert here.ask("/v2/repository/models/triple/load", {}).status_code == 200
        assert here.infer("/v2/models/triple").status_code == 200
        assert here.ask("/v2/repository/models/triple/unload", {}).status_code == 200
        assert here.infer("/v2/models/triple").status_code == 503
        assert here.index()["triple", version] == "UNAVAILABLE"
        assert here.ask("/v2/repository/models/triple/load", {}).status_code == 200
        assert here.infer("/v2/models/triple").status_code == 200
        unknown = here.ask("/v2/repository/models/nobody/load", {})
        assert (unknown.status_code, unknown.json()["error"]) == (
            404,
            (
                "failed to load 'nobody', failed to poll from model repository: "
                "There is no model `nobody`: neither here nor in the store."
            ),
        )
        before = here.manage("GET", "/models/triple").json()[0]["workers"][0]["pid"]
        status = Path(f"/proc/{before}/status").read_text()
        supervisor = int(status.split("PPid:")[1].split()[0])
        for name in Path(f"/proc/{supervisor}/task").glob("*/children"):
            for child in name.read_text().split():
                with suppress(ProcessLookupError):  # one that has gone with its front
                    os.kill(int(child), signal.SIGKILL)

        def answers(path):
            try:
                return here.infer(path).status_code == 200
            except httpx.HTTPError:
                return False

        eventually(lambda: answers("/v2/models/triple") and answers("/v2/models/double"))
        assert here.manage("GET", "/models/triple").json()[0]["workers"][0]["pid"] != before
        here.server.process.send_signal(signal.SIGHUP)
        eventually(lambda: here.infer("/v2/models/triple").status_code == 404)
        assert answers("/v2/models/double")


def test_without_a_word_in_the_bundlefile_nothing_comes(richer):
    with richer(registration="none", control="explicit") as here:
        refused = here.register("triple")
        assert refused.status_code == 403
        assert "is not a model of this bundle" in refused.json()["message"]
        assert here.ask("/v2/repository/models/triple/load", {}).status_code == 404
        assert not here.canary.exists()


def test_the_token_makes_nothing_run_that_this_machine_does_not_trust(here, tripled):
    _, digest = tripled[-1]
    with Traffic(here.server.url) as traffic:
        trust = here.shop.home / "trust" / digest
        kept = trust.read_bytes()
        trust.unlink()
        refused = here.register("triple")
        assert refused.status_code == 403
        assert refused.json()["message"] == (
            "Model `triple` cannot be registered: loading it runs code that is not "
            "trusted on this machine."
        )
        assert not here.canary.exists(), "nothing of it has run"
        assert len(here.index()) == 1
        trust.write_bytes(kept)
        assert here.register("triple").status_code == 200
        assert here.canary.exists(), "the canary lives, where it may"
    assert traffic.failures == []


def test_a_policy_of_signers_holds_for_what_comes_later(here, write_key):
    key = here.shop.project / "ours.pem"
    write_key(key)
    rules = [{"name": "*", "signed_by": [{"key": str(key.with_suffix(".pub"))}]}]
    policy = here.shop.home / "policy.yaml"
    policy.write_text(json.dumps({"version": 1, "rules": rules}))
    refused = here.register("triple")
    assert refused.status_code == 403
    assert "it is not signed as that asks" in refused.json()["message"]
    assert str(here.shop.home) not in refused.text
    assert not here.canary.exists()
    here.shop("sign", "model:triple", "--key", str(key))
    assert here.register("triple").status_code == 200


def test_a_damaged_model_is_refused_and_nobody_else_notices(here, tripled):
    _, digest = tripled[-1]
    with Traffic(here.server.url) as traffic:
        listed = json.loads((here.shop.home / "blobs" / "sha256" / digest).read_bytes())
        files = listed["io.modelbundle.model.v1"]["files"]
        [weights] = [each for each in files if each["path"].endswith(".pkl")]
        blob = here.shop.home / "blobs" / "sha256" / weights["digest"].removeprefix("sha256:")
        kept = blob.read_bytes()
        blob.chmod(0o644)
        blob.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        refused = here.register("triple")
        assert (refused.status_code, refused.json()["message"]) == (
            500,
            "Model `triple` cannot be registered: it is damaged in the store.",
        )
        assert not here.canary.exists()
        blob.write_bytes(kept)
        assert here.register("triple").status_code == 200
    assert traffic.failures == []


@pytest.mark.parametrize(
    "name", ["../double", "--help", "https://example.com/a.mar", "a b", "x" * 300, "a:b:c", "é"]
)
def test_what_is_no_name_is_never_asked_for(here, name):
    refused = here.register(name)
    assert refused.status_code == 403
    assert "it is not the name of a model in a store" in refused.json()["message"]
