"""The command that is asked for models."""

import os
import select

import pytest

from modelbundle.runtime.process.crew.event_loop import EventLoop
from modelbundle.runtime.process.supervising.resolver import Resolver


def test_whom_the_command_has_started_ends_with_it(tmp_path):
    """They have its pipe: whoever waits for the answer would wait for them."""
    started = tmp_path / "started"
    os.mkfifo(started)
    script = f"sleep 1000 & echo $! > {started}; wait"
    resolver = Resolver(("/bin/sh", "-c", script), tmp_path)
    answers = []
    with EventLoop(()) as loop:
        lookup = resolver.look_up("name", loop, answers.append)
        sleeper = int(started.read_text())
        pidfd = os.pidfd_open(sleeper)
        lookup.cancel()
        try:
            poll = select.poll()  # of any descriptor, however many there are
            poll.register(pidfd, select.POLLIN)
            assert poll.poll(90_000), "it has ended"
        finally:
            os.close(pidfd)
            os.waitpid(lookup._pid, 0)
        while not answers:
            loop.wait()
    assert answers[0]["refused"] == "failed"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ('{"entry": 1, "directory": "d"}', {"entry": 1, "directory": "d"}),
        ('{"refused": "unknown", "why": "w"}', {"refused": "unknown", "why": "w"}),
        ('{"entry": 1}', None),
        ('{"refused": "unknown"}', None),
        ("{}", None),
        ("[]", None),
        ("3", None),
        ("", None),
        ("not JSON", None),
        ('{"refused": "unknown", "why": "' + "x" * (1 << 20) + '"}', None),
    ],
)
def test_an_answer_is_one_of_two_or_none(tmp_path, said, answer):
    """Nothing of the command stays, whatever it says; it has nothing of ours to read from."""
    (tmp_path / "said").write_text(said)
    resolver = Resolver(("/bin/sh", "-c", f"cat - {tmp_path}/said; test $0 = iris"), tmp_path)
    answers = []
    with EventLoop(()) as loop:
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        lookup = resolver.look_up("iris", loop, answers.append)
        while not answers:
            loop.wait()
        _, status = os.waitpid(lookup._pid, 0)
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    if answer is None:
        assert (answers[0]["refused"], answers[0].keys()) == ("failed", {"refused", "why"})
    else:
        assert answers == [answer]
        assert status == 0
    lookup.cancel()  # it has ended: nobody else is ended in its place


def test_a_command_has_its_own_variables_and_nothing_else_of_the_servers_changes(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("TAKEN", "1")
    variables = Resolver(("/bin/true",), tmp_path, {"TAKEN": None, "OWN": "2"}).environment()
    assert (variables["KEPT"], variables["OWN"]) == ("1", "2")
    assert "TAKEN" not in variables
