"""Fronts that say nothing any more, and those that only seem to."""

import ctypes
import faulthandler
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

from modelbundle.runtime.manifests.bundle_manifest import bundle_digest
from modelbundle.runtime.process.supervising.front_watchdog import is_debugged
from modelbundle.runtime.process.supervising.supervisor import Supervisor

from ...conftest import Running, free_port, is_ready, wait_until
from ..watched import alive, children
from .test_supervisor import Pretended

SILENCE = 0.6


class Line:
    """A front's end: answers what its supervisor asks, as long as it is read."""

    def __init__(self, post, *, is_debugged=False):
        self.answered = 0
        self._line = post.control.front
        self._line.on_event = self._hear
        self._is_debugged = is_debugged

    def _hear(self, event):
        if event["event"] == "ping":
            self._line.send("pong", is_debugged=self._is_debugged)
            self.answered += 1

    def read(self, until=lambda _: False):
        while not until(self):
            poll = select.poll()  # of any descriptor, however many there are
            poll.register(self._line, select.POLLIN)
            poll.poll(50)
            self._line.read()


def end():
    """Have the server end, and wait for it."""
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)


def supervise(front, silence=SILENCE):
    return Supervisor(Pretended(front), grace=1, silence=silence).run()


def test_a_front_that_is_stopped_is_replaced_and_the_log_says_why(caplog):
    def front(post, on_ready):
        line = Line(post)
        on_ready()
        line.read(until=lambda line: line.answered > 1)
        if post.generation == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        end()

    assert supervise(front) == 0
    assert "Worker 0 (pid " in caplog.text
    assert "is stopped: it is replaced" in caplog.text
    assert "was killed by SIGKILL (it had not answered its supervisor for 0.6 s)" in caplog.text


def test_a_front_that_hangs_with_the_lock_of_the_interpreter_says_where(caplog, capfd):
    def front(post, on_ready):
        faulthandler.enable(2, all_threads=False)
        line = Line(post)
        on_ready()
        line.read(until=lambda line: line.answered > 1)
        if post.generation == 1:
            hang_in_a_library()
        end()

    assert supervise(front) == 0
    assert "hangs: it is replaced" in caplog.text
    assert "was killed by SIGABRT (it had not answered" in caplog.text
    assert "in hang_in_a_library" in capfd.readouterr().err


def hang_in_a_library():
    ctypes.PyDLL(None).sleep(60)


def test_one_that_no_abort_ends_is_killed(monkeypatch, caplog):
    monkeypatch.setattr(
        "modelbundle.runtime.process.supervising.front_watchdog.DUMP_TIME", SILENCE / 2
    )

    def front(post, on_ready):
        line = Line(post)
        on_ready()
        line.read(until=lambda line: line.answered > 1)
        if post.generation == 1:
            signal.signal(signal.SIGABRT, signal.SIG_IGN)
            time.sleep(60)
        end()

    assert supervise(front) == 0
    assert "was killed by SIGKILL (it had not answered" in caplog.text
    assert caplog.text.count("it is replaced") == 1


@pytest.mark.parametrize("is_debugged", [False, True])
def test_who_loads_a_model_or_is_debugged_has_all_the_time(is_debugged, caplog):
    """Neither has said that it is ready, or that its loop turns but for a debugger."""

    def front(post, on_ready):
        line = Line(post, is_debugged=True)
        if is_debugged:
            on_ready()
            line.read(until=lambda line: line.answered > 1)
        time.sleep(4 * SILENCE)
        on_ready()
        end()

    assert supervise(front) == 0
    assert not any(record.levelno >= logging.ERROR for record in caplog.records)


def test_one_that_is_stopped_while_it_loads_is_no_load(caplog):
    def front(post, on_ready):
        if post.generation == 1:
            on_ready()
            os._exit(1)
        if post.generation == 2:
            os.kill(os.getpid(), signal.SIGSTOP)
        on_ready()
        end()

    assert supervise(front) == 0
    assert "is stopped: it is replaced" in caplog.text


def test_nobody_is_blamed_where_the_supervisor_did_not_run():
    """As on a machine that was suspended: the front did not answer, and was not asked."""

    def front(post, on_ready):
        line = Line(post)
        on_ready()
        line.read(until=lambda line: line.answered > 1)
        if post.generation > 1:
            os._exit(7)  # it was replaced
        for _ in range(2):
            os.kill(os.getppid(), signal.SIGSTOP)
            time.sleep(4 * SILENCE)
            os.kill(os.getppid(), signal.SIGCONT)
            before = line.answered
            line.read(until=lambda line: line.answered > before + 2)  # noqa: B023
        end()

    pid = os.fork()
    if pid == 0:
        try:
            code = supervise(front, 3 * SILENCE)  # a slow machine is no fault, either
        except BaseException:  # noqa: BLE001  the fork goes no further
            code = 99
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_debugger_of_python_is_seen():
    seen = []

    def traced():
        sys.settrace(lambda *_: None)
        seen.append(is_debugged())

    thread = threading.Thread(target=traced)
    thread.start()
    thread.join()
    assert seen == [True]


START = """
import sys
from modelbundle.runtime.process import starting
starting.SILENCE = 3.0
from modelbundle.runtime.server import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def impatient(sums, tmp_path):
    """A server of two fronts, which have three seconds."""
    bundle, port = sums(timeout=1.0), free_port()
    variables = os.environ | {"BUNDLE_TRUST": bundle_digest(bundle)}
    out, err = tmp_path / "out", tmp_path / "err"
    options = [bundle, f"--port={port}", "--workers=2", "--isolation=thread"]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", START, *options], stdout=stdout, stderr=stderr, env=variables
        )
    running = Running(process, port, out, err, bundle)
    wait_until(lambda: is_ready(running))
    yield running
    process.kill()
    process.wait()


def test_others_answer_while_one_is_stopped_and_until_there_is_another(impatient):
    wait_until(lambda: impatient.log().count("Loaded `sums`") == 2)
    first, second = children(impatient.process.pid)
    os.kill(first, signal.SIGSTOP)
    wait_until(lambda: not alive(first))
    wait_until(lambda: len(children(impatient.process.pid)) == 2)
    assert second in children(impatient.process.pid)
    assert f"(pid {first}) is stopped: it is replaced" in impatient.log()
    wait_until(lambda: impatient.log().count("Loaded `sums`") == 3)
    for _ in range(10):
        assert impatient.post([[1, 2]]).status_code == 200
