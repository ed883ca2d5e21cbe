"""Models that come and go while a server runs, in real processes."""

import os
import resource
import signal
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from modelbundle.runtime.process.crew.crew import FrontSlot
from modelbundle.runtime.process.supervising.load_coordinator import LoadCoordinator

from ...conftest import Servers, Sums
from ..conftest import Traffic
from ..watched import holds_listener, readiness
from .test_supervisor import alive, children, metric, wait_until
from .two_models import LOAD, SIZE, UNLOAD, Heavy, SlowTwin, ask, load, make, memory, states, unload


@pytest.fixture
def two(tmp_path, servers):
    """A server of `a` and `b`."""

    def start(*options, lazy=(), other=None, **serve):
        serve.setdefault("model_control", "explicit")
        models = {"a": Sums(), "b": other or Sums()}
        return servers.start(make(tmp_path, models, lazy, **serve), *options)

    return start


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    """A server of `a` and `b` that several tests use."""
    servers = Servers(tmp_path_factory.mktemp("servers"))
    models = {"a": Sums(), "b": Sums()}
    bundle = make(tmp_path_factory.mktemp("bundle"), models, model_control="explicit")
    yield servers.start(bundle, "--workers=1")
    servers.stop()


@pytest.fixture
def server(common):
    """A server of `a` and `b`, both loaded, with a process each; others have used it."""
    for alias, (state, _) in states(common).items():
        assert state == "READY" or load(common, alias).status_code == 200
    wait_until(lambda: len(children(common.process.pid)) == 3)
    return common


@pytest.mark.parametrize("options", [(), ("--workers=2",), ("--isolation=thread",)])
def test_a_model_comes_and_goes_under_the_traffic_of_another(two, options):
    server = two(*options)
    with Traffic(server, "b") as traffic:
        assert ask(server, "a").json() == {"predictions": [3.0]}
        assert unload(server, "a").status_code == 200
        refused = ask(server, "a")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "it has been unloaded" in refused.text
        assert states(server)["a"] == ("UNAVAILABLE", "it has been unloaded")
        assert readiness(server) == (200, None), "nothing is missing that anybody wants"
        assert load(server, "a").status_code == 200
        assert {ask(server, "a").status_code for _ in range(10)} == {200}
        assert states(server)["a"][0] == "READY"
    assert traffic.answered
    assert traffic.failures == []


def test_what_is_unloaded_takes_no_memory_and_no_process(two):
    server = two("--workers=2", other=Heavy())
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    everything, processes = memory(server), len(children(server.process.pid))
    unload(server, "b")
    assert everything - memory(server) > SIZE * 0.9
    assert len(children(server.process.pid)) == processes - 3, "two processes and their template"
    load(server, "b")
    assert ask(server, "b").json() == {"predictions": [3.0]}


def test_in_threads_memory_comes_back_too(two):
    server = two("--isolation=thread", other=Heavy())
    everything = memory(server)
    unload(server, "b")
    assert everything - memory(server) > SIZE * 0.9


def test_a_model_is_loaded_anew_without_a_failed_request(two):
    server = two("--workers=2")
    before = set(children(server.process.pid))
    with Traffic(server, "a") as traffic:
        assert load(server, "a").status_code == 200
    assert traffic.failures == []
    wait_until(lambda: len(before & set(children(server.process.pid))) < len(before))


def test_many_rounds_leave_nothing_behind(server):
    stays = set(children(server.process.pid))
    for alias in ("a", "b"):
        unload(server, alias), load(server, alias)
    (front,) = stays & set(children(server.process.pid))

    def descriptors():
        pids = (server.process.pid, front)
        return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids]

    before = descriptors()
    for _ in range(10):
        assert unload(server, "a").status_code == 200
        assert load(server, "a").status_code == 200
    # Fewer, where those of the round before it were not closed yet when they were counted.
    wait_until(lambda: all(now <= then for now, then in zip(descriptors(), before, strict=True)))
    wait_until(lambda: len(children(server.process.pid)) == 3)


def test_requests_that_wait_while_a_model_goes_are_answered(server):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(server, "a", (-2, 1)).status_code))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    with server.client() as client:
        wait_until(
            lambda: (
                'bundle_pending_rows{queue="a.predict"} 4' in client.get("/metrics").text
                or not any(thread.is_alive() for thread in threads)
            )
        )
    assert unload(server, "a").status_code == 200
    for thread in threads:
        thread.join()
    assert answers == [200] * 4


def test_two_who_load_at_once_are_both_told_when_it_answers(server, in_threads):
    unload(server, "a")
    answers = in_threads(
        lambda _: (load(server, "a").status_code, ask(server, "a").status_code), range(4)
    )
    assert answers == [(200, 200)] * 4
    assert len(children(server.process.pid)) == 3, "there is one process of it"


