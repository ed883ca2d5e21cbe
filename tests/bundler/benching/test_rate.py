"""Rates said outright, or of the capacity."""

import pytest

from modelbundle.bundler.benching.bench_plan import BenchPlan
from modelbundle.bundler.benching.rate import Rate


@pytest.mark.parametrize(("text", "expected"), [("80%", 800), ("120%", 1200), ("1500", 1500)])
def test_a_rate_is_a_share_or_a_number(text, expected):
    assert Rate.parse(text).of(1000) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "%", "x", "0", "-5", "nan", "inf", "1e9"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Rate.parse(text)


def test_the_loads_of_a_wish():
    plan = BenchPlan(clients=(1, 64), rates=(Rate(0.5, is_share=True), Rate(300)), rows=4)

    assert [load.label for load in plan.closed()] == ["1 client", "64 clients"]
    assert [load.label for load in plan.open(1000)] == ["50%: 500/s", "300/s"]
    assert [load.label for load in plan.open(0)] == ["300/s"], "no capacity, no share of it"
    assert {load.rows for load in plan.closed() + plan.open(1000)} == {4}
