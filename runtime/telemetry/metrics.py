"""Metrics: what the server counts, and how Prometheus reads it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

from ..batching.observer import Death, Refusal, Release
from .counters import Counters, Family

if TYPE_CHECKING:
    from ..plan import Plan

STATUSES = tuple(
    "200 204 400 404 405 408 413 415 422 429 499 500 503 504".split()  # noqa: SIM905  # one line
)
OTHER = "other"
REFUSALS = ("starting", "draining", "bytes")
"""Why a request was refused before it reached a queue; `bytes`: too many bodies in memory."""

TOPOLOGIES = ("A", "B", "C", "D", "service", "thread")
"""See `process.topology`."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WAITS = (0.0001, 0.0005, *SECONDS)
ACCURACY = (0.1, 0.25, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 4.0, 10.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)

Names = tuple[tuple[str, ...], ...]


class Metrics:
    """The families of one server, and the cheap ways to count into them.

    routes   paths of the prediction routes; all others are counted as "other"
    queues   names of the batchers
    models   aliases of the models
    """

    def __init__(
        self, routes: Iterable[str], queues: Iterable[str], models: Iterable[str], workers: int = 1
    ) -> None:
        paths = ((path,) for path in (*dict.fromkeys(routes), OTHER))
        self._families = {f.name: f for f in _families(tuple(paths), _each(queues), _each(models))}
        self.counters = Counters(tuple(self._families.values()), workers)
        requests = self._families["bundle_requests_total"]
        self._requests = {
            labels: self.counters.slot(requests, *labels) for labels in requests.series
        }
        duration = self._families["bundle_request_duration_seconds"]
        self._durations = {path: self.counters.slot(duration, path) for (path,) in duration.series}
        self._in_flight = self._slot("bundle_in_flight_requests")
        self._ready = self._slot("bundle_ready_workers")
        self._restarts = self._slot("bundle_worker_restarts_total")
        self._service_deaths = self._slot("bundle_service_restarts_total")
        deaths = self._families["bundle_model_restarts_total"]
        self._deaths = {model: self.counters.slot(deaths, model) for (model,) in deaths.series}

    @classmethod
    def of(cls, plan: "Plan", workers: int = 1) -> "Metrics":
        """Room for everything that a server of `plan` counts, in memory that forks share."""
        models = plan.models.items()
        queues = [queue_name(alias, method) for alias, model in models for method in model.methods]
        queues += [route.path for route in plan.routes if route.model is None]
        return cls((route.path for route in plan.routes), queues, plan.models, workers)

    def _slot(self, family: str, *labels: str) -> int:
        return self.counters.slot(self._families[family], *labels)

    def began(self, requests: int = 1) -> None:
        """Requests have come in."""
        self.counters.add(self._in_flight, requests)

    def ended(self, route: str, status: int, seconds: float) -> None:
        """A request was answered, or its client has gone (499)."""
        self.ended_together(route, status, (seconds,))

    def ended_together(self, route: str, status: int, seconds: Sequence[float]) -> None:
        """As `ended`, for many requests of one route with one status."""
        counters = self.counters
        counters.add(self._in_flight, -len(seconds))
        slot = self._requests.get((route, str(status)))
        if slot is None:
            route = route if route in self._durations else OTHER
            slot = self._requests.get((route, str(status)), self._requests[route, OTHER])
        counters.add(slot, len(seconds))
        counters.observe_all(self._durations[route], SECONDS, seconds)

    def refused(self, reason: str) -> None:
        """A request was refused before it reached a queue."""
        self.counters.add(self._slot("bundle_refused_total", reason))

    def loaded(self, model: str, seconds: float) -> None:
        """A model was loaded."""
        self.counters.set(self._slot("bundle_model_load_seconds", model), seconds)

    def ready(self, is_ready: bool) -> None:
        """Whether this worker takes requests."""
        self.counters.set(self._ready, float(is_ready))

    def is_any_ready(self) -> bool:
        """Whether some worker takes requests."""
        return self.counters.total(self._ready) > 0

    def died(self, worker: int) -> None:
        """A worker has died and will be replaced: it is not ready, and answers nothing."""
        self.counters.forget(worker)
        self.counters.add(self._restarts)

    def model_died(self, model: str) -> None:
        """A process of a model has died and will be replaced."""
        self.counters.add(self._deaths[model])

    def service_died(self, worker: int) -> None:
        """A process of the service has died and will be replaced; what it had going has ended."""
        self.counters.forget(worker)
        self.counters.add(self._service_deaths)

    def topology(self, kind: str, fronts: int, replicas: int) -> None:
        """How many processes serve, and in which arrangement."""
        for each in TOPOLOGIES:
            self.counters.set(self._slot("bundle_topology", each), float(each == kind))
        self.counters.set(self._slot("bundle_fronts"), fronts)
        self.counters.set(self._slot("bundle_model_processes"), fronts * replicas)

    def queue(self, name: str) -> "QueueMetrics":
        """What the batcher called `name` reports to."""
        return QueueMetrics(self._families, self.counters, name)

    def text(self) -> bytes:
        """All numbers of all workers, in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(_Collector(self._families.values(), self.counters))
        return generate_latest(registry)


class _Collector:
    """The counters as prometheus_client's families."""

    def __init__(self, families: Iterable[Family], counters: Counters) -> None:
        self._families = tuple(families)
        self._counters = counters

    def collect(self) -> Iterator[Any]:
        """One family after the other."""
        return map(self._family, self._families)

    def _family(self, family: Family) -> Any:
        from prometheus_client import core

        kinds: dict[str, Any] = {
            "counter": core.CounterMetricFamily,
            "gauge": core.GaugeMetricFamily,
            "histogram": core.HistogramMetricFamily,
        }
        shown = kinds[family.kind](family.name, family.help, labels=family.labels)
        for labels in family.series:
            slot = self._counters.slot(family, *labels)
            if family.kind == "histogram":
                shown.add_metric(labels, self._buckets(family, slot), self._sum(family, slot))
            else:
                shown.add_metric(labels, self._counters.total(slot))
        return shown

    def _buckets(self, family: Family, slot: int) -> list[tuple[str, float]]:
        seen, buckets = 0.0, []
        for position, bound in enumerate((*map(str, family.bounds), "+Inf")):
            seen += self._counters.total(slot + position)
            buckets.append((bound, seen))
        return buckets

    def _sum(self, family: Family, slot: int) -> float:
        return self._counters.total(slot + len(family.bounds) + 1)


