"""What Prometheus reads."""

import os

from prometheus_client.parser import text_string_to_metric_families

from modelbundle.runtime.telemetry.metrics import Metrics


def samples(metrics):
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_status():
    metrics = Metrics(["/predict"], [], [])
    for route, status in (("/predict", 200), ("/predict", 422), ("/nowhere", 404), ("", 418)):
        metrics.began()
        metrics.ended(route, status, 0.02)
    seen = samples(metrics)
    assert seen["bundle_requests_total", "/predict", "200"] == 1
    assert seen["bundle_requests_total", "/predict", "422"] == 1
    assert seen["bundle_requests_total", "404", "other"] == 1
    assert seen["bundle_requests_total", "other", "other"] == 1
    assert seen["bundle_in_flight_requests",] == 0
    assert seen["bundle_request_duration_seconds_bucket", "/predict", "0.025"] == 2
    assert seen["bundle_request_duration_seconds_bucket", "/predict", "0.01"] == 0
    assert seen["bundle_request_duration_seconds_count", "/predict"] == 2


def test_a_batcher_tells_sizes_waits_and_reasons():
    metrics = Metrics([], ["iris.predict"], ["iris"])
    queue = metrics.queue("iris.predict")
    queue.pending(5)
    queue.queued(3)
    queue.released(5, 2, 0.003, "full")
    queue.finished(5, 0.012, predicted=0.01, executor=0)
    queue.died("crash", executor=0)
    queue.refused("expired")
    metrics.loaded("iris", 1.5)
    seen = samples(metrics)
    assert seen["bundle_pending_rows", "iris.predict"] == 5
    assert seen["bundle_queue_rows", "iris.predict"] == 3
    assert seen["bundle_batch_rows_sum", "iris.predict"] == 5
    assert seen["bundle_queue_wait_seconds_bucket", "0.005", "iris.predict"] == 1
    assert seen["bundle_batch_seconds_count", "iris.predict"] == 1
    assert seen["bundle_batch_prediction_ratio_bucket", "1.25", "iris.predict"] == 1
    assert seen["bundle_batch_prediction_ratio_bucket", "1.1", "iris.predict"] == 0
    assert seen["bundle_batch_deaths_total", "crash", "iris.predict"] == 1
    assert seen["bundle_batches_total", "full", "iris.predict"] == 1
    assert seen["bundle_queue_refused_total", "expired", "iris.predict"] == 1
    assert seen["bundle_model_load_seconds", "iris"] == 1.5


def parsed(metrics, **more):
    """Families by name, and samples with their labels."""
    families = list(text_string_to_metric_families(metrics.text(**more).decode()))
    return {family.name: family for family in families}


def test_every_family_follows_the_conventions():
    metrics = Metrics(["/predict"], ["iris.predict"], ["iris"], workers=3, replicas=2)
    metrics.topology("B", 1, 2)
    for name, family in parsed(metrics).items():
        assert name.startswith("bundle_")
        assert family.documentation.endswith(".")
        assert family.type in {"counter", "gauge", "histogram"}
        assert not name.endswith(("_count", "_sum", "_bucket", "_ms"))
        samples = {sample.name for sample in family.samples}
        if family.type == "counter":
            assert samples <= {f"{name}_total"}
        assert len(family.samples) == len(
            {(s.name, *sorted(s.labels.items())) for s in family.samples}
        )


def test_a_worker_has_a_series_of_its_own_where_it_matters():
    metrics = Metrics(["/predict"], ["iris.predict"], ["iris"], workers=4, replicas=3)
    queue = metrics.queue("iris.predict")
    for worker, lag in ((1, 0.003), (3, 0.3)):
        metrics.counters.take(worker)
        metrics.ended("/predict", 200, 0.01)
        metrics.lagged(lag)
        queue.released(4, 2, 0.0, "idle")
        queue.finished(4, 0.25, 0.2, executor=worker - 1)
        queue.costs(0.001 * worker, 0.0001, 0.5)
    seen = samples(metrics)
    assert seen["bundle_requests_total", "/predict", "200"] == 2
    assert seen["bundle_worker_requests_total", "1"] == 1
    assert ("bundle_worker_requests_total", "0") not in seen
    assert seen["bundle_event_loop_lag_seconds_bucket", "0.005", "1"] == 1
    assert seen["bundle_event_loop_lag_seconds_bucket", "0.005", "3"] == 0
    assert seen["bundle_replica_busy_seconds_total", "0", "1", "iris.predict"] == 0.25
    assert seen["bundle_replica_busy_seconds_total", "2", "3", "iris.predict"] == 0.25
    assert seen["bundle_batch_alpha_seconds", "3", "iris.predict"] == 0.003
    assert seen["bundle_batch_beta_seconds", "1", "iris.predict"] == 0.0001
    assert seen["bundle_predicted_wait_seconds", "1", "iris.predict"] == 0.5
    assert seen["bundle_batch_requests_total", "iris.predict"] == 4


def test_what_runs_and_how():
    metrics = Metrics([], [], ["iris"], workers=3)
    assert "bundle_topology_info" not in parsed(metrics)
    metrics.counters.take(2)
    metrics.topology("B", 2, 3)
    metrics.model_died("iris", "hang")
    metrics.counters.take(0)  # a front begins: it is not its arrangement
    seen = parsed(metrics)
    (info,) = seen["bundle_topology_info"].samples
    assert (info.labels, info.value) == ({"kind": "B", "fronts": "2", "replicas": "3"}, 1)
    assert seen["bundle_build_info"].samples[0].labels["version"]
    assert samples(metrics)["bundle_model_restarts_total", "hang", "iris"] == 1
    assert samples(metrics)["bundle_model_restarts_total", "crash", "iris"] == 0


def test_counters_of_all_workers_never_go_back():
    metrics = Metrics(["/predict"], ["iris.predict"], ["iris"], workers=2)
    before = {}
    for step in range(6):
        metrics.counters.take(step % 2)  # crashes and restarts: each begins in a row that was used
        metrics.began()
        metrics.ended("/predict", 200, 0.01)
        metrics.queue("iris.predict").released(1, 1, 0.0, "idle")
        now = {
            (s.name, *s.labels.items()): s.value
            for family in parsed(metrics).values()
            if family.type != "gauge"
            for s in family.samples
        }
        assert all(now[key] >= value for key, value in before.items())
        before = now
    assert before["bundle_batches_total", ("queue", "iris.predict"), ("reason", "idle")] == 6


def test_memory_is_that_of_the_processes_in_the_roster():
    metrics = Metrics([], [], ["iris"])
    metrics.processes.enter(os.getpid(), role="model", model="iris", worker="0", replica="1")
    family = parsed(metrics, memory=metrics.processes.memory())[
        "bundle_process_resident_memory_bytes"
    ]
    (sample,) = family.samples
    assert sample.labels == {"role": "model", "model": "iris", "worker": "0", "replica": "1"}
    assert sample.value > 10 << 20
