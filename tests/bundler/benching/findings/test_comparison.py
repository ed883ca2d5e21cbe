"""Ratios of paired rounds, and whether they stand out."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.benching.findings.comparison import Pair, by_load, ratio
from modelbundle.bundler.benching.generator.load import Load


def pairs(*rates, load=None):
    return [
        Pair(load or Load(), SimpleNamespace(rate=first), SimpleNamespace(rate=second))
        for first, second in rates
    ]


def test_the_machine_s_moods_cancel_in_pairs():
    found = ratio("rate", pairs((100, 200), (10, 20.2), (1000, 1990)))

    assert found.value == pytest.approx(2, rel=0.01)
    assert not found.is_noise
    assert 1.9 < found.low < found.value < found.high < 2.1


def test_what_goes_both_ways_is_noise():
    assert ratio("rate", pairs((100, 120), (100, 85), (100, 108))).is_noise


def test_one_pair_knows_nothing_of_its_noise():
    one = ratio("rate", pairs((100, 400)))

    assert (one.value, one.low, one.high, one.is_noise) == (4, None, None, True)
    assert ratio("rate", pairs((0, 1), (None, 1))) is None


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)), min_size=2, max_size=20))
def test_the_other_way_round_is_the_inverse(rates):
    one = ratio("rate", pairs(*rates))
    other = ratio("rate", pairs(*[(second, first) for first, second in rates]))

    assert one.value == pytest.approx(1 / other.value)
    assert one.low <= one.value * (1 + 1e-9)
    assert one.value <= one.high * (1 + 1e-9)


def test_pairs_are_put_together_by_load():
    few, many = Load(clients=1), Load(clients=8)

    grouped = by_load(
        [*pairs((1, 1), load=few), *pairs((2, 2), load=many), *pairs((3, 3), load=few)]
    )

    assert [(load, len(found)) for load, found in grouped] == [(few, 2), (many, 1)]
