import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.runtime.batching.policy.cost import CostModel


def taught(samples):
    cost = CostModel()
    for rows, seconds in samples:
        cost.observe(rows, seconds)
    return cost


def test_a_line_is_found_exactly():
    cost = taught((rows, 0.005 + 0.0002 * rows) for rows in [1, 2, 4, 8, 16, 32, 64] * 3)

    assert cost.alpha == pytest.approx(0.005, rel=1e-3)
    assert cost.beta == pytest.approx(0.0002, rel=1e-3)
    assert cost.mean(48) == pytest.approx(0.0146, rel=1e-3)


def test_nothing_is_predicted_before_anything_was_seen():
    cost = CostModel()

    assert cost.mean(64) == 0.0
    assert cost.upper(64) == 0.0
    assert cost.rows_within(0.0, 64) == 64


def test_one_size_alone_says_nothing_of_the_slope():
    cost = taught([(8, 0.01)] * 100)

    assert cost.mean(8) == pytest.approx(0.01)
    assert cost.mean(64) == pytest.approx(0.01)


def test_a_slope_survives_a_long_time_at_one_size():
    rng = random.Random(1)
    cost = taught((rows, 0.005 + 0.0002 * rows) for rows in [1, 2, 4, 8, 16, 32, 64] * 3)
    for _ in range(2000):
        cost.observe(16, (0.005 + 0.0002 * 16) * rng.gauss(1, 0.08))

    assert cost.beta == pytest.approx(0.0002, rel=0.5)


def test_a_step_overrides_the_line_once_it_is_known():
    """An accelerator pays for 64 rows as soon as there are 33."""
    step = {8: 0.004, 16: 0.004, 32: 0.004, 33: 0.02, 64: 0.02}
    cost = taught((rows, step[rows]) for rows in list(step) * 10)

    assert cost.mean(32) == pytest.approx(0.004, rel=0.35)
    assert cost.mean(64) == pytest.approx(0.02, rel=0.35)
    assert cost.rows_within(0.015, 64) == 32


def test_upper_covers_nineteen_of_twenty():
    rng = random.Random(2)
    cost, missed = CostModel(), 0
    for index in range(3000):
        rows = rng.randint(1, 64)
        seconds = (0.005 + 0.0002 * rows) * rng.gauss(1, 0.08)
        missed += index > 500 and seconds > cost.upper(rows)
        cost.observe(rows, seconds)

    assert 0.02 < missed / 2500 < 0.09


def test_one_hiccup_moves_the_model_little():
    cost = taught([(8, 0.01)] * 50)
    cost.observe(8, 10.0)

    assert cost.mean(8) < 0.015


def test_a_model_that_became_slower_is_followed_within_a_few_dozen_batches():
    cost = taught([(8, 0.01)] * 200 + [(8, 0.1)] * 40)

    assert cost.mean(8) == pytest.approx(0.1, rel=0.1)


def test_where_batches_of_one_size_become_many_times_slower_the_others_do_as_well():
    cost = taught([(rows, 0.001 + 0.0001 * rows) for rows in (1, 2, 4, 8, 16, 32, 64) * 20])
    assert not cost.is_new
    for _ in range(4):
        cost.observe(64, 0.5)

    assert cost.is_new
    assert cost.mean(64) == pytest.approx(0.5, rel=0.1)
    assert cost.mean(1) > 0.01, "it was 0.0011"

    for rows in (8, 64) * 4:  # which shows that the rows do not matter
        cost.observe(rows, 0.5)

    assert not cost.is_new
    assert cost.mean(1) > 0.3


def test_a_few_slow_batches_between_others_change_no_other_size():
    cost = taught([(rows, 0.001 + 0.0001 * rows) for rows in (1, 2, 4, 8, 16, 32, 64) * 20])
    for _ in range(20):
        cost.observe(64, 0.5)
        cost.observe(32, 0.0042)

    assert not cost.is_new
    assert cost.mean(2) < 0.002


def test_a_copy_starts_from_the_line_and_learns_for_itself():
    cost = taught((rows, 0.005 + 0.0002 * rows) for rows in [1, 2, 4, 8] * 3)
    other = cost.copy()

    assert other.mean(4) == pytest.approx(cost.alpha + 4 * cost.beta)

    other.observe(4, 1.0)

    assert cost.mean(4) == pytest.approx(0.0058, rel=1e-2)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.floats(1e-6, 10)), min_size=1, max_size=60),
    st.floats(0, 20),
    st.integers(1, 300),
)
def test_predictions_are_sane_whatever_was_seen(samples, budget, most):
    """Never negative, never more rows than asked for, and what is within a budget is within it."""
    cost = taught(samples)
    rows = cost.rows_within(budget, most)

    assert cost.alpha >= -1e-9
    assert cost.beta >= 0
    assert all(cost.mean(size) >= -1e-9 for size in (1, 2, 63, 64, 65, 300))
    assert 0 <= rows <= most
    assert rows == 0 or cost.upper(rows) <= budget
