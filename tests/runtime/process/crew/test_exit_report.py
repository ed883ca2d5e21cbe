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
    assert found.last_words == " Its last words:\na\nb"


def test_memory_is_no_reason_for_another_signal():
    found = ExitReport.of(int(signal.SIGSEGV), "", is_out_of_memory=True)
    assert found.why == "was killed by SIGSEGV"
    assert not found.last_words


@pytest.mark.parametrize(
    ("number", "is_out_of_memory", "reason", "cause"),
    [
        (0, False, "", "crash"),
        (signal.SIGSEGV, False, "", "crash"),
        (signal.SIGKILL, True, "", "memory"),
        (signal.SIGKILL, False, "it did not answer", "hang"),
        (signal.SIGKILL, True, "it did not answer", "memory"),
    ],
)
def test_the_metrics_have_three_causes(number, is_out_of_memory, reason, cause):
    found = ExitReport.of(int(number), "", is_out_of_memory=is_out_of_memory)
    assert found.because(reason).cause == cause


def test_who_was_ended_is_told_of_with_the_reason():
    found = ExitReport.of(int(signal.SIGABRT), "last words")
    told = found.because("it had not answered for 30 s")
    assert told.why == "was killed by SIGABRT (it had not answered for 30 s)"
    assert (told.code, told.words) == (-signal.SIGABRT, "last words")
    assert found.because("") == found


def test_an_exit_code_of_zero_is_one():
    assert ExitReport.of(0, "").why == "ended with exit code 0"
