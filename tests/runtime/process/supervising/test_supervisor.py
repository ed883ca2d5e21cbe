"""Processes of one server: what becomes of all when one of them dies, or a signal comes."""

import errno
import os
import select
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.process.crew.crew import Crew, FrontSlot
from modelbundle.runtime.process.supervising.load_coordinator import LoadCoordinator
from modelbundle.runtime.process.supervising.supervisor import Supervisor

from ...conftest import wait_until
from ..watched import alive, children, metric, readiness


@pytest.fixture
def pair(sums, servers):
    server = servers.start(sums(), "--workers=2", "--isolation=thread")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    return server


def test_any_worker_tells_the_numbers_of_all(pair, in_threads):
    answers = in_threads(lambda number: pair.post([[number, 1]]).json(), range(40))
    assert answers == [{"predictions": [number + 1.0]} for number in range(40)]
    name = 'bundle_requests_total{route="/predict",status="200"}'
    assert {metric(pair, name) for _ in range(20)} == {40.0}


def test_a_killed_worker_is_replaced_and_the_log_says_why(pair):
    first, second = children(pair.process.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(
        lambda: len(children(pair.process.pid)) == 2 and first not in children(pair.process.pid)
    )
    wait_until(lambda: metric(pair, "bundle_ready_workers") == 2)
    assert second in children(pair.process.pid)
    assert f"(pid {first}) was killed by SIGKILL" in pair.log()
    assert metric(pair, "bundle_worker_restarts_total") == 1
    assert pair.post([[1, 2]]).status_code == 200


def test_a_model_that_aborts_takes_one_worker_with_it(pair):
    with pytest.raises(httpx.TransportError):
        pair.post([[-3, 0]])
    assert pair.post([[1, 2]]).status_code == 200
    wait_until(lambda: metric(pair, "bundle_ready_workers") == 2)
    exit_report = next(line for line in pair.log().splitlines() if "was killed by SIGABRT" in line)
    assert "Its last words" in exit_report
    assert "Fatal Python error: Aborted" in exit_report


def test_a_worker_that_loads_leaves_the_requests_to_those_that_are_ready(
    make_bundle, slow, servers
):
    server = servers.start(make_bundle(slow), "--workers=2", "--isolation=thread", wait=False)
    server.gate.touch()
    servers.await_ready(server)
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    server.gate.unlink()
    os.kill(children(server.process.pid)[0], signal.SIGKILL)
    wait_until(lambda: metric(server, "bundle_ready_workers") == 1)
    statuses = set()
    with server.client(headers={"connection": "close"}) as client:
        for _ in range(40):
            statuses.add(client.post("/predict", json={"instances": [[1, 2]]}).status_code)
            statuses.add(client.get("/readyz").status_code)
        assert metric(server, "bundle_ready_workers") == 1
        server.gate.touch()
        while metric(server, "bundle_ready_workers") == 1:
            statuses.add(client.get("/readyz").status_code)
    assert statuses == {200}


def test_a_worker_that_is_told_to_go_closes_the_door_for_itself_only(pair):
    first, second = children(pair.process.pid)
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: first not in children(pair.process.pid))
    for _ in range(20):
        assert pair.post([[1, 2]]).status_code == 200
    assert second in children(pair.process.pid)


def test_sigterm_drains_all_of_them(pair):
    with pair.holding(4) as answers:
        pair.process.send_signal(signal.SIGTERM)
        wait_until(lambda: readiness(pair) == (503, "draining"))
    assert pair.process.wait(90) == 0
    assert [answer.status_code for answer in answers] == [200] * 4
    assert "Traceback" not in pair.log()


def test_ctrl_c_at_a_terminal_reaches_everybody_and_is_130(pair):
    for pid in (pair.process.pid, *children(pair.process.pid)):
        os.kill(pid, signal.SIGINT)
    assert pair.process.wait(90) == 130
    assert "Traceback" not in pair.log()


def test_workers_end_with_their_supervisor(pair):
    orphans = children(pair.process.pid)
    pair.process.kill()
    wait_until(lambda: not any(alive(pid) for pid in orphans))


class Pretended:
    """Duties of processes that serve nobody: `front` is what one does."""

    has_predecessor = is_replaceable = False

    def __init__(self, front, fronts=1):
        self.work = front
        self.fronts = fronts

    def coordinator(self, supervision):
        return LoadCoordinator({}, self, supervision)

    def new_crew(self, number):
        return Crew([FrontSlot(index, index) for index in range(self.fronts)])

    def front(self, post, on_ready):
        return self.work(post, on_ready)

    def crew_ready(self, *_):
        pass

    process_died = process_ready = process_ended = front_finished = handed_over = crew_ready

    def check_load(self, crew):
        return False

    def refuse_connections(self):
        pass


def supervise(front, fronts=1):
    return Supervisor(Pretended(front, fronts), grace=1).run()


def test_a_process_that_dies_while_it_loads_is_the_end_not_a_loop():
    def front(post, on_ready):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(BundleError, match=r"was killed by SIGKILL.* while it was loading"):
        supervise(front, 2)


def test_what_keeps_a_process_from_starting_is_said_once_with_its_exit_code():
    def front(post, on_ready):
        error = BundleError("No such thing.", hint="Make one.")
        error.exit_code = 7
        raise error

    with pytest.raises(BundleError) as caught:
        supervise(front, 3)
    assert (str(caught.value), caught.value.hint, caught.value.exit_code) == (
        "No such thing.",
        "Make one.",
        7,
    )


