"""Numbers that all workers share."""

import os

from modelbundle.runtime.telemetry.counters import Counters, Family

SEEN = Family("seen_total", "Seen.", "counter", ("kind",), (("a",), ("b",)))
NOW = Family("now", "Now.", "gauge", (), ((),))
TIME = Family("time", "Time.", "histogram", ("kind",), (("a",),), (1.0, 2.0))


def test_what_forked_workers_count_is_added_up():
    counters = Counters([SEEN, NOW], workers=3)
    slot = counters.slot(SEEN, "b")
    for worker in range(3):
        pid = os.fork()
        if pid == 0:
            counters.take(worker)
            counters.add(slot, worker + 1)
            counters.set(counters.slot(NOW), 5)
            os._exit(0)
        os.waitpid(pid, 0)
    assert (counters.total(slot), counters.total(counters.slot(NOW))) == (6, 15)
    assert counters.total(counters.slot(SEEN, "a")) == 0


def test_a_worker_started_again_keeps_its_counters_and_begins_its_gauges_anew():
    counters = Counters([SEEN, NOW], workers=2)
    counters.take(1)
    counters.add(counters.slot(SEEN, "a"))
    counters.add(counters.slot(NOW))
    counters.take(1)
    counters.add(counters.slot(SEEN, "a"))
    assert counters.total(counters.slot(SEEN, "a")) == 2
    assert counters.total(counters.slot(NOW)) == 0


def test_what_a_dead_worker_was_doing_counts_no_more():
    counters = Counters([SEEN, NOW], workers=2)
    counters.take(1)
    counters.add(counters.slot(SEEN, "a"))
    counters.add(counters.slot(NOW))
    counters.take(0)
    counters.forget(1)
    assert counters.total(counters.slot(SEEN, "a")) == 1
    assert counters.total(counters.slot(NOW)) == 0


def test_a_histogram_has_a_bucket_for_everything():
    counters = Counters([SEEN, TIME], workers=1)
    slot = counters.slot(TIME, "a")
    for value in (0.5, 1.0, 1.5, 99.0):
        counters.observe(slot, TIME.bounds, value)
    assert [counters.total(slot + i) for i in range(4)] == [2, 1, 1, 102]
