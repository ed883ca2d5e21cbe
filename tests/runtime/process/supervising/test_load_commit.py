"""A model comes in all fronts or in none, and goes with its processes, whoever fails in between."""

import json
import os
import signal
import time

import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.models.state import CANNOT_LOAD, UNAWAITED, UNLOADED
from modelbundle.runtime.process.crew.crew import FrontSlot
from modelbundle.runtime.process.supervising import replacement, supervisor
from modelbundle.runtime.process.supervising.load_coordinator import LoadCoordinator
from modelbundle.runtime.process.supervising.model_status import LoadRequest, ModelStatus

from ...conftest import wait_until
from ..watched import alive
from .loading_crew import Loading, die, fail_once, gone


@pytest.fixture
def statuses():
    """What the coordinator knows of the model, also once its server has ended."""
    return {}


@pytest.fixture
def play(tmp_path, monkeypatch, statuses):
    """What a script returns, in a server whose second front answers in this way."""
    monkeypatch.setattr(supervisor, "KILL_DELAY", 0.1)

    def run(script, state="READY", answers=None, **changes):
        statuses["m"] = ModelStatus(state)
        duties = Loading(tmp_path, script, statuses, answers)
        for name, value in changes.items():
            setattr(duties, name, value)
        assert supervisor.Supervisor(duties, grace=1).run() == 0
        return json.loads(duties.told.read_text())

    return run


