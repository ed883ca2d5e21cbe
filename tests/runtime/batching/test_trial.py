"""What pays is tried each time, what does not hardly ever."""

from modelbundle.runtime.batching.trial import RARELY, Trial


def tries(trial, occasions, *, has_paid):
    """How many of so many occasions are used."""
    due = 0
    for _ in range(occasions):
        if trial.is_due():
            due += 1
            trial.ended(has_paid=has_paid)
    return due


def test_what_never_pays_is_given_up_but_for_one_occasion_in_many():
    assert tries(Trial(), 100 * RARELY, has_paid=False) < 110


def test_what_pays_is_tried_each_time_before_long():
    trial = Trial(RARELY)
    assert tries(trial, 3 * RARELY, has_paid=True) > RARELY // 2
    assert tries(trial, 100, has_paid=True) == 100
