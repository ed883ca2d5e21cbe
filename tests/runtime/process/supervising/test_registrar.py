"""Models that come from outside, in real processes, from a store that is a script of a few lines."""

import dataclasses
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from modelbundle.runtime import digest
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.model_manifest import ModelManifest

from ...conftest import Sums, free_port, wait_until, write_model
from ..conftest import Traffic
from ..watched import children, holds_listener, metric, readiness
from .two_models import ask, load, make, memory, states, unload

SIZE = 48_000_000
SCRIPT = """
import json, os, shutil, signal, sys, time
offers, place, name = sys.argv[1:]
asked = os.path.join(offers, "asked")
with open(asked, "a") as file:
    print(name, os.environ.get("BUNDLE_MANAGEMENT_TOKEN"), file=file)
if name == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
while os.path.exists(os.path.join(offers, name + ".wait")):
    time.sleep(0.01)
if name == "babbles":
    print("no JSON")
elif name == "endless":
    while True:
        print("x" * 65536)
elif not os.path.isdir(os.path.join(offers, name)):
    print(json.dumps({"refused": "unknown", "why": "there is none"}))
else:
    there = os.path.join(place, str(time.monotonic_ns()))
    shutil.copytree(os.path.join(offers, name), there)
    with open(os.path.join(offers, name + ".json")) as file:
        print(json.dumps({"entry": json.load(file), "directory": there}))
"""


class Heavy(Sums):
    """Weighs something."""

    def __init__(self):
        self.weight = b"h" * SIZE


class Store:
    """What the script offers."""

    def __init__(self, directory):
        self.offers, self.place = directory / "offers", directory / "place"
        self.offers.mkdir()
        self.place.mkdir()
        self.script = directory / "store.py"
        self.script.write_text(SCRIPT)

    def add(self, model, tag, *, name=None, version="1", **changes):
        """A model to be asked for by `tag`."""
        home = self.offers / tag
        manifest = write_model(home, model, sample=[[1.0, 2.0]])
        if changes:
            manifest = dataclasses.replace(manifest, **changes)
            (home / "model.json").write_bytes(manifest.encode())
        identity = digest.of_file(home / "model.json")
        entry = ModelEntry(name or tag, name or tag, version, identity, "generic", True)
        (self.offers / f"{tag}.json").write_text(json.dumps(entry.to_json()))
        return home

    @property
    def asked(self):
        path = self.offers / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def variables(self):
        command = [sys.executable, str(self.script), str(self.offers), str(self.place)]
        resolver = {"command": command, "place": str(self.place), "variables": {"HOME": None}}
        told = {"listener": -1, "told": -1, "is_successor": False, "resolver": resolver}
        return {"BUNDLE_HANDOVER": json.dumps(told)}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def beside(tmp_path, servers, store):
    """A server of `a` beside the store."""

    def start(*options, env=None, listener=None, **serve):
        serve = {"registration": "store", "model_control": "explicit", **serve}
        bundle = make(tmp_path / "bundle", {"a": Sums()}, **serve)
        env = store.variables() if env is None else env
        return servers.start(bundle, *options, env=env, listener=listener)

    return start


def why(answer):
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("options", [("--workers=2",), ("--isolation=thread",)])
def test_a_guest_comes_into_every_process_and_goes_again(beside, store, options):
    server = beside(*options)
    store.add(Sums(), "b")
    with Traffic(server, "a") as traffic:
        assert load(server, "b").status_code == 200
        for _ in range(10):  # each by a connection of its own, to any process
            assert ask(server, "b").json() == {"predictions": [3.0]}
        assert states(server)["b"] == ("READY", "")
        assert unload(server, "b").status_code == 200
        assert {ask(server, "b").status_code for _ in range(10)} == {503}
        assert load(server, "b").status_code == 200
        assert ask(server, "b").json() == {"predictions": [3.0]}
        assert len(store.asked) == 1, "it is known until it is unregistered"
        assert store.asked == ["b None"]
    assert traffic.answered
    assert traffic.failures == []


