"""How a process ended, in words."""

import os
import signal

import pytest

from modelbundle.runtime.process.crew.exit_report import ExitReport


def status(how):
    pid = os.fork()
    if not pid:
        how()
        os._exit(3)
    return os.waitpid(pid, 0)[1]


def killed_by(number):
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (lambda: None, "ended with exit code 3"),
        (killed_by(signal.SIGTERM), "was killed by SIGTERM"),
        (killed_by(signal.SIGKILL), "was killed by SIGKILL"),
        (killed_by(signal.SIGRTMIN + 3), "was killed by signal 37"),
    ],
)
def test_a_wait_status_is_told_in_words(how, why):
    assert ExitReport.of(status(how), "").why == why


def test_a_victim_of_the_kernel_died_of_memory():
    found = ExitReport.of(status(killed_by(signal.SIGKILL)), "a\nb", is_out_of_memory=True)
    assert "out of memory" in found.why
    assert found.told == " Its last words:\na\nb"


def test_memory_is_no_reason_for_another_signal():
    found = ExitReport.of(int(signal.SIGSEGV), "", is_out_of_memory=True)
    assert found.why == "was killed by SIGSEGV"
    assert not found.told
