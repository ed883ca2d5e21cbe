"""What to set, from figures that leave no doubt."""

import pytest

from modelbundle.bundler.benching.findings.advice import of_run
from modelbundle.bundler.benching.findings.cost_fit import fit
from modelbundle.bundler.benching.generator.load import Load
from modelbundle.bundler.benching.generator.tally import Tally
from modelbundle.bundler.benching.round import of_tally
from modelbundle.bundler.benching.subject.process_tree import Usage
from modelbundle.bundler.benching.subject.scrape import Scrape
from modelbundle.bundler.benching.subject.subject import Knobs

SIZES = (1, 2, 4, 8, 16, 32, 64)
CHEAP_ROWS = fit([(rows, 5e-3 + 1e-5 * rows) for rows in SIZES], "batches")
NO_GAIN = fit([(rows, 1e-3 * rows) for rows in SIZES], "batches")
ROWS = """
# TYPE bundle_batch_rows histogram
bundle_batch_rows_bucket{{queue="m.predict",le="64.0"}} 10
bundle_batch_rows_bucket{{queue="m.predict",le="+Inf"}} 10
bundle_batch_rows_sum{{queue="m.predict"}} {rows}
bundle_batch_rows_count{{queue="m.predict"}} 10
"""


def found(*, cores=1.0, mean_rows=60, load=None, statuses=None):
    tally = Tally(seconds=1.0, finished=1000, answered=1000, wall=1.0, cpu=0.2)
    tally.statuses = statuses or {200: 1000}
    usage = Usage(cores, 1, 1, 1)
    counted = Scrape.of(ROWS.format(rows=10 * mean_rows))
    return of_tally(load or Load(clients=64), tally, (cores, cores + 0.2), usage, counted)


def knobs(size=64, budget=0.05, workers="auto", *, is_batchable=True):
    return Knobs(size, budget, workers, is_batchable)


def told(*rounds, line=None, has=None, cpus=1):
    return of_run(rounds, line, has or knobs(), cpus)


def test_full_batches_of_cheap_rows_ask_for_larger_ones():
    (one,) = told(found(mean_rows=31), line=CHEAP_ROWS, has=knobs(size=32))

    assert (one.setting, one.value) == ("serve.batch.max_batch_size", "128")
    assert "full at 32 rows" in one.why


def test_a_budget_that_ends_the_batches_is_named():
    (one,) = told(found(mean_rows=10), line=CHEAP_ROWS, has=knobs(budget=5.1e-3))

    assert one.setting == "serve.batch.latency_budget"
    assert "budget, not the size" in one.why


@pytest.mark.parametrize(
    ("mean_rows", "has"),
    [(3, knobs()), (60, knobs(size=128)), (60, knobs(is_batchable=False))],
)
def test_batches_that_are_not_full_ask_for_nothing(mean_rows, has):
    (one,) = told(found(mean_rows=mean_rows), line=CHEAP_ROWS, has=has)

    assert one.setting is None


def test_rows_that_cost_the_same_in_any_company_win_nothing():
    (one,) = told(found(), line=NO_GAIN)

    assert one.setting is None
    assert "Batching gains little" in one.why


def test_a_busy_server_beside_idle_cores_asks_for_workers():
    (one,) = told(found(cores=0.97), cpus=4)

    assert (one.setting, one.value) == ("serve.workers", "4")
    assert told(found(cores=0.4), cpus=4)[0].setting is None
    assert told(found(cores=0.97), cpus=1)[0].setting is None


def test_refusals_in_overload_are_explained():
    overload = found(load=Load(rate=2000), statuses={200: 900, 503: 100})

    assert any("(10%, 503" in one.why for one in told(found(cores=0.1), overload))


def test_without_a_closed_loop_nothing_is_said():
    assert told(found(load=Load(rate=10))) == []


def test_nothing_is_concluded_where_others_use_the_machine():
    tally = Tally(seconds=1.0, finished=1000, answered=1000, wall=1.0, statuses={200: 1000})
    busy = of_tally(Load(clients=8), tally, (1.0, 3.0), Usage(1.0, 1, 1, 1), None)

    (one,) = told(busy, cpus=4)

    assert one.setting is None
    assert "other processes used" in one.why
