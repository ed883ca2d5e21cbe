"""A service in a process of its own: who dies of what, and what its clients hear."""

import contextlib
import http.client
import json
import os
import signal
import threading
from itertools import count
from pathlib import Path

import httpx
import pytest

from modelbundle.bundler.building.service.service_source import read_service

from ..conftest import wait_until, write_bundle
from .unstable_service import SOURCE, ask, notes, processes
from .watched import alive, children, descriptors, holds_listener, metric, readiness


@pytest.fixture
def own(unstable, servers):
    """A server that no other test uses."""
    return servers.start(unstable())


def test_the_author_s_code_is_in_a_process_without_connections(lone):
    front, service = processes(lone)
    assert not holds_listener(service, lone)
    assert ask(lone, "/pid").json() == service
    wait_until(lambda: "a word of its own" in lone.log())
    asked = httpx.post(f"{lone.url}/who", headers={"X-User": "ada"}, timeout=90, trust_env=False)
    assert asked.json()[0] == "ada"
    assert "x-user" in asked.json()[1]
    assert lone.post([[1, 2], [3, 4]]).json() == {"predictions": [3.0, 7.0]}
    assert metric(lone, 'bundle_batches_total{queue="/predict",reason="idle"}') >= 1
    assert metric(lone, 'bundle_requests_total{route="/predict",status="200"}') == 1
    assert metric(lone, 'bundle_topology_info{fronts="1",kind="service",replicas="1"}') == 1
    assert "unstable.py" not in Path(f"/proc/{front}/maps").read_text()


def test_a_text_that_ends_with_an_error_is_cut_and_nobody_begins_another_answer(lone):
    with lone.client() as client:
        texts = {"accept": "text/plain"}
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/tell", json={"n": 2}, headers=texts)
        refused = client.post("/tell", json={"n": 0}, headers=texts)
        assert (refused.status_code, refused.json()) == (422, {"error": "no more"})
    wait_until(lambda: "no more" in lone.log())
    assert "Expected ASGI message" not in lone.log()


@pytest.mark.parametrize(
    ("path", "how"), [("/sync", "segfault"), ("/later", "exit"), ("/sync", "abort")]
)
def test_a_service_that_dies_costs_the_call_that_it_died_of_and_no_connection(lone, path, how):
    front, service = processes(lone)
    restarts = metric(lone, "bundle_service_restarts_total")
    with lone.client() as client:
        assert client.post(path, json={"how": "", "n": 4}).json() == 4
        died = client.post(path, json={"how": how})
        assert died.status_code == 503
        assert died.headers["retry-after"] == "1"
        assert died.json() == {"error": "The service stopped while it worked on this request."}
        assert client.post(path, json={"how": "", "n": 5}).json() == 5
    assert front in children(lone.process.pid)
    assert not alive(service)
    reason = {"segfault": "SIGSEGV", "exit": "exit code 7", "abort": "SIGABRT"}[how]
    assert reason in lone.log()
    assert f"The service died with 1 requests: {died.headers['x-request-id']}." in lone.log()
    assert metric(lone, "bundle_service_restarts_total") == restarts + 1


def test_an_idempotent_call_runs_once_more_alone_and_never_a_third_time(lone):
    assert ask(lone, "/again", how="", n=1).json() == 1
    assert ask(lone, "/again", how="exit", n=2).status_code == 503
    assert notes(lone).count("again 2") == 2
    wait_until(lambda: readiness(lone)[0] == 200)


def test_the_mates_of_a_call_that_kills_are_answered_where_that_does_no_harm(lone, in_threads):
    asked = [("", n) for n in range(12)] + [("segfault", 99)]
    answers = in_threads(lambda each: ask(lone, "/again", how=each[0], n=each[1]), asked)
    assert [answer.status_code for answer in answers] == [200] * 12 + [503]
    assert [answer.json() for answer in answers[:12]] == list(range(12))
    assert notes(lone).count("again 99") == 2


