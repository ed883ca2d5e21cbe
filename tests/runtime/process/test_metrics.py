"""What Prometheus reads of several processes, while they come and go."""

import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..conftest import wait_until
from .watched import children


def families(server):
    text = server.get("/metrics").text
    return {family.name: family for family in text_string_to_metric_families(text)}


def numbers(server):
    """Everything that only grows."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families(server).values()
        if family.type in {"counter", "histogram"}
        for sample in family.samples
    }


def answered(server):
    return numbers(server)["bundle_requests_total", ("route", "/predict"), ("status", "200")]


@pytest.fixture(scope="module")
def pair(make_server):
    return make_server(workers=2)


def test_each_process_is_there_with_its_memory(pair):
    everybody = ["front", "front", "model", "model", "supervisor", "template"]

    def counted(name):
        return families(pair)[f"bundle_process_{name}_memory_bytes"]

    def roles(name):
        return sorted(sample.labels["role"] for sample in counted(name).samples)

    wait_until(lambda: roles("resident") == everybody)
    for name in ("resident", "proportional"):
        family = counted(name)
        assert roles(name) == everybody
        assert all(sample.value > 1 << 20 for sample in family.samples)
        fronts = {s.labels["worker"] for s in family.samples if s.labels["role"] == "front"}
        models = {s.labels["worker"] for s in family.samples if s.labels["role"] == "model"}
        assert fronts == models


def test_every_front_says_how_late_it_is_and_what_batches_take(make_server):
    fresh = make_server(workers=2)

    def is_told():
        seen = families(fresh)
        lag = seen["bundle_event_loop_lag_seconds"].samples
        # Of batches that were late all of the time may be their rows', and none is no sample.
        costs = [
            sample
            for part in ("alpha", "beta")
            for sample in seen[f"bundle_batch_{part}_seconds"].samples
        ]
        return all(len({each.labels["worker"] for each in told}) == 2 for told in (lag, costs))

    wait_until(is_told)


def test_counters_never_go_back_over_crashes_and_restarts(pair):
    def ask(times):
        for _ in range(times):
            assert pair.post([[1, 2]]).json() == {"predictions": [3.0]}

    def steps():
        ask(20)
        yield "asked"
        assert pair.post([[-3, 0]]).status_code == 503
        ask(5)
        yield "a model has died"
        old = set(children(pair.process.pid))
        pair.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "The new processes serve" in pair.log())
        wait_until(lambda: not old & set(children(pair.process.pid)))
        ask(10)
        yield "others serve"

    before, first = numbers(pair), answered(pair)
    for _ in steps():
        now = numbers(pair)
        assert {key for key in before if now.get(key, -1) < before[key]} == set()
        before = now
    assert answered(pair) == first + 35
    info = families(pair)["bundle_topology_info"].samples
    assert [sample.labels for sample in info] == [{"kind": "A", "fronts": "2", "replicas": "1"}]
    assert families(pair)["bundle_ready_workers"].samples[0].value == 2
    restarts = families(pair)["bundle_model_restarts"].samples
    assert {s.labels["cause"]: s.value for s in restarts} == {"crash": 2, "hang": 0, "memory": 0}