class QueueMetrics:
    """A BatchObserver that counts what one batcher does."""

    def __init__(self, families: dict[str, Family], counters: Counters, queue: str) -> None:
        self._counters = counters
        self._pending = counters.slot(families["bundle_pending_rows"], queue)
        self._queued = counters.slot(families["bundle_queue_rows"], queue)
        self._rows = counters.slot(families["bundle_batch_rows"], queue)
        self._wait = counters.slot(families["bundle_queue_wait_seconds"], queue)
        self._seconds = counters.slot(families["bundle_batch_seconds"], queue)
        self._accuracy = counters.slot(families["bundle_batch_prediction_ratio"], queue)
        deaths = families["bundle_batch_deaths_total"]
        self._deaths = {cause: counters.slot(deaths, queue, cause) for cause in get_args(Death)}
        released, refused = families["bundle_batches_total"], families["bundle_queue_refused_total"]
        self._released = {r: counters.slot(released, queue, r) for r in get_args(Release)}
        self._refused = {r: counters.slot(refused, queue, r) for r in get_args(Refusal)}

    def pending(self, rows: int) -> None:
        """`rows` more (or, if negative, fewer) wait for an answer."""
        self._counters.add(self._pending, rows)

    def queued(self, rows: int) -> None:
        """So many rows wait for a batch now."""
        self._counters.set(self._queued, rows)

    def released(self, rows: int, requests: int, waited: float, reason: Release) -> None:  # noqa: ARG002
        """A batch went to the executor."""
        self._counters.observe(self._rows, ROWS, rows)
        self._counters.observe(self._wait, WAITS, waited)
        self._counters.add(self._released[reason])

    def finished(self, rows: int, seconds: float, predicted: float, executor: int) -> None:  # noqa: ARG002
        """A batch succeeded."""
        self._counters.observe(self._seconds, WAITS, seconds)
        if predicted > 0.0:
            self._counters.observe(self._accuracy, ACCURACY, seconds / predicted)

    def died(self, cause: Death, executor: int) -> None:  # noqa: ARG002
        """A batch was lost together with what ran it."""
        self._counters.add(self._deaths[cause])

    def refused(self, reason: Refusal) -> None:
        """A request will not be answered by the model."""
        self._counters.add(self._refused[reason])


