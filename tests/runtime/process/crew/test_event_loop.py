"""What a supervisor waits for."""

import os
import signal
from pathlib import Path

import pytest

from modelbundle.runtime.process.crew.control import ControlPair
from modelbundle.runtime.process.crew.event_loop import EventLoop
from modelbundle.runtime.process.crew.output_pipe import OutputPipe


@pytest.fixture
def loop():
    with EventLoop((signal.SIGUSR2,)) as loop:
        yield loop


def test_a_signal_is_told_once(loop):
    os.kill(os.getpid(), signal.SIGUSR2)
    assert loop.wait() == [signal.SIGUSR2]
    loop.later(0.0, lambda: None)
    assert loop.wait() == []


def test_a_noted_signal_does_not_wait(loop):
    late = []
    loop.later(0.2, lambda: late.append(1))
    loop.add_signal(signal.SIGTERM)
    assert loop.wait() == [signal.SIGTERM]
    assert not late


def test_times_come_in_their_order(loop):
    called = []
    loop.later(0.02, lambda: called.append("late"))
    loop.later(0.01, lambda: called.append("early"))
    while len(called) < 2:
        loop.wait()
    assert called == ["early", "late"]


def test_who_has_nothing_more_to_say_is_not_asked_again(loop):
    reader, writer = os.pipe()
    heard = []

    def hear():
        heard.append(os.read(reader, 10))
        return bool(heard[-1])

    loop.register(reader, hear)
    os.write(writer, b"a")
    loop.wait()
    os.close(writer)
    loop.wait()
    loop.later(0.0, lambda: None)
    loop.wait()
    assert heard == [b"a", b""]
    loop.unregister(reader)  # harmless
    os.close(reader)


def test_who_was_given_up_by_another_is_not_heard_at_the_same_time(loop):
    pipes, heard = [os.pipe(), os.pipe()], []

    def hear(own, other):
        heard.append(own)
        os.read(pipes[own][0], 10)
        loop.unregister(pipes[other][0])
        os.close(pipes[other][0])
        return True

    for own, other in ((0, 1), (1, 0)):
        loop.register(pipes[own][0], lambda own=own, other=other: hear(own, other))
        os.write(pipes[own][1], b"a")
    loop.wait()
    assert len(heard) == 1
    loop.unregister(pipes[heard[0]][0])
    for descriptor in (pipes[heard[0]][0], pipes[0][1], pipes[1][1]):
        os.close(descriptor)


def test_who_has_ended_is_not_told_of_again_though_a_fork_has_the_pipe_too(loop):
    """A closed descriptor whose copy is open elsewhere would wake it for ever."""
    heard = []
    pipe = OutputPipe(heard.append)
    copy = os.dup(pipe.reader)  # what a fork has that has not run yet
    loop.register(pipe.reader, pipe.read)
    os.write(pipe.writer, b"a")
    loop.wait()
    os.close(pipe.writer)
    loop.wait()
    pipe.close()
    rounds, is_over = 0, []
    loop.later(0.1, lambda: is_over.append(True))
    while not is_over:
        loop.wait()
        rounds += 1
    assert heard == [b"a"]
    assert rounds <= 2, "nothing but the time that has come"
    os.close(copy)


def test_a_socket_that_is_closed_is_not_heard(loop):
    loop.unregister(-1)


def test_handlers_are_as_before_at_the_end():
    before = signal.getsignal(signal.SIGUSR2), signal.getsignal(signal.SIGCHLD)
    with EventLoop((signal.SIGUSR2,)):
        assert signal.getsignal(signal.SIGUSR2) != before[0]
    assert (signal.getsignal(signal.SIGUSR2), signal.getsignal(signal.SIGCHLD)) == before


def test_what_did_not_fit_is_written_once_there_is_room(loop):
    """And nobody is woken for room that is not needed."""
    control = ControlPair()
    line, heard = control.supervisor, []
    control.front.on_event = lambda event: heard.append(event["number"])
    loop.register(line.fileno(), line.read)
    flushed = []
    line.on_full = lambda: loop.write(line.fileno(), lambda: flushed.append(1) or line.flush())
    for number in range(5000):
        line.send("process_started", number=number)
    assert not flushed
    while len(heard) < 5000:
        control.front.read()
        loop.later(0.0, lambda: None)
        loop.wait()
    assert heard == list(range(5000))
    count = len(flushed)
    woken = []
    loop.later(0.05, lambda: woken.append(1))
    loop.wait()
    assert woken, "by nothing else before"
    assert len(flushed) == count
    control.front.close()
    loop.wait()
    loop.write(line.fileno(), line.flush)
    control.close()


def test_nobody_is_told_where_nothing_is_heard_any_more(loop):
    reader, writer = os.pipe()
    loop.write(writer, lambda: pytest.fail("It is nobody's."))
    loop.later(0.0, lambda: None)
    loop.wait()
    os.close(reader)
    os.close(writer)


def test_the_end_of_a_child_wakes_it_though_nothing_else_tells_of_that(loop):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    late = []
    loop.later(60.0, lambda: late.append(1))
    os.close(writer)
    assert loop.wait() == []
    assert not late
    assert os.waitpid(pid, 0) == (pid, 0)


def test_a_signal_that_somebody_has_blocked_before_is_told():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    with EventLoop((signal.SIGUSR2,)) as loop:
        os.kill(os.getpid(), signal.SIGUSR2)
        assert loop.wait() == [signal.SIGUSR2]


def test_nothing_is_left_open_at_the_end_and_signals_wake_whom_they_woke_before():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = descriptors()
    first = signal.set_wakeup_fd(writer)
    with EventLoop((signal.SIGUSR2,)):
        assert len(descriptors()) > len(before)
    assert signal.set_wakeup_fd(first) == writer
    assert descriptors() == before
    os.close(reader)
    os.close(writer)


def descriptors():
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_who_takes_over_the_number_of_one_who_ends_is_heard(loop):
    """A process that dies is replaced while its last words are read."""
    reader, writer = os.pipe()
    successor, heard = [], []

    def end():
        loop.unregister(reader)
        os.close(reader)
        again, other = os.pipe()
        assert again == reader
        successor.extend([again, other])
        loop.register(again, lambda: heard.append(os.read(again, 1)) or True)
        return False

    loop.register(reader, end)
    os.write(writer, b"a")
    loop.wait()
    os.write(successor[1], b"b")
    loop.later(0.0, lambda: None)
    loop.wait()
    assert heard == [b"b"]
    loop.unregister(successor[0])
    for each in (writer, *successor):
        os.close(each)


def test_one_who_ends_while_it_is_written_to_harms_nobody(loop):
    control = ControlPair()
    number = control.supervisor.fileno()

    def flush():
        loop.unregister(number)
        return True

    loop.register(number, control.supervisor.read)
    loop.write(number, flush)
    loop.wait()
    loop.later(0.0, lambda: None)
    assert loop.wait() == []
    control.close()
