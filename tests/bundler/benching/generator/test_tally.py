"""Latencies in room taken beforehand, and their quantiles."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.benching.generator.tally import Latencies, Tally, quantile

TIMES = st.lists(st.floats(0, 100), max_size=50)


@given(TIMES)
def test_latencies_come_back_sorted_and_exact_from_the_other_process(times):
    tally = Tally(statuses={200: len(times)}, troubles={"reset": 1}, notes={"503": "full"})
    for value in times:
        tally.ok.add(value)

    back = Tally.from_json(json.loads(json.dumps(tally.to_json())))

    assert back.ok.sorted() == sorted(times)
    assert (back.statuses, back.notes) == (tally.statuses, tally.notes)
    assert (back.asked, back.errors) == (len(times) + 1, 1)


def test_there_is_room_for_more_than_was_taken_beforehand():
    many = Latencies()
    for number in range(200_000):
        many.add(number)

    assert len(many) == 200_000
    assert many.sorted()[-1] == 199_999


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.001, 1))
def test_a_quantile_is_a_value_that_so_many_do_not_exceed(values, share):
    ordered = sorted(values)

    found = quantile(ordered, share)

    assert sum(value <= found for value in ordered) >= math.floor(share * len(ordered))
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-9
    assert quantile([], share) == 0