def test_fronts_that_keep_dying_are_given_up(monkeypatch):
    monkeypatch.setattr("modelbundle.runtime.process.crew.crew.FIRST_DELAY", 0.001)

    def front(post, on_ready):
        on_ready()
        time.sleep(0.05)
        os._exit(3)

    with pytest.raises(BundleError, match="keep dying: the last one ended with exit code 3"):
        supervise(front)


def test_fronts_that_were_of_use_are_not_given_up_however_often_they_die(monkeypatch):
    """Whatever kills them, they answer in between: without them nobody would."""
    monkeypatch.setattr(
        "modelbundle.runtime.process.supervising.replacement.MOST_USELESS_FRONTS", 2
    )
    monkeypatch.setattr("modelbundle.runtime.process.crew.crew.SERVED", 0.1)

    def front(post, on_ready):
        on_ready()
        if post.generation == 6:
            os.kill(os.getppid(), signal.SIGTERM)
            time.sleep(30)
        time.sleep(0.3)
        os._exit(3)

    assert supervise(front) == 0


class Growing(Pretended):
    """Duties that want another crew whenever a front says what its batches cost."""

    def __init__(self, front):
        super().__init__(front)
        self.made = 0

    def new_crew(self, number):
        self.made += 1
        return super().new_crew(number)

    def handle(self, front, event):
        return event["event"] == "costs"


@pytest.mark.parametrize("is_leaving", [False, True])
def test_who_wants_a_larger_crew_while_another_takes_over_gets_it_after_that(is_leaving):
    """Else the server would never grow: its size is settled once it was measured."""
    is_left = []
    begun, sent = os.pipe(), os.pipe()

    def front(post, on_ready):
        line, number = post.control.front, duties.made
        line.on_event = lambda event: is_left.append(event["event"] == "leave")
        if number == 2 and not is_leaving:
            os.write(begun[1], b".")
            os.read(sent[0], 1)
        on_ready()
        if number == 1:
            line.send("costs")
        if number == 1 and not is_leaving:
            os.read(begun[0], 1)
            line.send("costs")
            os.write(sent[1], b".")
        if number < 3:
            while not any(is_left) and select.select([line], [], [], 30)[0]:
                line.read()
        if number == 1 and is_leaving:
            line.send("costs")
        if number == 3 or not any(is_left):
            os.kill(os.getppid(), signal.SIGTERM)
            time.sleep(60)  # until it is passed on
        return 0

    duties = Growing(front)
    assert Supervisor(duties, grace=1).run() == 0
    assert duties.made == 3
    for each in (*begun, *sent):
        os.close(each)


class Counting(Pretended):
    """Duties that count their crews."""

    made = 0

    def new_crew(self, number):
        self.made += 1
        return super().new_crew(number)


def test_a_crew_that_does_not_leave_is_killed(monkeypatch, tmp_path):
    monkeypatch.setattr("modelbundle.runtime.process.supervising.supervisor.IDLE_GRACE", 0.1)
    stays = tmp_path / "stays"

    def front(post, on_ready):
        on_ready()
        if duties.made == 1:
            stays.write_text(str(os.getpid()))
            os.kill(os.getppid(), signal.SIGHUP)
        else:
            wait_until(lambda: not alive(int(stays.read_text())))
            os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(60)

    duties = Counting(front)
    assert Supervisor(duties, grace=0.1).run() == 0
    assert duties.made == 2


def test_who_does_not_end_in_time_is_killed(monkeypatch):
    monkeypatch.setattr("modelbundle.runtime.process.supervising.supervisor.KILL_AFTER", 0.1)

    def front(post, on_ready):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        on_ready()
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(1000)

    assert Supervisor(Pretended(front), grace=0.1).run() == 0


def test_no_crew_begins_while_the_server_ends():
    def front(post, on_ready):
        def go(*_):
            os.kill(os.getppid(), signal.SIGHUP)
            time.sleep(0.2)
            os._exit(0)

        signal.signal(signal.SIGTERM, go)
        on_ready()
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(60)

    duties = Counting(front)
    assert Supervisor(duties, grace=30).run() == 0
    assert duties.made == 1


def test_it_leaves_signal_handlers_as_it_found_them():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(BundleError):
        supervise(lambda post, on_ready: os._exit(1))
    assert signal.getsignal(signal.SIGTERM) == before


LACKING = {
    "a process": (os, "fork", BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")),
    "a line": (socket, "socketpair", OSError(errno.EMFILE, "Too many open files")),
}


@pytest.mark.parametrize("what", LACKING)
def test_what_there_is_no_room_for_is_tried_again_once_a_front_has_served(monkeypatch, what):
    module, name, error = LACKING[what]
    make, made, refused = getattr(module, name), [], []

    def front(post, on_ready):
        on_ready()
        if post.generation == 1:
            time.sleep(0.1)
            os._exit(1)
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(30)

    def limited(*arguments):
        if made and len(refused) < 3:
            refused.append(1)
            raise error
        made.append(1)
        return make(*arguments)

    monkeypatch.setattr(module, name, limited)
    assert supervise(front) == 0
    assert len(refused) == 3


def test_without_room_for_the_first_process_it_says_so(monkeypatch):
    def refuse():
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(BundleError, match="Worker 0 cannot be started: Resource temporarily"):
        supervise(lambda post, on_ready: 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