def queue_name(alias: str, method: str) -> str:
    """What the queue of a model's method is called."""
    return f"{alias}.{method}"


def _each(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    return tuple((name,) for name in dict.fromkeys(names))


def _families(paths: Names, queues: Names, models: Names) -> Iterator[Family]:
    requests = tuple((*path, status) for path in paths for status in (*STATUSES, OTHER))
    yield Family(
        "bundle_requests_total", "Requests answered.", "counter", ("route", "status"), requests
    )
    yield Family(
        "bundle_request_duration_seconds",
        "From the request's headers to the last byte of its answer.",
        "histogram",
        ("route",),
        paths,
        SECONDS,
    )
    yield Family("bundle_in_flight_requests", "Requests being answered.", "gauge", (), ((),))
    reasons = tuple((reason,) for reason in REFUSALS)
    yield Family(
        "bundle_refused_total", "Requests refused at the door.", "counter", ("reason",), reasons
    )
    yield Family("bundle_ready_workers", "Processes that take requests.", "gauge", (), ((),))
    yield Family(
        "bundle_worker_restarts_total",
        "Processes started again after a crash.",
        "counter",
        (),
        ((),),
    )
    yield Family(
        "bundle_model_restarts_total",
        "Model processes started again after a crash or a hang.",
        "counter",
        ("model",),
        models,
    )
    yield Family(
        "bundle_service_restarts_total",
        "Processes of the service started again after a crash or a hang.",
        "counter",
        (),
        ((),),
    )
    kinds = tuple((kind,) for kind in TOPOLOGIES)
    yield Family("bundle_topology", "1 for how the processes work.", "gauge", ("kind",), kinds)
    yield Family("bundle_fronts", "Processes with connections.", "gauge", (), ((),))
    yield Family("bundle_model_processes", "Processes of each model.", "gauge", (), ((),))
    yield Family(
        "bundle_model_load_seconds",
        "Time to load a model, summed over the processes that hold it.",
        "gauge",
        ("model",),
        models,
    )
    yield from _queue_families(queues)


def _queue_families(queues: Names) -> Iterator[Family]:
    label = ("queue",)
    both = ("queue", "reason")
    yield Family(
        "bundle_pending_rows", "Rows accepted and not yet answered.", "gauge", label, queues
    )
    yield Family("bundle_queue_rows", "Rows that wait for a batch.", "gauge", label, queues)
    yield Family("bundle_batch_rows", "Rows in a batch.", "histogram", label, queues, ROWS)
    yield Family(
        "bundle_queue_wait_seconds",
        "Time that the oldest request of a batch waited for it.",
        "histogram",
        label,
        queues,
        WAITS,
    )
    yield Family(
        "bundle_batch_seconds", "Time that a batch ran.", "histogram", label, queues, WAITS
    )
    yield Family(
        "bundle_batch_prediction_ratio",
        "Time that a batch ran, as a multiple of what was predicted for it.",
        "histogram",
        label,
        queues,
        ACCURACY,
    )
    causes = tuple((*queue, cause) for queue in queues for cause in get_args(Death))
    yield Family(
        "bundle_batch_deaths_total",
        "Batches lost together with what ran them, by why.",
        "counter",
        ("queue", "cause"),
        causes,
    )
    released = tuple((*queue, reason) for queue in queues for reason in get_args(Release))
    yield Family(
        "bundle_batches_total", "Batches, by why they were released.", "counter", both, released
    )
    refused = tuple((*queue, reason) for queue in queues for reason in get_args(Refusal))
    yield Family(
        "bundle_queue_refused_total",
        "Requests that the model will not answer, by why.",
        "counter",
        both,
        refused,
    )