def test_a_guest_is_there_for_who_follows_a_process_that_died_and_for_a_new_crew(beside, store):
    server = beside("--workers=2")
    store.add(Sums(), "b")
    load(server, "b")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    before = children(server.process.pid)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not set(before) & set(children(server.process.pid)))
    assert ask(server, "b").json() == {"predictions": [3.0]}
    for pid in children(server.process.pid):
        with suppress(ProcessLookupError):  # one that has gone with its front
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: readiness(server)[0] == 200)
    wait_until(lambda: ask(server, "b").status_code == 200)
    assert len(store.asked) == 1


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.parametrize("isolation", ["process", "thread"])
def test_a_guest_may_have_gone_before_a_slow_process_hears_that_it_comes(
    beside, store, isolation, in_threads
):
    """Its files are gone by then, and nobody waits for it: the process that was slow goes on."""
    server = beside("--workers=2", f"--isolation={isolation}")
    store.add(Sums(), "b")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    slow = next(pid for pid in children(server.process.pid) if holds_listener(pid, server))
    before = descriptors(slow)
    os.kill(slow, signal.SIGSTOP)

    def act(what):
        if what == "load":
            return load(server, "b").status_code
        wait_until(lambda: "comes from the store as `b`" in server.log())
        return unload(server, "b").status_code

    assert in_threads(act, ["load", "unload"]) == [503, 200]
    assert not list(store.place.iterdir())
    os.kill(slow, signal.SIGCONT)
    assert load(server, "b").status_code == 200
    assert {ask(server, "b").status_code for _ in range(10)} == {200}
    assert unload(server, "b").status_code == 200
    assert slow in children(server.process.pid)
    assert "could not be followed" not in server.log()
    assert "Traceback" not in server.log()
    wait_until(lambda: descriptors(slow) <= before + 2)  # it may have written its first log since


def test_what_cannot_be_loaded_is_forgotten(beside, store, broken):
    server = beside("--workers=1")
    home = store.add(broken, "b")
    refused = load(server, "b")
    assert refused.status_code == 500
    assert "the log of the server says why" in refused.json()["error"]
    assert list(states(server)) == ["a"]
    assert not list(store.place.iterdir()), "nothing of it is kept"
    assert ask(server, "a").status_code == 200
    assert home.exists()


def test_other_bytes_than_its_digest_names_are_not_loaded(beside, store):
    server = beside("--workers=1")
    home = store.add(Sums(), "b")
    weights = home / "model.pkl"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert load(server, "b").status_code == 500
    (home / "model.json").write_bytes((home / "model.json").read_bytes() + b" ")
    assert why(load(server, "b")) == (500, "Model `b` cannot be registered: it is damaged.")
    assert not list(store.place.iterdir()), "nothing of it is kept"
    assert list(states(server)) == ["a"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"packages": {"numpy": "1", "no-such-library": "1"}}, "it needs `no-such-library`, which"),
        ({"methods": {}, "samples": {}}, "it has no methods, so there is nothing to call"),
    ],
)
def test_what_the_server_cannot_serve_is_refused_with_the_reason(beside, store, changes, text):
    server = beside("--workers=1")
    store.add(Sums(), "b", **changes)
    status, told = why(load(server, "b"))
    assert (status, text in told) == (400, True), told
    assert not list(store.place.iterdir())


@pytest.mark.parametrize("name", ["dies", "babbles", "endless"])
def test_a_store_that_does_not_answer_is_not_waited_for(beside, name):
    server = beside("--workers=1")
    status, told = why(load(server, name))
    assert status == 500
    assert told.endswith("the store could not be asked; the log of the server says why.")
    assert ask(server, "a").status_code == 200


def test_two_versions_of_one_name_and_nothing_twice(beside, store):
    server = beside("--workers=1")
    store.add(Sums(), "b.1", name="b")
    store.add(Sums(), "b.2", name="b", version="2", metadata={"x": 1})
    store.add(Sums(), "b.3", name="b", version="2", metadata={"x": 2})
    assert load(server, "b.1").status_code == load(server, "b.2").status_code == 200
    assert load(server, "b.2").status_code == 200, "it is loaded anew"
    assert "another model of that name and version is here" in load(server, "b.3").json()["error"]
    with server.client() as client:
        assert client.get("/v2/models/b").json()["versions"] == ["1", "2"]
        assert client.get("/v2/models/b/versions/2/ready").status_code == 200
    assert ask(server, "b").json() == ask(server, "b-2").json() == {"predictions": [3.0]}


def test_who_asks_for_the_same_at_the_same_time_gets_the_same(beside, store, in_threads):
    server = beside("--workers=2")
    store.add(Sums(), "b")
    statuses = in_threads(lambda _: load(server, "b").status_code, range(6))
    assert set(statuses) <= {200}, statuses
    assert list(states(server)) == ["a", "b"]


def test_a_model_that_nobody_waits_for_any_more_does_not_come_halfway(beside, store, in_threads):
    """Others take over while the store is asked: who has asked is told to ask again."""
    server = beside("--workers=1")
    store.add(Sums(), "b")
    gate = store.offers / "b.wait"
    gate.touch()

    def do(what):
        if what == "ask":
            return why(load(server, "b"))
        wait_until(lambda: store.asked)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "The new processes serve" in server.log())
        return gate.unlink()

    (status, told), _ = in_threads(do, ["ask", "take over"])
    assert (status, "another process takes over" in told) == (503, True), told
    assert list(states(server)) == ["a"]
    assert not list(store.place.iterdir()), "nothing of it is kept"
    assert load(server, "b").status_code == 200
    assert ask(server, "b").json() == {"predictions": [3.0]}