def begin_to_load(server, name):
    """Unload a model and load it again: who waits for that, what it is told, who was there."""
    unload(server, name)
    before = set(children(server.process.pid))
    told = []
    thread = threading.Thread(target=lambda: told.append(load(server, name).status_code))
    thread.start()
    wait_until(lambda: set(children(server.process.pid)) - before)
    return thread, told, before


def test_a_loading_process_that_is_killed_is_followed_by_another(two):
    server = two("--workers=1", other=SlowTwin())
    thread, told, before = begin_to_load(server, "b")
    os.kill((set(children(server.process.pid)) - before).pop(), signal.SIGKILL)
    thread.join()
    assert told == [200]
    assert ask(server, "b").json() == {"predictions": [3.0]}


def test_what_cannot_be_loaded_says_so_and_harms_nobody(server):
    weights = server.bundle / "models" / "b" / "model.pkl"
    kept = weights.read_bytes()
    unload(server, "b")
    weights.write_bytes(b"nonsense")
    with Traffic(server, "a") as traffic:
        failed = load(server, "b")
        assert failed.status_code >= 400
        assert "cannot be loaded" in failed.text
        assert str(server.bundle) not in failed.text
        assert states(server)["b"][0] == "UNAVAILABLE"
        assert ask(server, "b").status_code == 503
        weights.write_bytes(kept)
        assert load(server, "b").status_code == 200
        assert ask(server, "b").status_code == 200
    assert traffic.failures == []


def test_a_front_without_room_for_the_descriptors_of_a_model_says_so(server):
    """It waited for what would never come, and every later load of the model with it."""
    front = next(pid for pid in children(server.process.pid) if holds_listener(pid, server))
    limits = resource.prlimit(front, resource.RLIMIT_NOFILE)
    with server.client() as client:
        assert client.post(UNLOAD.format("b")).status_code == 200
        resource.prlimit(front, resource.RLIMIT_NOFILE, (3, limits[1]))
        failed = client.post(LOAD.format("b"))
        resource.prlimit(front, resource.RLIMIT_NOFILE, limits)
    assert (failed.status_code, "it cannot be loaded" in failed.text) == (500, True)
    wait_until(lambda: "Model `b` cannot be loaded: Too many open files." in server.log())
    assert load(server, "b").status_code == 200
    assert ask(server, "b").json() == {"predictions": [3.0]}


@pytest.mark.parametrize("options", [("--workers=1",), ("--workers=2",), ("--isolation=thread",)])
def test_other_bytes_than_the_bundle_names_are_not_loaded_later_either(two, options):
    server = two(*options, lazy=("b",))
    weights = server.bundle / "models" / "b" / "model.pkl"
    kept = weights.read_bytes()
    weights.write_bytes(kept + b" ")
    assert load(server, "b").status_code >= 400
    assert "`models/b/model.pkl` has" in server.log()
    weights.write_bytes(kept)
    assert load(server, "b").status_code == 200


def test_what_cannot_be_loaded_anew_stays_as_it_was(two):
    server = two("--workers=2", isolation="process")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    (server.bundle / "models" / "b" / "samples" / "predict.json").write_text("nonsense")
    with Traffic(server, "b") as traffic:
        assert load(server, "b").status_code >= 400
        assert states(server)["b"][0] == "READY"
    assert traffic.failures == []
    assert ask(server, "b").status_code == 200


def test_a_model_that_dies_again_and_again_keeps_nobody_from_the_others(two):
    server = two("--workers=1")
    (server.bundle / "models" / "b" / "model.pkl").write_bytes(b"nonsense")
    with Traffic(server, "a") as traffic:
        assert ask(server, "b", (-3, 0)).status_code == 503
        wait_until(lambda: server.log().count("starting another in") >= 2)
        assert readiness(server) == (200, None)
        assert unload(server, "b").status_code == 200
        assert ask(server, "b").status_code == 503
    assert traffic.failures == []
    wait_until(lambda: len(children(server.process.pid)) == 2)


def test_a_lazy_model_is_loaded_by_its_first_request(two, in_threads):
    server = two("--workers=2", lazy=("b",), other=SlowTwin())
    assert states(server)["b"][0] == "UNAVAILABLE"
    assert readiness(server) == (200, None)
    few = len(children(server.process.pid))
    answers = in_threads(lambda n: ask(server, "b", (n, 1)).json(), range(8))
    assert answers == [{"predictions": [n + 1.0]} for n in range(8)]
    assert len(children(server.process.pid)) > few
    assert states(server)["b"][0] == "READY"


