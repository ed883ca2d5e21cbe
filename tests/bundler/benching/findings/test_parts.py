"""Where the time of a request goes, by the server's own histograms."""

import pytest

from modelbundle.bundler.benching.findings.parts import batches, of_round
from modelbundle.bundler.benching.generator.load import Load
from modelbundle.bundler.benching.generator.tally import Tally
from modelbundle.bundler.benching.round import of_tally
from modelbundle.bundler.benching.subject.scrape import Scrape

QUEUE = """
# TYPE bundle_batch_rows histogram
bundle_batch_rows_bucket{{queue="{queue}",le="8.0"}} 3
bundle_batch_rows_bucket{{queue="{queue}",le="+Inf"}} 4
bundle_batch_rows_sum{{queue="{queue}"}} 40
bundle_batch_rows_count{{queue="{queue}"}} 4
# TYPE bundle_queue_wait_seconds histogram
bundle_queue_wait_seconds_bucket{{queue="{queue}",le="+Inf"}} 4
bundle_queue_wait_seconds_sum{{queue="{queue}"}} {wait}
# TYPE bundle_batch_seconds histogram
bundle_batch_seconds_bucket{{queue="{queue}",le="+Inf"}} 4
bundle_batch_seconds_sum{{queue="{queue}"}} {run}
"""
REQUESTS = """
# TYPE bundle_request_duration_seconds histogram
bundle_request_duration_seconds_bucket{route="/predict",le="+Inf"} 40
bundle_request_duration_seconds_sum{route="/predict"} 0.4
bundle_request_duration_seconds_count{route="/predict"} 40
bundle_request_duration_seconds_bucket{route="other",le="+Inf"} 1
bundle_request_duration_seconds_sum{route="other"} 9
bundle_request_duration_seconds_count{route="other"} 1
"""


def round_of(text, latency=0.012):
    tally = Tally(seconds=1.0, finished=40, answered=40, wall=1.0)
    for _ in range(40):
        tally.ok.add(latency)
    counted = Scrape.of(text) if text else None
    return of_tally(Load(), tally, (None, None), None, counted)


def test_the_parts_add_up_to_what_the_client_saw():
    text = QUEUE.format(queue="m.predict", wait=0.004, run=0.02) + REQUESTS

    found = of_round(round_of(text))

    assert found.queue == pytest.approx(0.001)
    assert found.model == pytest.approx(0.005)
    assert found.server == pytest.approx(0.004)
    assert found.outside == pytest.approx(0.002)


def test_models_that_run_side_by_side_are_not_added_up():
    both = [QUEUE.format(queue=name, wait=0.004, run=0.028) for name in ("a", "b")]

    found = of_round(round_of("".join(both) + REQUESTS))

    assert found.model == pytest.approx(0.007)
    assert found.server == pytest.approx(0.002)


def test_a_server_without_such_numbers_has_no_parts():
    assert of_round(round_of(None)) is None
    assert of_round(round_of(REQUESTS.replace("bundle_", "other_"))) is None
    assert batches(round_of(None)) == []


def test_batches_are_told_by_the_largest_of_their_class():
    (one,) = batches(round_of(QUEUE.format(queue="m.predict", wait=1, run=1)))

    assert one.mean == 10
    assert one.to_json()["batches"] == {"8": 3, "more": 1}
