"""Threads of an author's sync methods: who is given one, and who is told at once to come later."""

import threading
import time

import pytest

from modelbundle.runtime.errors import Overloaded
from modelbundle.runtime.services.threads import Threads


def test_a_call_that_would_be_too_late_is_refused_and_makes_nobody_else_late():
    threads, go = Threads(1, 30.0, lambda: False), threading.Event()
    threads.begin("method", lambda: time.sleep(0.05)).future.result()
    running = threads.begin("method", go.wait, time.monotonic() + 0.5)
    while not running.began:
        time.sleep(0.001)
    waiting = [threads.begin("method", lambda: None, time.monotonic() + 1000) for _ in range(20)]
    with pytest.raises(Overloaded, match="The queue is full"):
        threads.begin("method", lambda: None, time.monotonic() + 0.5)
    go.set()
    for each in waiting:
        each.future.result()
    assert threads.begin("method", lambda: 7, time.monotonic() + 0.5).future.result() == 7
    threads.shutdown()
