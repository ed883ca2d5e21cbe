"""Fronts and model processes: who dies of what, and who notices."""

import json
import os
import resource
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from modelbundle.runtime.process.supervising.supervisor import SIGNAL_GAP

from ..conftest import wait_until
from .watched import alive, children, descriptors, holds_listener, metric, readiness


def front_and_model(server):
    """Their process ids: only a front has the socket."""
    found = children(server.process.pid)
    return sorted(found, key=lambda pid: not holds_listener(pid, server))


@pytest.fixture
def lone(sums, servers):
    return servers.start(sums(), "--workers=1")


def test_a_front_and_a_model_process_serve_and_the_front_has_no_framework(sums, servers):
    server = servers.start(sums(), "--workers=1")
    front, model = front_and_model(server)
    assert not holds_listener(model, server)
    assert server.post([[1, 2]]).json() == {"predictions": [3.0]}
    assert metric(server, 'bundle_topology_info{fronts="1",kind="A",replicas="1"}') == 1
    assert "pandas" not in Path(f"/proc/{front}/maps").read_text()


def test_a_model_that_crashes_costs_no_connection_and_the_log_says_why(lone):
    front, model = front_and_model(lone)
    with lone.client() as client:
        assert client.get("/livez").status_code == 200
        crashed = client.post("/predict", json={"instances": [[-3, 0]]})
        assert crashed.status_code == 503
        assert client.post("/predict", json={"instances": [[1, 2]]}).status_code == 200
    assert front in children(lone.process.pid)
    assert model not in children(lone.process.pid)
    assert "was killed by SIGABRT" in lone.log()
    assert "Its last words:\\nFatal Python error: Aborted" in lone.log()
    assert metric(lone, 'bundle_model_restarts_total{cause="crash",model="sums"}') >= 1
    assert "Traceback" not in crashed.text
    wait_until(lambda: readiness(lone) == (200, None))


def test_while_a_model_is_gone_readyz_says_what_it_died_of(make_bundle, slow, servers):
    server = servers.start(make_bundle(slow), "--workers=1", wait=False)
    server.gate.touch()
    servers.await_ready(server)
    server.gate.unlink()
    _, model = front_and_model(server)
    os.kill(model, signal.SIGSEGV)
    # Its front notices before the supervisor has told it of what it died.
    wait_until(lambda: "was killed by SIGSEGV" in (readiness(server)[1] or ""))
    assert readiness(server)[0] == 503
    assert server.get("/livez").status_code == 200
    threading.Timer(0.1, server.gate.touch).start()
    assert server.post([[1, 2]]).json() == {"predictions": [3.0]}, "it waits for the next process"
    assert readiness(server) == (200, None)


def test_many_crashes_leave_no_process_and_no_descriptor(lone):
    lone.post([[1, 2]])  # a log has a descriptor of its own once something was written
    wait_until(lambda: "/predict" in lone.stdout.read_text())
    before = {pid: descriptors(pid) for pid in (lone.process.pid, front_and_model(lone)[0])}
    for number in range(25):
        model = front_and_model(lone)[1]
        os.kill(model, signal.SIGKILL)
        wait_until(lambda gone=model: gone not in children(lone.process.pid))
        assert lone.post([[number, 1]]).json() == {"predictions": [number + 1.0]}
    assert len(children(lone.process.pid)) == 2
    wait_until(lambda: {pid: descriptors(pid) for pid in before} == before)


def test_everybody_ends_with_the_supervisor(lone):
    orphans = children(lone.process.pid)
    assert len(orphans) == 2
    lone.process.kill()
    wait_until(lambda: not any(alive(pid) for pid in orphans))


@pytest.mark.parametrize("http", ["fast", "asgi"])
def test_who_waits_when_the_supervisor_is_killed_is_told_at_once(sums, servers, http):
    server = servers.start(sums(http=http), "--workers=1")
    orphans, statuses = children(server.process.pid), []
    os.kill(front_and_model(server)[1], signal.SIGSTOP)
    ask = lambda: statuses.append(server.post([[1, 2]]).status_code)  # noqa: E731
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: metric(server, 'bundle_pending_rows{queue="sums.predict"}') == 4)
    server.process.kill()
    for thread in threads:
        thread.join()
    assert statuses == [503] * 4
    wait_until(lambda: not any(alive(pid) for pid in orphans))


def test_a_front_that_dies_is_replaced_and_its_models_with_it(lone):
    before = front_and_model(lone)
    os.kill(before[0], signal.SIGKILL)
    wait_until(
        lambda: (
            len(children(lone.process.pid)) == 2
            and not set(before) & set(children(lone.process.pid))
        )
    )
    wait_until(lambda: metric(lone, "bundle_ready_workers") == 1)
    assert lone.post([[1, 2]]).json() == {"predictions": [3.0]}


def test_a_model_that_hangs_is_cut_and_replaced(sums, servers):
    server = servers.start(sums(timeout=0.2), "--workers=1")
    model = front_and_model(server)[1]
    os.kill(model, signal.SIGSTOP)
    assert server.post([[1, 2]]).status_code == 504
    wait_until(lambda: model not in children(server.process.pid))
    wait_until(lambda: server.post([[1, 2]]).status_code == 200)
    assert "was killed by SIGKILL (" in server.log(), "and why somebody killed it"


