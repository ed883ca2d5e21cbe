"""What Prometheus reads."""

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
