"""What a model has done, in statistics and in the metrics beside them, as clients read it.

The cases are those of Triton's L0_metrics: nothing before the first request; as many as wait while
they do; none afterwards; and who was refused is no inference.
"""

import re

import pytest

from ...conftest import Servers, make_sums


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One request a batch; four may wait."""
    started = Servers(tmp_path_factory.mktemp("servers"))
    limits = {"batch": {"max_batch_size": 1}, "queue": {"max_rows": 4}}
    yield started.start(make_sums(tmp_path_factory.mktemp("sums"), workers=1, **limits))
    started.stop()


def statistics(running):
    (found,) = running.get("/v2/models/sums/stats").json()["model_stats"]
    return found


def metric(running, name):
    """The sum of a metric over its series."""
    values = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", running.get("/metrics").text, re.MULTILINE)
    assert values, name
    return sum(map(float, values))


def test_a_model_that_nobody_asked_has_done_nothing(running):
    """It has been warmed up, which is nobody's request."""
    before = statistics(running)
    counted = {name: before[name] for name in ("inference_count", "execution_count", "batch_stats")}
    assert counted == {"inference_count": 0, "execution_count": 0, "batch_stats": []}
    assert before["last_inference"] == 0
    assert {each["count"] for each in before["inference_stats"].values()} == {0}


def test_who_waits_is_counted_while_it_does_and_who_is_refused_as_failed(running):
    with running.holding(5):
        assert metric(running, "bundle_pending_rows") == 5
        assert metric(running, "bundle_queue_rows") == 4
        assert running.post([[1, 2]]).status_code == 503
    assert metric(running, "bundle_pending_rows") == metric(running, "bundle_queue_rows") == 0
    after = statistics(running)
    assert (after["inference_count"], after["execution_count"]) == (5, 5)
    counts = {name: each["count"] for name, each in after["inference_stats"].items()}
    assert counts["success"] == counts["queue"] == counts["compute_infer"] == 5
    assert counts["fail"] == metric(running, "bundle_queue_refused_total") == 1
    assert [each["batch_size"] for each in after["batch_stats"]] == [1]
    assert after["inference_stats"]["queue"]["ns"] > 0
    assert after["last_inference"] > 1_600_000_000_000