def test_who_cannot_wait_for_a_lazy_model_is_told(two):
    server = two("--workers=1", lazy=("b",), other=SlowTwin())
    headers = {"x-request-timeout": "0.2"}
    late = server.post([[1, 2]], path="/b/predict", headers=headers)
    assert late.status_code == 504
    assert ask(server, "b").status_code == 200, "it has been loaded all the same"


def test_a_lazy_model_that_nobody_asks_for_is_unloaded_until_somebody_does(two):
    server = two("--workers=2", lazy={"b": 0.5}, other=Heavy())
    assert ask(server, "b").status_code == 200
    wait_until(lambda: states(server)["b"][0] == "UNAVAILABLE")
    assert states(server)["a"][0] == "READY"
    assert ask(server, "b").status_code == 200, "it comes back"


def test_a_lazy_model_that_cannot_be_loaded_is_not_tried_by_every_request(two):
    server = two("--workers=1", lazy=("b",))
    (server.bundle / "models" / "b" / "model.pkl").write_bytes(b"nonsense")
    for _ in range(5):
        refused = ask(server, "b")
        assert refused.status_code == 503
        assert "cannot be loaded" in refused.text
    assert server.log().count("is to be loaded") == 1
    assert readiness(server) == (200, None)


def test_the_server_ends_in_good_order_while_a_model_comes(two):
    server = two("--workers=1", lazy=("b",), other=SlowTwin())
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask(server, "b").status_code))
    before = set(children(server.process.pid))
    thread.start()
    wait_until(lambda: set(children(server.process.pid)) - before)
    assert server.stop() == 0
    thread.join()
    assert answers == [200]


def test_a_restart_keeps_what_is_loaded_and_what_is_not(server):
    unload(server, "a")
    before = set(children(server.process.pid))
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not before & set(children(server.process.pid)))
    assert states(server)["a"][0] == "UNAVAILABLE"
    assert ask(server, "a").status_code == 503
    assert ask(server, "b").status_code == 200
    assert load(server, "a").status_code == 200
    assert ask(server, "a").status_code == 200


def test_a_front_that_dies_comes_back_with_what_is_loaded(server):
    unload(server, "a")
    first = next(p for p in children(server.process.pid) if holds_listener(p, server))
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not alive(first) and len(children(server.process.pid)) == 2)
    wait_until(lambda: ask(server, "b").status_code == 200)
    assert ask(server, "a").status_code == 503
    assert load(server, "a").status_code == 200


def test_a_model_that_was_loading_when_a_front_died_can_be_loaded_again(two):
    server = two("--workers=2", other=SlowTwin())
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    unload(server, "b")
    before = set(children(server.process.pid))

    def try_to_load():
        with suppress(httpx.TransportError):  # it may have asked the one that dies
            load(server, "b")

    thread = threading.Thread(target=try_to_load)
    thread.start()
    wait_until(lambda: set(children(server.process.pid)) - before)
    os.kill(next(pid for pid in before if holds_listener(pid, server)), signal.SIGKILL)
    thread.join()
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    assert load(server, "b").status_code == 200
    assert {ask(server, "b").status_code for _ in range(10)} == {200}


def test_a_restart_while_a_model_loads_gives_that_up_and_takes_place(two):
    server = two("--workers=1", other=SlowTwin())
    thread, told, before = begin_to_load(server, "b")
    server.process.send_signal(signal.SIGHUP)
    thread.join()
    assert told[0] >= 500
    wait_until(lambda: not before & set(children(server.process.pid)))
    assert ask(server, "a").status_code == 200


def test_strangers_load_and_unload_nothing_unless_the_bundle_says_so(two):
    server = two("--workers=1", model_control="none")
    for answer in (load(server, "a"), unload(server, "a")):
        assert answer.status_code == 501
        assert "serve.model_control" in answer.text
    assert ask(server, "a").status_code == 200


def test_nobody_knows_a_model_that_there_is_not(server):
    assert load(server, "c").status_code == 404
    assert unload(server, "c").status_code == 404


@pytest.mark.parametrize("what", ["load", "unload", "prefer"])
def test_who_asks_for_what_was_forgotten_a_moment_ago_is_told(what):
    front, heard = FrontSlot(0, 0), []
    line = front.prepare().front
    line.on_event = heard.append
    assert LoadCoordinator({}, None, None).handle(
        front, {"event": what, "model": "a", "request_id": 7}
    )
    assert line.read()
    assert [(each["event"], each["request_id"], each["state"]) for each in heard] == [
        ("result", 7, "UNAVAILABLE")
    ]
    front.close()
