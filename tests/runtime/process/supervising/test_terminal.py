"""A terminal that was closed, and a signal that somebody sent."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from modelbundle.runtime.process.supervising.terminal import Terminal

PROGRAM = """
import signal, sys, time
from modelbundle.runtime.process.supervising.terminal import Terminal
terminal = Terminal()
path = sys.argv[1]
def tell(*_):
    open(path, "a").write(f"{terminal.was_there} {terminal.is_gone} {terminal.ends_us}\\n")
signal.signal(signal.SIGHUP, tell)
open(path, "w").write("started\\n")
time.sleep(60)
"""


@pytest.fixture
def at_terminal(tmp_path, request):
    """A process with a terminal of its own, whose other end we hold; of any way with SIGHUP."""
    said = tmp_path / "said"
    pid, end = pty.fork()
    if not pid:
        signal.signal(signal.SIGHUP, getattr(request, "param", signal.SIG_DFL))
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM, str(said)])
    wait_for(said, 1)
    yield pid, end, said
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def wait_for(path, lines):
    deadline = time.monotonic() + 90
    while not path.is_file() or len(path.read_text().splitlines()) < lines:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text().splitlines()


def test_a_signal_that_was_sent_leaves_the_terminal_there(at_terminal):
    pid, end, said = at_terminal
    os.kill(pid, signal.SIGHUP)
    assert wait_for(said, 2)[1] == "True False False"
    os.close(end)


def test_a_closed_terminal_is_gone(at_terminal):
    _, end, said = at_terminal
    os.close(end)
    assert wait_for(said, 2)[1] == "True True True"


@pytest.mark.parametrize("at_terminal", [signal.SIG_IGN], indirect=True)
def test_who_was_told_to_survive_that_does(at_terminal):
    """As `nohup` tells a process that it starts."""
    _, end, said = at_terminal
    os.close(end)
    assert wait_for(said, 2)[1] == "True True False"


def test_without_one_none_can_be_gone():
    program = "from modelbundle.runtime.process.supervising.terminal import Terminal; print(Terminal().is_gone)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
    assert isinstance(Terminal().was_there, bool)
