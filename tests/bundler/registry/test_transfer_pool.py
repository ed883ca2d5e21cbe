"""TransferPool: a few threads, and one end for all."""

import signal
import sys
import threading
import time

import pytest

from modelbundle.bundler.registry.transfer_pool import SIZE, TransferPool


def test_every_thing_is_done_once():
    done = []
    TransferPool(done.append, lambda: None).run(range(100))
    assert sorted(done) == list(range(100))


def test_nothing_to_do_is_done():
    TransferPool(lambda _: None, lambda: None).run([])


def test_some_work_at_a_time():
    together = threading.Barrier(SIZE)
    TransferPool(lambda _: together.wait(90), lambda: None).run(range(SIZE))


def test_the_first_failure_ends_the_others():
    is_cut = threading.Event()

    def work(thing):
        if thing == 1:
            raise ValueError("first")
        is_cut.wait(90)

    with pytest.raises(ValueError, match="first"):
        TransferPool(work, is_cut.set).run(range(1000))
    assert is_cut.is_set()


def test_work_that_hangs_does_not_hold_up_the_failure():
    forever = threading.Event()

    def work(thing):
        if thing == 1:
            raise ValueError("first")
        forever.wait(60)

    with pytest.raises(ValueError, match="first"):
        TransferPool(work, lambda: None).run(range(4))
    forever.set()


def test_a_signal_that_another_thread_gets_is_noticed():
    """As if it came to the main thread just before it waits: nothing wakes that."""
    is_cut, was_cut, main = threading.Event(), [], threading.get_ident()

    def work(_):
        while sys._current_frames()[main].f_code.co_name != "wait":
            time.sleep(0.01)
        time.sleep(0.05)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)
        was_cut.append(is_cut.wait(20))

    before = signal.signal(signal.SIGUSR2, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            TransferPool(work, is_cut.set).run(["blob"])
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert was_cut == [True]
