"""alpha + beta * rows through measured points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.benching.findings.cost_fit import fit

SIZES = (1, 2, 4, 8, 16, 32, 64)


@given(st.floats(0, 1), st.floats(1e-6, 1e-2))
def test_points_on_a_line_give_the_line(alpha, beta):
    found = fit([(rows, alpha + beta * rows) for rows in SIZES], "batches")

    assert found.alpha == pytest.approx(alpha, rel=1e-4, abs=1e-6 * beta)
    assert found.beta == pytest.approx(beta, rel=1e-4)
    assert found.error < 1e-3


@given(st.lists(st.tuples(st.integers(1, 512), st.floats(1e-6, 10)), max_size=12))
def test_neither_part_is_ever_negative(points):
    found = fit(points, "answers")

    if len({rows for rows, _ in points}) < 2:
        assert found is None
    else:
        assert found.alpha >= 0
        assert found.beta >= 0
        assert found.alpha + found.beta > 0


def test_where_batching_ends_to_be_worth_it():
    mixed = fit([(rows, 1e-3 + 1e-4 * rows) for rows in SIZES], "batches")
    flat = fit([(rows, 1e-3) for rows in SIZES], "batches")
    steep = fit([(rows, 1e-3 * rows) for rows in SIZES], "batches")

    assert mixed.worthwhile() == 64  # 8,649 rows/s; 128 would give 9,275, 7 % more
    assert flat.worthwhile() == 128, "no further than twice what was measured"
    assert steep.worthwhile() == 1
    assert mixed.rate(64) == pytest.approx(64 / 7.4e-3)
