"""The command that is asked for models."""

import os
import select

from modelbundle.runtime.process.crew.watch import Watch
from modelbundle.runtime.process.supervising.resolver import Resolver


def test_whom_the_command_has_started_ends_with_it(tmp_path):
    """They have its pipe: whoever waits for the answer would wait for them."""
    started = tmp_path / "started"
    os.mkfifo(started)
    script = f"sleep 1000 & echo $! > {started}; wait"
    resolver = Resolver(("/bin/sh", "-c", script), tmp_path)
    answers = []
    with Watch(()) as watch:
        question = resolver.ask("name", watch, answers.append)
        sleeper = int(started.read_text())
        pidfd = os.pidfd_open(sleeper)
        question.give_up()
        try:
            poll = select.poll()  # of any descriptor, however many there are
            poll.register(pidfd, select.POLLIN)
            assert poll.poll(90_000), "it has ended"
        finally:
            os.close(pidfd)
            os.waitpid(question._pid, 0)
        while not answers:
            watch.wait()
    assert answers[0]["refused"] == "failed"


def test_a_command_has_its_own_variables_and_nothing_else_of_the_servers_changes(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("TAKEN", "1")
    variables = Resolver(("/bin/true",), tmp_path, {"TAKEN": None, "OWN": "2"}).environment()
    assert (variables["KEPT"], variables["OWN"]) == ("1", "2")
    assert "TAKEN" not in variables