def test_whoever_comes_while_there_is_no_service_waits_for_it_and_readyz_says_why(
    unstable, servers
):
    again = "while NOTES.exists() and not NOTES.with_name('go').exists(): time.sleep(0.01)"
    bundle = unstable(SOURCE.replace('note("begun")', again + '\n        note("begun")'))
    server = servers.start(bundle)
    os.kill(processes(server)[1], signal.SIGSEGV)
    # Its front notices before the supervisor has told it of what it died.
    why = "the service was killed by SIGSEGV and is being started again"
    wait_until(lambda: readiness(server) == (503, why))
    assert server.get("/livez").status_code == 200
    threading.Timer(0.2, (bundle / "src" / "go").touch).start()
    assert ask(server, "/sync", how="", n=3).json() == 3
    assert readiness(server) == (200, None)


def test_readyz_says_why_where_what_the_service_had_started_outlives_it(unstable, servers):
    """The end of a stream is not heard as long as a fork has it, too; nor while the front hangs."""
    begin = (
        "keeper = os.fork()\n"
        "        if not keeper:\n"
        "            signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "            while NOTES.parent.exists(): time.sleep(0.1)\n"
        "            os._exit(0)\n"
        "        while NOTES.exists() and not NOTES.with_name('go').exists(): time.sleep(0.01)\n"
        '        note("begun")'
    )
    bundle = unstable(SOURCE.replace('note("begun")', begin))
    server = servers.start(bundle)
    os.kill(processes(server)[1], signal.SIGSEGV)
    why = "the service was killed by SIGSEGV and is being started again"
    wait_until(lambda: readiness(server) == (503, why))
    (bundle / "src" / "go").touch()
    assert ask(server, "/sync", how="", n=3).json() == 3
    assert readiness(server) == (200, None)


def test_calls_that_a_blocked_service_had_not_taken_up_are_answered_by_the_next(lone, in_threads):
    ask(lone, "/sync", how="", n=1)
    _, service = processes(lone)

    def work(number):
        if number < 0:
            wait_until(lambda: lone.in_flight() == 6)
            return os.kill(service, signal.SIGKILL)
        if number == 0:
            return ask(lone, "/block", seconds=60)
        wait_until(lambda: "blocked" in notes(lone))
        return ask(lone, "/sync", how="", n=number)

    _, blocked, *others = in_threads(work, range(-1, 6))
    assert blocked.status_code == 503
    assert [each.json() for each in others] == [1, 2, 3, 4, 5]


def test_whatever_a_method_raises_is_the_failure_of_one_request(lone):
    service = ask(lone, "/pid").json()
    for how in ("SystemExit", "KeyboardInterrupt", "StopIteration"):
        for path in ("/sync", "/later"):
            assert ask(lone, path, how=how).status_code == 500
    assert ask(lone, "/pid").json() == service


