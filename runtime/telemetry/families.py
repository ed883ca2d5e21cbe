"""Families: every metric of a server, with its labels; docs/metrics.md says how to read them."""

from collections.abc import Iterable, Iterator
from typing import get_args

from ..batching.observer import Death, Refusal, Release
from .counters import Family

STATUSES = tuple(
    "200 204 400 404 405 408 413 415 422 429 499 500 501 503 504".split()  # noqa: SIM905  # one line
)
OTHER = "other"
REFUSALS = ("starting", "draining", "bytes")
"""Why a request was refused before it reached a queue; `bytes`: too many bodies in memory."""

CAUSES = ("crash", "hang", "memory")
"""The cause of death of a model process; `memory`: killed by the OOM killer."""

TOPOLOGIES = ("A", "B", "C", "D", "service", "thread")
"""See `process.machine.topology`."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WAITS = (0.0001, 0.0005, *SECONDS)
ACCURACY = (0.1, 0.25, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 4.0, 10.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
REWARDS = (0.0, 0.25, 0.5, 0.75, 1.0)  # below zero, the client of Prometheus leaves out the sum
LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

ONE: tuple[tuple[str, ...], ...] = ((),)
Names = tuple[tuple[str, ...], ...]


def families(
    routes: Iterable[str],
    queues: Iterable[str],
    models: Iterable[str],
    replicas: int,
    rules: Iterable[str] = (),
) -> Iterator[Family]:
    """All families; `replicas`: the largest number of executors of a queue.

    `rules`: routes that are shown only once they were requested
    """
    yield from _of_requests(_each((*routes, OTHER)), _each(rules))
    yield from _of_processes(_each(models))
    yield _of_feedback(_each((*models, OTHER)))
    names = _each(queues)
    yield from _of_queues(names)
    yield from _of_batches(names)
    yield from _of_costs(names, replicas)


def _each(names: Iterable[str]) -> Names:
    return tuple((name,) for name in dict.fromkeys(names))


def _by(names: Names, kinds: Iterable[str]) -> Names:
    kinds = tuple(kinds)
    return tuple((*name, kind) for name in names for kind in kinds)


def _of_requests(always: Names, rules: Names) -> Iterator[Family]:
    paths = tuple(dict.fromkeys((*always, *rules)))
    rare = frozenset(rules) - frozenset(always)
    statuses = _by(paths, (*STATUSES, OTHER))
    labels = ("route", "status")
    name, text = "bundle_requests_total", "Requests answered."
    yield Family(name, text, "counter", labels, statuses, rare=rare)
    text = "From the request's headers to the last byte of its answer."
    name = "bundle_request_duration_seconds"
    yield Family(name, text, "histogram", ("route",), paths, SECONDS, rare=rare)
    yield Family("bundle_in_flight_requests", "Requests being answered.", "gauge", (), ONE)
    name, text = "bundle_refused_total", "Requests refused at the door."
    yield Family(name, text, "counter", ("reason",), _each(REFUSALS))
    name, text = "bundle_worker_requests_total", "Requests answered, by the process that did it."
    yield Family(name, text, "counter", (), ONE, is_by_worker=True)


def _of_processes(models: Names) -> Iterator[Family]:
    yield Family("bundle_ready_workers", "Processes that take requests.", "gauge", (), ONE)
    name, text = "bundle_worker_restarts_total", "Processes started again after a crash."
    yield Family(name, text, "counter", (), ONE)
    name = "bundle_model_restarts_total"
    text = "Model processes started again, by what the one before died of."
    yield Family(name, text, "counter", ("model", "cause"), _by(models, CAUSES))
    name = "bundle_service_restarts_total"
    text = "Service processes started again after a crash or a hang."
    yield Family(name, text, "counter", (), ONE)
    text = "Position of the arrangement; see bundle_topology_info."
    yield Family("bundle_topology", text, "gauge", (), ONE, is_shown=False)
    yield Family("bundle_fronts", "Processes with connections.", "gauge", (), ONE)
    yield Family("bundle_model_processes", "Processes of each model.", "gauge", (), ONE)
    name = "bundle_model_load_seconds"
    text = "Time to load a model, summed over the processes that hold it."
    yield Family(name, text, "gauge", ("model",), models)
    name = "bundle_event_loop_lag_seconds"
    text = "How late a timer of the event loop is, ten times a second."
    yield Family(name, text, "histogram", (), ONE, LAGS, is_by_worker=True)


def _of_feedback(models: Names) -> Family:
    name, text = "bundle_feedback_reward", "Rewards that clients gave answers later."
    return Family(name, text, "histogram", ("model",), models, REWARDS, rare=frozenset(models))


def _of_queues(queues: Names) -> Iterator[Family]:
    label = ("queue",)
    name, text = "bundle_pending_rows", "Rows accepted and not yet answered."
    yield Family(name, text, "gauge", label, queues)
    yield Family("bundle_queue_rows", "Rows that wait for a batch.", "gauge", label, queues)
    name = "bundle_queue_wait_seconds"
    text = "Time that the oldest request of a batch waited for it."
    yield Family(name, text, "histogram", label, queues, WAITS)
    name, text = "bundle_queue_refused_total", "Requests that the model will not answer, by why."
    yield Family(name, text, "counter", ("queue", "reason"), _by(queues, get_args(Refusal)))


def _of_batches(queues: Names) -> Iterator[Family]:
    label = ("queue",)
    yield Family("bundle_batch_rows", "Rows in a batch.", "histogram", label, queues, ROWS)
    name, text = "bundle_batch_requests_total", "Requests that batches were made of."
    yield Family(name, text, "counter", label, queues)
    name, text = "bundle_batch_seconds", "Time that a batch ran."
    yield Family(name, text, "histogram", label, queues, WAITS)
    name, text = "bundle_batch_last_timestamp_seconds", "When a batch came back last, since 1970."
    yield Family(name, text, "gauge", label, queues, is_by_worker=True)
    name = "bundle_batch_prediction_ratio"
    text = "Time that a batch ran, as a multiple of what was predicted for it."
    yield Family(name, text, "histogram", label, queues, ACCURACY)
    name, text = "bundle_batches_total", "Batches, by why they were released."
    yield Family(name, text, "counter", ("queue", "reason"), _by(queues, get_args(Release)))
    name = "bundle_batch_deaths_total"
    text = "Batches lost together with what ran them, by why."
    yield Family(name, text, "counter", ("queue", "cause"), _by(queues, get_args(Death)))


def _of_costs(queues: Names, replicas: int) -> Iterator[Family]:
    label = ("queue",)
    name = "bundle_replica_busy_seconds_total"
    text = "Time that batches ran, by which of a worker's executors ran them."
    busy = _by(queues, map(str, range(replicas)))
    yield Family(name, text, "counter", ("queue", "replica"), busy, is_by_worker=True)
    name, text = "bundle_batch_alpha_seconds", "Fitted time of a batch, whatever its rows."
    yield Family(name, text, "gauge", label, queues, is_by_worker=True)
    name, text = "bundle_batch_beta_seconds", "Fitted time of one more row in a batch."
    yield Family(name, text, "gauge", label, queues, is_by_worker=True)
    name = "bundle_predicted_wait_seconds"
    text = "Time until all that waits now will have been answered, as predicted."
    yield Family(name, text, "gauge", label, queues, is_by_worker=True)