@pytest.mark.parametrize("at_end", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_load_takes_the_place_of_what_was_there_in_all_fronts(play, at_end):
    """And of processes that do not end when they are told to."""

    def script(front):
        front.ask("load", 1)
        told = front.result(1)
        ended = gone(front.models(0))
        there = [alive(pid) for pid in front.models(1, 2)]
        return told, ended, there, front.names

    told, ended, there, names = play(script, at_end=at_end)
    assert told == ["READY", ""]
    assert (ended, there, names) == (2, [True, True], ["prepare", "commit"])


@pytest.mark.parametrize("fails", [fail_once, die])
@pytest.mark.parametrize("state", ["READY", "UNAVAILABLE"])
def test_what_one_front_cannot_load_no_front_keeps(play, state, fails):
    """What was there goes on; processes that were started for it end, and it can be tried again."""

    def script(front):
        front.ask("load", 1, replicas=2)
        told = front.result(1)
        old = [alive(pid) for pid in front.models(0)]
        front.ask("load", 2)
        again, started = front.result(2), front.models(2, 2)
        gone(front.models(1))
        return told[0], old.count(True), again, len(started), front.names

    told, old, again, started, names = play(script, state, {"prepare": fails})
    assert told == "FAILED"
    if state == "READY":
        assert old >= 1, "that of this front, whatever became of the other"
    assert again == ["READY", ""]
    assert started == 2, "one for each front, as before"
    assert names == ["prepare", "abort", "prepare", "commit"]


def prepare_and_die(front, event):
    front.report(event, "prepared")
    front.ask("prefer", 9)
    front.until("result")  # so that the report was read
    os._exit(3)


def test_a_front_that_dies_once_it_has_loaded_a_model_ends_the_load_for_all(play):
    """Its successor knows nothing of that load, and could not switch to it."""

    def script(front):
        front.ask("load", 1)
        front.until("prepare")
        front.until("abort")
        told = front.result(1)
        front.ask("load", 2)
        return told, front.result(2), front.names

    told, again, names = play(script, answers={"prepare": prepare_and_die})
    assert told == ["FAILED", "a process of the server died meanwhile"]
    assert again == ["READY", ""]
    assert names == ["prepare", "abort", "prepare", "commit"]


def test_who_follows_a_front_that_dies_while_all_switch_has_the_model(play, statuses, tmp_path):
    """It is forked while the others have not switched, and is not told to load what it lacks."""
    known = tmp_path / "known"

    def begin(_):
        with known.open("a") as file:
            file.write(f"{statuses['m'].state}\n")

    def script(front):
        front.ask("load", 1)
        event = front.until("commit")
        wait_until(lambda: known.read_text().count("\n") == 3)
        front.report(event, "committed")
        return front.result(1)

    told = play(script, "UNAVAILABLE", answers={"commit": die}, begin=begin)
    assert told == ["READY", ""]
    assert known.read_text().split() == ["UNAVAILABLE", "UNAVAILABLE", "READY"]


def test_a_front_that_dies_while_all_switch_keeps_nobody_waiting(play):
    def script(front):
        front.ask("load", 1)
        return front.result(1), gone(front.models(0)), front.names

    told, ended, names = play(script, answers={"commit": die})
    assert told == ["READY", ""]
    assert (ended, names) == (2, ["prepare", "commit"])


def test_a_front_that_dies_while_a_model_goes_keeps_nobody_waiting(play):
    def script(front):
        front.ask("unload", 1)
        return front.result(1), gone(front.models(0)), front.names

    told, ended, names = play(script, answers={"unload": die})
    assert told[0] == "UNAVAILABLE"
    assert (ended, names) == (2, ["unload"])


def test_changes_come_one_after_the_other_and_who_wants_the_same_is_told_the_same(play):
    def script(front):
        front.answers = {"unload": lambda *_: None}
        front.ask("unload", 1)
        front.ask("unload", 2)
        front.ask("load", 3)
        event = front.until("unload")
        front.ask("load", 4)
        front.answers = {}
        front.report(event, "unloaded")
        results = [front.until("result")["request_id"] for _ in range(3)]
        results.append(front.until("result")["request_id"])
        return results, front.names, gone(front.models(0))

    results, names, ended = play(script)
    assert results == [1, 2, 3, 4]
    assert names == ["unload", "prepare", "commit", "prepare", "commit"]
    assert ended == 2


def test_what_was_there_answers_until_all_have_loaded_what_follows(play):
    def wait_for_other(front, event):
        front.until("nothing")

    def script(front):
        front.ask("load", 1)
        front.report(front.until("prepare"), "prepared")
        front.ask("prefer", 2)
        front.result(2)  # so that the report was read
        time.sleep(0.1)
        there = [alive(pid) for pid in front.models(0)]
        return there, front.names

    there, names = play(script, answers={"prepare": wait_for_other})
    assert (there, names) == ([True, True], ["prepare"])


def test_who_wants_more_processes_than_are_being_started_gets_them_after_that(play):
    def script(front):
        front.ask("load", 1)
        event = front.until("prepare")
        front.ask("load", 2, replicas=2)
        front.report(event, "prepared")
        return front.result(1), front.result(2), len(front.models(2, 4)), front.names

    first, second, started, names = play(script)
    assert (first, second, started) == (["READY", ""], ["READY", ""], 4)
    assert names == ["prepare", "commit", "prepare", "commit"]


def test_nothing_is_done_where_a_model_is_as_it_is_wanted(play):
    """A lazy one is asked for by every front whose client wants it; nobody waits for that."""

    def script(front):
        front.ask("load", UNAWAITED)
        front.ask("unload", 1)
        gone = front.result(1), list(front.names)
        front.ask("unload", 2)
        again, here = front.result(2), list(front.names)
        front.ask("load", UNAWAITED)
        front.until("commit")
        told = [each for each in front.heard if each["event"] == "model_state"]
        return gone, again, here, [(each["state"], each["why"]) for each in told]

    gone, again, names, told = play(script)
    assert gone == [["UNAVAILABLE", UNLOADED], ["unload"]]
    assert (again[0], names) == ("UNAVAILABLE", ["unload"])
    assert told == [["READY", ""], ["UNAVAILABLE", UNLOADED], ["UNAVAILABLE", UNLOADED]]


SILENT = {"prepare": lambda *_: None}


def cannot(slot):
    raise BundleError("The weights are damaged.")


@pytest.mark.parametrize(
    ("loads", "least", "most"), [(cannot, 1, 2), (lambda _: os._exit(9), 4, 6)]
)
def test_what_cannot_be_loaded_is_given_up_at_once_and_what_dies_after_three_tries(
    play, loads, least, most
):
    def script(front):
        front.answers = SILENT
        front.ask("load", 1)
        return front.result(1), len(front.models(1)), front.names

    told, begun, names = play(script, "UNAVAILABLE", answers=SILENT, loads=loads)
    assert told == ["FAILED", CANNOT_LOAD]
    assert least <= begun <= most
    assert names == ["prepare", "abort"]


def test_what_is_forgotten_is_no_default_and_who_waits_for_it_is_told():
    front, heard = FrontSlot(0, 0), []
    line = front.prepare().front
    line.on_event = heard.append
    status = ModelStatus("READY")
    status.queued.append(LoadRequest("load", front, 7))
    coordinator = LoadCoordinator({"m": status}, None, None)
    coordinator.preferred += ["n", "m"]
    coordinator.forget("m")
    coordinator.forget("m")
    assert coordinator.preferred == ["n"]
    assert line.read()
    assert [(each["request_id"], each["state"]) for each in heard] == [(7, "UNAVAILABLE")]
    front.close()


def test_a_load_is_given_up_for_who_wants_the_model_gone(play):
    def script(front):
        front.ask("load", 1)
        front.until("prepare")
        front.ask("unload", 2)
        return front.result(1), front.result(2), front.names, gone(front.models(1))

    first, second, names, _ = play(script)
    assert first[0] == "FAILED"
    assert second[0] == "UNAVAILABLE"
    assert names == ["prepare", "abort", "unload"]


def never(slot):
    time.sleep(3600)


@pytest.fixture
def never_late(monkeypatch):
    """Nobody is killed for being late, and a server that waits for that fails after a minute."""
    for module in (supervisor, replacement):
        monkeypatch.setattr(module, "KILL_DELAY", 3600)
    monkeypatch.setattr(supervisor, "KILL_AFTER", 3600)

    def fail(*_):
        raise AssertionError("the server does not end")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_what_is_still_loading_ends_as_soon_as_nobody_wants_it(play, never_late):
    def script(front):
        front.ask("load", 1)
        front.until("prepare")
        loading = front.models(1, 2)
        front.ask("unload", 2)
        return front.result(1)[0], front.result(2)[0], gone(loading)

    assert play(script, "UNAVAILABLE", loads=never) == ["FAILED", "UNAVAILABLE", 2]


def test_what_is_still_loading_ends_with_its_front(play, never_late):
    def script(front):
        front.ask("load", 1)
        front.until("prepare")
        return front.models(1, 2)

    loading = play(script, "UNAVAILABLE", loads=never)
    assert not any(alive(pid) for pid in loading)


def test_a_report_of_an_earlier_term_is_no_report(play):
    """A front that was slow reports on what was given up long ago."""

    def script(front):
        front.ask("load", 1)
        late = front.until("prepare")
        front.ask("unload", 2)
        results = [front.result(1)[0], front.result(2)[0]]
        front.ask("load", 3)
        event = front.until("prepare")
        front.report(late, "failed", "too late")
        front.report(event, "prepared")
        front.report(late, "committed")
        return results, front.result(3), front.names

    results, told, names = play(script)
    assert results == ["FAILED", "UNAVAILABLE"]
    assert told == ["READY", ""]
    assert names == ["prepare", "abort", "unload", "prepare", "commit"]


def test_who_is_being_relieved_is_refused_at_once_and_nothing_is_done(play, tmp_path, statuses):
    def script(front):
        if (tmp_path / "relieved").exists():  # it is of the second crew
            front.until("nothing")
        (tmp_path / "relieved").touch()
        os.kill(os.getppid(), signal.SIGHUP)
        front.until("leave")
        front.ask("load", 1)
        return front.result(1), front.names

    told, names = play(script)
    assert told == ["FAILED", "another process takes over"]
    assert names == []
    assert (statuses["m"].term, len(statuses["m"].queued)) == (0, 0)


def test_a_restart_begins_once_a_load_was_given_up(play, tmp_path):
    """Else the new fronts would have been started for another model than the old ones commit."""

    def script(front):
        if (tmp_path / "restarted").exists():  # it is of the second crew
            front.until("nothing")
        (tmp_path / "restarted").touch()
        front.ask("load", 1)
        front.until("prepare")
        os.kill(os.getppid(), signal.SIGHUP)
        told = front.result(1)
        front.until("leave")
        return told, front.names

    told, names = play(script)
    assert told == ["FAILED", "the server was restarted meanwhile"]
    assert names == ["prepare", "abort"]


def test_a_load_that_is_asked_for_while_another_crew_begins_is_for_that_crew(play, tmp_path):
    restarts, begins, goes = (tmp_path / name for name in ("restarts", "begins", "goes"))

    def begin(number):
        if number:
            begins.touch()
            wait_until(goes.exists)

    def script(front):
        if restarts.exists():
            front.until("nothing")
        restarts.touch()
        os.kill(os.getppid(), signal.SIGHUP)
        wait_until(begins.exists)
        front.ask("load", 1)
        front.ask("prefer", 2)
        heard = front.result(2)
        goes.touch()
        return heard, front.result(1), front.names, len(front.models(1, 2))

    heard, told, names, started = play(script, begin=begin)
    assert (heard, told) == (["READY", ""], ["READY", ""])
    assert names == []
    assert started == 2
