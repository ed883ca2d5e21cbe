"""Growth: more rows in a call where they are nearly free, as few as ever where they are not."""

import pytest

from modelbundle.runtime.batching.policy.cost import CostModel
from modelbundle.runtime.batching.policy.growth import (
    PAUSE_AFTER_FAILURE,
    PAUSE_AFTER_TRIAL,
    TRIAL_BATCHES,
    Growth,
)
from modelbundle.runtime.batching.policy.window import Limits, Window

FOREST = (0.0035, 0.000006)  # seconds a call, seconds a row
NETWORK = (0.0001, 0.00003)


def measured(alpha, beta, sizes=(1, 8, 64)):
    cost = CostModel()
    for rows in sizes:
        cost.observe(rows, alpha + beta * rows)
    return cost


def work(window, batches, seconds, row_bytes=100):
    """Full batches, as under more load than the model can take."""
    for _ in range(batches):
        window.observe(window.limit, seconds(window.limit), row_bytes * window.limit)


def window_of(alpha, beta, **limits):
    return Window(Limits(1024, **limits, initial_batch_size=64), measured(alpha, beta))


def test_a_model_whose_calls_cost_more_than_its_rows_gets_all_of_them():
    alpha, beta = FOREST
    window = window_of(alpha, beta)
    assert window.limit == 64
    work(window, 20 * TRIAL_BATCHES, lambda rows: alpha + beta * rows)
    assert window.limit == 1024


def test_a_model_whose_rows_cost_the_same_in_any_company_keeps_its_size():
    alpha, beta = NETWORK
    window = window_of(alpha, beta)
    for _ in range(100 * TRIAL_BATCHES):
        work(window, 1, lambda rows: alpha + beta * rows)
        assert window.limit == 64, "it is not even tried"


def test_the_latency_budget_holds():
    alpha, beta = FOREST
    window = window_of(alpha, beta, latency_budget=0.008)
    work(window, 20 * TRIAL_BATCHES, lambda rows: alpha + beta * rows)
    assert 512 < window.limit < 1024
    assert window.cost.upper(window.limit) <= 0.008


def test_a_trial_for_which_there_is_no_time_ends():
    alpha, beta = FOREST
    window = window_of(alpha, beta, latency_budget=0.001)  # twice a lone call is what it gets
    work(window, 20 * TRIAL_BATCHES, lambda rows: alpha + beta * rows)
    grown = window.limit
    growth = window._growth
    for _ in range(40 * TRIAL_BATCHES):
        work(window, 1, lambda rows: alpha + beta * rows)
        assert len(growth._usual) <= 2 * TRIAL_BATCHES
    assert window.limit == grown


def test_memory_is_not_filled_with_large_rows():
    """Images: of 256 KiB each, 128 have as many bytes as a larger batch may have."""
    alpha, beta = FOREST
    window = window_of(alpha, beta)
    work(window, 20 * TRIAL_BATCHES, lambda rows: alpha + beta * rows, row_bytes=1 << 18)
    assert window.limit == 128


def test_batches_that_are_not_full_prove_nothing():
    alpha, beta = FOREST
    window = window_of(alpha, beta)
    for _ in range(20 * TRIAL_BATCHES):
        window.observe(63, alpha + beta * 63)
        assert window.limit == 64


def test_what_does_not_pay_when_it_is_tried_is_given_up():
    """A cache that is too small for more than 128 rows, of which the line knows nothing."""
    alpha, beta = FOREST

    def seconds(rows):
        return (alpha + beta * rows) * (1 if rows <= 128 else rows / 64)

    window = window_of(alpha, beta)
    sizes = []
    for _ in range(PAUSE_AFTER_TRIAL):
        work(window, 1, seconds)
        sizes.append(window.limit)
    assert max(sizes) == 256
    assert sizes.count(256) == TRIAL_BATCHES
    assert sizes[-1] == 128


def test_what_pays_is_seen_while_the_machine_becomes_slower():
    """Each batch takes longer than the one before it, whatever its size."""
    alpha, beta = FOREST
    window = window_of(alpha, beta)
    for turn in range(20 * TRIAL_BATCHES):
        work(window, 1, lambda rows: (alpha + beta * rows) * 1.01**turn)  # noqa: B023
    assert window.limit == 1024


@pytest.mark.parametrize("fail", ["failed", "ran_out_of_memory"])
def test_after_a_failure_few_rows_are_at_stake_for_a_while(fail):
    alpha, beta = FOREST
    window = window_of(alpha, beta)
    work(window, 20 * TRIAL_BATCHES, lambda rows: alpha + beta * rows)
    getattr(window, fail)(*([1024] if fail == "ran_out_of_memory" else []))
    assert window.limit == 64
    work(window, PAUSE_AFTER_FAILURE - TRIAL_BATCHES, lambda rows: alpha + beta * rows)
    assert window.limit == 64
    work(window, 2 * PAUSE_AFTER_FAILURE, lambda rows: alpha + beta * rows)
    assert window.limit == 1024


def test_a_trial_that_lacked_rows_is_made_anew_when_they_are_there():
    """64 clients fill a batch, and have nothing left for a larger one; then more come."""
    alpha, beta = FOREST
    window = window_of(alpha, beta)
    for _ in range(20 * TRIAL_BATCHES):
        window.observe(64, alpha + beta * 64)
        assert len(window._growth._usual) <= TRIAL_BATCHES + 1, "the trial ends"
    assert window.limit in {64, 128}
    work(window, 20 * TRIAL_BATCHES, lambda rows: alpha + beta * rows)
    assert window.limit == 1024


def test_who_says_a_size_has_it_at_once():
    window = Window(Limits(512), measured(*NETWORK))
    assert window.limit == 512


def test_it_never_exceeds_what_is_allowed():
    growth = Growth(64, 100)
    cost = measured(*FOREST)
    for _ in range(10 * TRIAL_BATCHES):
        seconds = 0.0035 + 0.000006 * growth.size
        cost.observe(growth.size, seconds)
        growth.observe(growth.size, seconds, 0, cost)
    assert growth.size == 100
    assert Growth(64, 8).size == 8