def test_a_client_that_leaves_frees_its_place_in_the_service(lone):
    body = b'{"seconds": 60}'
    with lone.connect() as sock:
        sock.sendall(
            b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        wait_until(lambda: "waits" in notes(lone))
    wait_until(lambda: "canceled" in notes(lone))


def test_a_call_past_its_deadline_is_a_504_and_costs_nobody_else_anything(hasty):
    _, service = processes(hasty)

    def is_canceled():
        assert ask(hasty, "/wait", seconds=20).status_code == 504
        return "canceled" in notes(hasty)

    wait_until(is_canceled)  # one that is late before it comes to the service is none of its own
    wait_until(lambda: ask(hasty, "/pid").json() == service)


def test_a_loop_that_does_not_turn_is_cut_and_replaced(hasty):
    _, service = processes(hasty)
    wait_until(lambda: ask(hasty, "/pid").json() == service)
    assert ask(hasty, "/block", seconds=60).status_code == 504
    wait_until(lambda: not alive(service))
    wait_until(lambda: ask(hasty, "/sync", how="", n=6).json() == 6)
    assert "its event loop has not turned" in hasty.log()


def test_a_loop_that_is_slow_is_left_alone(unstable, servers):
    server = servers.start(unstable(timeout=10.0))
    _, service = processes(server)
    assert ask(server, "/block", seconds=0.8).json() == 1
    assert ask(server, "/pid").json() == service


def test_threads_that_do_not_come_back_are_replaced_with_their_process(hasty, in_threads):
    _, service = processes(hasty)
    answers = in_threads(lambda _: ask(hasty, "/occupy", seconds=60).status_code, range(40))
    assert set(answers) == {504}
    wait_until(lambda: not alive(service))
    wait_until(lambda: ask(hasty, "/sync", how="", n=6).json() == 6)
    assert "`occupy` has not come back from its thread" in hasty.log()


def test_a_batch_that_hangs_is_cut_with_its_process(hasty):
    _, service = processes(hasty)
    wait_until(lambda: hasty.post([[1, 2]]).json() == {"predictions": [3.0]})
    assert hasty.post([[-5, 2]]).status_code == 504
    wait_until(lambda: not alive(service))
    wait_until(lambda: hasty.post([[1, 2]]).json() == {"predictions": [3.0]})


def test_a_stopped_process_is_cut_though_it_says_nothing(hasty):
    _, service = processes(hasty)
    os.kill(service, signal.SIGSTOP)
    assert ask(hasty, "/sync", how="", n=6).status_code == 504
    wait_until(lambda: not alive(service))
    wait_until(lambda: ask(hasty, "/sync", how="", n=6).json() == 6)


def test_streams_come_part_by_part_and_never_run_far_ahead(lone):
    with lone.client() as client:
        many = client.post("/count", json={"n": 2000})
        assert [json.loads(line) for line in many.text.splitlines()] == list(range(2000))
        with client.stream("POST", "/count", json={"n": 10**9}) as answer:
            first = next(answer.iter_lines())
            assert first == "0"
    wait_until(lambda: any(note.startswith("counted") for note in notes(lone)))


def test_a_stream_whose_service_dies_ends_with_an_error(lone):
    answer = ask(lone, "/count", n=9, die=4)
    assert answer.status_code == 200
    *lines, last = answer.text.splitlines()
    assert lines == ["0", "1", "2", "3"]
    assert json.loads(last) == {"error": "The service stopped while it worked on this request."}


@pytest.mark.parametrize("size", [0, 1, 65_000, 65_536, 70_000, 1 << 20, 12 << 20])
def test_bodies_of_any_size_arrive_whole(lone, size):
    body = bytes(range(251)) * (size // 251) + bytes(size % 251)
    headers = {"content-type": "application/octet-stream"}
    answer = httpx.post(
        lone.url + "/echo", content=body, headers=headers, timeout=90, trust_env=False, verify=False
    )
    assert answer.content == body[::-1]


def test_every_client_gets_its_own_answer_while_the_service_dies_again_and_again(lone, in_threads):
    """None is swapped, none is lost, no connection is reset, and only 503 may be in between."""
    numbers = count()

    def work(worker):
        found = []
        with lone.client() as client:
            for turn in range(20):
                n = next(numbers)
                deadly = worker % 8 == 0 and turn % 10 == 5
                path = ("/sync", "/later", "/again")[n % 3]
                how = ("segfault", "exit", "abort")[n % 3] if deadly else ""
                answer = client.post(path, json={"how": how, "n": n})
                found.append((deadly, answer.status_code, answer.json(), n))
        return found

    answers = [each for found in in_threads(work, range(32)) for each in found]
    assert len(answers) == 32 * 20
    assert {status for _, status, _, _ in answers} == {200, 503}
    assert all(got == n for _, status, got, n in answers if status == 200)
    assert all(status == 503 for deadly, status, _, _ in answers if deadly)
    wait_until(lambda: readiness(lone)[0] == 200)
    assert len(children(lone.process.pid)) == 2


def test_the_end_waits_for_what_runs_and_closes_the_service(own, in_threads):
    def work(number):
        if number:
            wait_until(lambda: "waits" in notes(own))
            return own.stop()
        return ask(own, "/wait", seconds=1).json()

    assert in_threads(work, range(2)) == [2, 0]
    assert notes(own) == ["begun", "waits", "closed"]


def test_a_signal_to_all_processes_at_once_loses_nothing(own, in_threads):
    def work(number):
        if number:
            wait_until(lambda: "waits" in notes(own))
            os.kill(processes(own)[1], signal.SIGTERM)
            return own.stop()
        return ask(own, "/wait", seconds=1).json()

    assert in_threads(work, range(2)) == [2, 0]
    assert "closed" in notes(own)


def test_a_restart_swaps_service_and_front(lone):
    """A stream that runs has told its client that the connection goes on, and so it does."""
    before = processes(lone)
    kept, streaming = (http.client.HTTPConnection("127.0.0.1", lone.port) for _ in range(2))

    def is_left():
        kept.request("GET", "/livez")
        answer = kept.getresponse()
        answer.read()
        return answer.will_close

    with contextlib.closing(kept), contextlib.closing(streaming):
        assert not is_left()
        streaming.request("POST", "/count", '{"n": 2, "hold": 1}')
        answer = streaming.getresponse()
        assert answer.readline() == b"0\n"
        os.kill(lone.process.pid, signal.SIGHUP)
        wait_until(is_left)
        lone.gate.touch()
        assert answer.read() == b"1\n"
        lone.close_gate()
        streaming.request("POST", "/sync", '{"how": "", "n": 5}')
        answer = streaming.getresponse()
        assert (answer.read(), answer.will_close) == (b"5", True)
    wait_until(lambda: not any(map(alive, before)) and len(children(lone.process.pid)) == 2)
    assert ask(lone, "/sync", how="", n=6).json() == 6
    assert notes(lone) == ["begun", "counted 1", "closed"], lone.log()


def test_each_of_several_fronts_has_a_service(unstable, servers):
    server = servers.start(unstable(), "--workers=2")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    assert len(children(server.process.pid)) == 4
    wait_until(lambda: len({ask(server, "/pid").json() for _ in range(40)}) == 2)


def test_with_threads_there_is_one_process(unstable, servers):
    server = servers.start(unstable(), "--isolation=thread")
    assert children(server.process.pid) == [ask(server, "/pid").json()]
    for _ in range(8):  # a worker of a pool may be ended as soon as it is forked
        assert ask(server, "/pooled", n=2).json() == [0, 1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("import time", "import tome", "`unstable` imports `tome`, which is not installed here."),
        ('mb.model("sums")', '{}["x"]', "`Unstable` cannot start: KeyError: 'x'."),
        ("NOTES =", "raise SystemExit(3)\nNOTES =", "Importing `unstable` failed: SystemExit: 3."),
        ('note("begun")', "os._exit(9)", "ended with exit code 9 while it was loading the bundle."),
    ],
)
@pytest.mark.parametrize("isolation", ["process", "thread"])
def test_what_keeps_a_service_from_starting_is_said_in_one_line(
    unstable, servers, old, new, said, isolation
):
    directory = unstable()
    path = directory / "src" / "unstable.py"
    path.write_text(path.read_text().replace(old, new))
    routes = read_service(directory / "src", "unstable:Unstable").routes
    write_bundle(directory, service="unstable:Unstable", routes=routes)
    server = servers.start(directory, f"--isolation={isolation}", wait=False)
    assert server.process.wait(90) == 1
    assert said in server.log()


def test_many_deaths_leave_no_process_and_no_descriptor(lone):
    front, service = processes(lone)
    assert ask(lone, "/sync", how="", n=1).json() == 1
    assert ask(lone, "/pooled", n=2).json() == [0, 1]
    before = descriptors(front)
    for number in range(5):
        os.kill(processes(lone)[1], signal.SIGKILL)
        wait_until(lambda gone=service: not alive(gone))
        assert ask(lone, "/sync", how="", n=number).json() == number
        service = processes(lone)[1]
    wait_until(lambda: descriptors(front) <= before + 1)  # the client's connection
    assert len(children(lone.process.pid)) == 2


def test_a_service_that_cannot_use_its_gpu_any_more_is_replaced(lone):
    before = ask(lone, "/pid").json()
    assert ask(lone, "/later", how="lose the GPU").status_code == 500
    assert ask(lone, "/later", how="go on", n=3).status_code in {200, 503}
    wait_until(lambda: ask(lone, "/pid").json() not in {before, None})
    assert "cannot use its GPU any more" in lone.log()


def test_each_gpu_has_a_front_and_a_service_that_sees_it_alone(unstable, servers, tmp_path):
    said = "".join(
        f"{index}, NVIDIA H200, 9.0, 143771, 550.54.15, GPU-{index}\n" for index in (0, 3)
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "nvidia-smi").write_text(f"#!/bin/sh\ncat <<END\n{said}END\n")
    (tools / "nvidia-smi").chmod(0o755)
    source = SOURCE.replace("return os.getpid()", 'return int(os.environ["CUDA_VISIBLE_DEVICES"])')
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    server = servers.start(unstable(source), "--gpu", env={"PATH": path})
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    assert len(children(server.process.pid)) == 4
    wait_until(lambda: {ask(server, "/pid").json() for _ in range(40)} == {0, 3})