def test_a_server_that_is_relieved_gives_up_what_it_asks_the_store(
    beside, store, in_threads, listener
):
    """Another server serves on its socket: it has answered, and gone, before the store has."""
    server = beside("--workers=1", listener=listener)
    store.add(Sums(), "b")
    (store.offers / "b.wait").touch()

    def do(what):
        if what == "ask":
            return why(load(server, "b"))
        wait_until(lambda: store.asked)
        return server.stop(signal.SIGUSR1)

    (status, told), code = in_threads(do, ["ask", "relieve"])
    assert (status, code) == (500, 0), told
    assert "the store could not be asked" in told


def test_without_a_store_beside_it_a_server_says_so(beside):
    server = beside("--workers=1", env={})
    status, told = why(load(server, "b"))
    assert status == 501
    assert told == (
        "Model `b` cannot be registered: this server has no store beside it: "
        "`bundle serve` did not start it."
    )


def test_an_entry_that_is_a_way_out_of_the_directory_is_no_model(beside, store):
    server = beside("--workers=1")
    home = store.add(Sums(), "b")
    told = json.loads((store.offers / "b.json").read_text())
    (store.offers / "b.json").write_text(json.dumps(told | {"alias": "../b"}))
    assert why(load(server, "b"))[0] == 500
    assert ModelManifest.read(home).methods
    assert list(states(server)) == ["a"]


def test_large_bodies_of_a_guest_are_read_in_another_process_also_for_a_later_one(beside, store):
    """And damaged ones of the types that a C library parses."""
    pytest.importorskip("pyarrow")
    server = beside("--workers=1")
    front = next(pid for pid in children(server.process.pid) if holds_listener(pid, server))
    rows = [[number + 1 / 3, 1 / 3] for number in range(4000)]
    data = {"name": "x", "datatype": "FP64", "shape": [4000, 2], "data": rows}
    parquet = {"content-type": "application/vnd.apache.parquet"}
    known = set()
    for name in ("b", "c"):
        store.add(Sums(), name)
        assert load(server, name).status_code == 200
        with server.client() as client:
            native = client.post(f"/{name}/predict", json={"instances": rows})
            assert native.json()["predictions"] == [sum(row) for row in rows]
            (reader,) = set(children(front)) - known
            v2 = client.post(f"/v2/models/{name}/infer", json={"inputs": [data]})
            assert v2.json()["outputs"][0]["data"] == [sum(row) for row in rows]
        known = {reader}
    with server.client() as client:
        damaged = client.post("/c/predict", content=b"PAR1", headers=parquet)
        assert damaged.status_code == 400
    assert children(front) == [reader]


def test_memory_of_a_guest_comes_back(beside, store):
    server = beside("--workers=1")
    store.add(Heavy(), "b")
    load(server, "b")
    everything = memory(server)
    unload(server, "b")
    assert everything - memory(server) > SIZE * 0.9
    assert Path(f"/proc/{server.process.pid}").exists()


def test_a_guest_is_asked_for_and_answers_over_grpc(beside, store):
    import grpc

    from modelbundle.runtime.grpc.messages.pool import pool

    port = free_port()
    server = beside("--workers=1", dialects=["native", "v2", "grpc"], grpc={"port": port})
    store.add(Sums(), "b")

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:

        def call(name, message):
            path = f"/inference.GRPCInferenceService/{name}"
            kind = pool()[pool().methods[path].response]
            asked = channel.unary_unary(path, None, kind.FromString)
            return asked(message.SerializeToString(), timeout=30, wait_for_ready=True)

        call("RepositoryModelLoad", pool()["inference.RepositoryModelLoadRequest"](model_name="b"))
        rows = pool()["inference.ModelInferRequest"](model_name="b")
        rows.inputs.add(name="input", datatype="FP64", shape=[1, 2])
        rows.inputs[0].contents.fp64_contents.extend([1.0, 2.0])
        answer = call("ModelInfer", rows)
        assert answer.model_version == "1"
        raw = answer.raw_output_contents
        values = np.frombuffer(raw[0]) if raw else answer.outputs[0].contents.fp64_contents
        assert list(values) == [3.0]
        listed = call("RepositoryIndex", pool()["inference.RepositoryIndexRequest"]())
        assert {each.name: each.state for each in listed.models} == {"a": "READY", "b": "READY"}
        with pytest.raises(grpc.RpcError) as refused:
            call(
                "RepositoryModelLoad",
                pool()["inference.RepositoryModelLoadRequest"](model_name="nobody"),
            )
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert ask(server, "b").json() == {"predictions": [3.0]}