def test_a_model_that_cannot_be_loaded_again_is_tried_until_it_can(sums, servers):
    bundle = sums()
    server = servers.start(bundle, "--workers=1")
    weights = bundle / "models" / "sums" / "model.pkl"
    kept = weights.read_bytes()
    weights.unlink()
    os.kill(front_and_model(server)[1], signal.SIGKILL)
    wait_until(lambda: server.log().count("starting another in") >= 2)
    assert readiness(server)[0] == 503
    weights.write_bytes(kept)
    wait_until(lambda: readiness(server) == (200, None))
    assert server.post([[1, 2]]).json() == {"predictions": [3.0]}


def test_a_second_signal_ends_models_too(lone):
    orphans = children(lone.process.pid)
    with lone.holding() as answers:
        lone.process.send_signal(signal.SIGTERM)
        wait_until(lambda: readiness(lone) == (503, "draining"))
        time.sleep(2 * SIGNAL_GAP)  # so soon it would be the same one
        assert lone.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        wait_until(lambda: not any(alive(pid) for pid in orphans))
    assert isinstance(answers[0], httpx.TransportError)


def test_a_server_that_leaves_and_is_told_to_stop_answers_what_runs(sums, servers, listener):
    """It was sent SIGUSR1, for another serves; then SIGTERM, with everybody: that is no second one."""
    lone = servers.start(sums(), "--workers=1", listener=listener)
    with lone.holding() as answers:
        lone.process.send_signal(signal.SIGUSR1)
        lone.process.send_signal(signal.SIGTERM)
    assert lone.process.wait(90) == 0
    assert [answer.status_code for answer in answers] == [200]


def test_sighup_replaces_everybody_and_loses_nothing(lone, callers):
    with callers(lone, 8) as asked:
        for _ in range(3):
            before = set(children(lone.process.pid))
            os.kill(lone.process.pid, signal.SIGHUP)
            wait_until(
                lambda old=before: (
                    len(now := set(children(lone.process.pid))) == 2 and not now & old
                )
            )
    assert asked.answered > 100
    assert asked.failures == []
    assert lone.process.poll() is None
    assert metric(lone, "bundle_ready_workers") == 1


def test_a_restart_that_fails_leaves_the_old_processes_serving(sums, servers):
    bundle = sums()
    server = servers.start(bundle, "--workers=1")
    before = children(server.process.pid)
    shutil.move(bundle / "models" / "sums" / "model.pkl", bundle / "elsewhere")
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until(lambda: "The restart failed, and the old processes go on" in server.log())
    wait_until(lambda: set(children(server.process.pid)) == set(before))
    assert server.post([[1, 2]]).json() == {"predictions": [3.0]}
    assert readiness(server) == (200, None)


def test_where_descriptors_are_few_newcomers_wait_and_nobody_is_cut(sums, servers, callers):
    server = servers.start(sums(), "--workers=1")
    front = front_and_model(server)[0]
    resource.prlimit(front, resource.RLIMIT_NOFILE, (descriptors(front) + 24, 1024))
    with callers(server, 60) as asked:
        wait_until(lambda: asked.answered > 1000)
    assert asked.failures == []
    assert "new ones have to wait" in server.log()
    wait_until(lambda: is_ready_without_trouble(server))
    assert front in children(server.process.pid)


def is_ready_without_trouble(server):
    try:
        return readiness(server) == (200, None)
    except httpx.TransportError:
        return False


def test_a_busy_server_grows_and_says_why(sums, servers, callers, tmp_path_factory):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("it grows on two cores or more")
    library = tmp_path_factory.mktemp("library")
    # Where others work as well nobody may get the half of a core that counts as busy, and a row
    # may take as long, on the clock, as one of a large model.
    (library / "sitecustomize.py").write_text(
        "from modelbundle.runtime.process.machine import topology\n"
        "from modelbundle.runtime.process.supervising import autoscaler\n"
        "autoscaler.BUSY, topology.SMALL = 0.02, 60.0\n"
    )
    server = servers.start(sums(), env={"PYTHONPATH": str(library)})
    assert len(children(server.process.pid)) == 2
    # Many rows keep the server busy, and not those who ask, who use the same cores.
    with callers(server, 8, rows=100) as asked:
        wait_until(lambda: "less than its request" in server.log())
        wait_until(lambda: metric(server, "bundle_fronts") >= 2)
    assert asked.failures == []
    said = [json.loads(line)["message"] for line in server.log().splitlines()]
    assert any(text.startswith("Processes: 2 fronts, each with 1 process") for text in said)


def test_the_door_is_shut_by_whoever_is_at_it_first(sums, servers):
    server = servers.start(sums(), "--workers=2")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    fronts = [pid for pid in children(server.process.pid) if holds_listener(pid, server)]
    with server.connect():  # so that they take their time
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: readiness(server) == (503, "draining"))
        os.kill(server.process.pid, signal.SIGSTOP)
    wait_until(lambda: not any(alive(pid) for pid in fronts))
    with pytest.raises(OSError, match=r"timed out|refused"):
        socket.create_connection(("127.0.0.1", server.port), timeout=0.3)
    os.kill(server.process.pid, signal.SIGCONT)
    assert server.process.wait(90) == 0


def test_a_lone_front_that_is_told_to_go_leaves_the_door_open_for_the_next(lone):
    front = front_and_model(lone)[0]
    os.kill(front, signal.SIGTERM)
    wait_until(lambda: front not in children(lone.process.pid))
    wait_until(lambda: is_ready_without_trouble(lone))
    assert lone.post([[1, 2]]).json() == {"predictions": [3.0]}
