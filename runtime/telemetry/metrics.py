"""Metrics: the metrics of a server."""

import platform
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..version import __version__
from .counters import Counters
from .exposition import Exposition, Fact
from .families import LAGS, OTHER, REWARDS, SECONDS, TOPOLOGIES, families
from .process_list import Labels, ProcessList
from .queue_metrics import QueueMetrics
from .reserved_slots import MOST, ReservedSlots

if TYPE_CHECKING:
    from ..manifests.added_model import AddedModel
    from ..plan import Plan

Memory = Sequence[tuple[Labels, int, int]]
"""The values of `ProcessList.memory`."""


class Metrics:
    """The families of one server, and the cheap ways to count into them.

    routes   paths of the prediction routes; all others are counted as "other"
    rules    names of what dialects answer; only what has been asked for is shown
    queues   names of the batchers
    models   aliases of the models
    workers  processes that count, each in a row of its own
    replicas  executors of one queue in one worker, at most
    """

    def __init__(
        self,
        routes: Iterable[str],
        queues: Iterable[str],
        models: Iterable[str],
        workers: int = 1,
        replicas: int = 1,
        *,
        rules: Iterable[str] = (),
    ) -> None:
        self.reserved = ReservedSlots()
        listed = families(routes, queues, models, replicas, rules)
        self._families = {family.name: family for family in listed}
        self.counters = Counters(tuple(self._families.values()), workers)
        self.processes = ProcessList()
        python = platform.python_version()
        self.build = {"version": __version__, "python": python, "bundle": "", "bundle_version": ""}
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
        self._answered = self._slot("bundle_worker_requests_total")
        self._lag = self._slot("bundle_event_loop_lag_seconds")

    @classmethod
    def of(
        cls, plan: "Plan", workers: int = 1, replicas: int = 1, *, rules: Iterable[str] = ()
    ) -> "Metrics":
        """Room for everything that a server of `plan` counts, in memory that forks share."""
        may_come = plan.settings.registration == "store" and plan.manifest.service is None
        reserved = ReservedSlots(MOST if may_come else 0)
        known = plan.models.items()
        queues = [queue_name(alias, method) for alias, model in known for method in model.methods]
        queues += [route.path for route in plan.routes if route.model is None]
        routes = (route.path for route in plan.routes)
        models = (*plan.models, *reserved.models)
        metrics = cls(routes, (*queues, *reserved.queues), models, workers, replicas, rules=rules)
        metrics.reserved = reserved
        metrics.build |= {
            "bundle": plan.manifest.name,
            "bundle_version": plan.manifest.version or "",
        }
        return metrics

    def _slot(self, family: str, *labels: str) -> int:
        return self.counters.slot(self._families[family], *labels)

    def began(self, requests: int = 1) -> None:
        """Count requests that have arrived."""
        self.counters.add(self._in_flight, requests)

    def ended(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered, or whose client has gone (499)."""
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
        counters.add(self._answered, len(seconds))
        counters.observe_all(self._durations[route], SECONDS, seconds)

    def refused(self, reason: str) -> None:
        """A request was refused before it reached a queue."""
        self.counters.add(self._slot("bundle_refused_total", reason))

    def loaded(self, model: str, seconds: float) -> None:
        """A model was loaded."""
        place = self.reserved.place(model)
        self.counters.set(self._slot("bundle_model_load_seconds", place), seconds)

    def ready(self, is_ready: bool) -> None:
        """Set whether this worker accepts requests."""
        self.counters.set(self._ready, float(is_ready))

    def is_any_ready(self) -> bool:
        """Whether any worker accepts requests."""
        return self.counters.total(self._ready) > 0

    def died(self, worker: int) -> None:
        """Count the death of a worker that will be replaced, and reset its gauges."""
        self.counters.forget(worker)
        self.counters.add(self._restarts)

    def model_died(self, model: str, cause: str) -> None:
        """Count the death of a model process that will be replaced; see `families.CAUSES`."""
        place = self.reserved.place(model)
        self.counters.add(self._slot("bundle_model_restarts_total", place, cause))

    def service_died(self, worker: int) -> None:
        """Count the death of a service process that will be replaced, and reset its gauges."""
        self.counters.forget(worker)
        self.counters.add(self._service_deaths)

    def rewarded(self, model: str, reward: float) -> None:
        """Count the reward that a client has sent for an answer."""
        family = self._families["bundle_feedback_reward"]
        place = self.reserved.place(model)
        slot = self.counters.slot(family, place if (place,) in family.series else OTHER)
        self.counters.observe(slot, REWARDS, reward)

    def lagged(self, seconds: float) -> None:
        """The event loop of this worker was so late."""
        self.counters.observe(self._lag, LAGS, seconds)

    def topology(self, kind: str, fronts: int, replicas: int) -> None:
        """How many processes serve, and in which arrangement."""
        self.counters.set(self._slot("bundle_topology"), 1 + TOPOLOGIES.index(kind))
        self.counters.set(self._slot("bundle_fronts"), fronts)
        self.counters.set(self._slot("bundle_model_processes"), fronts * replicas)

    def queue(self, name: str) -> "QueueMetrics":
        """The observer of the batcher `name`."""
        return QueueMetrics(self._families, self.counters, self.reserved.place(name))

    def add_model(self, added: "AddedModel") -> None:
        """Reserve slots for a model that is added."""
        queues = [queue_name(added.alias, method) for method in added.manifest.methods]
        self.reserved.take(added.slot, added.alias, queues)

    def remove_model(self, alias: str, *, clear: bool = False) -> None:
        """Free the slots of a model; `clear` its counts too, once no process adds to them."""
        places = self.reserved.leave(alias)
        if clear:
            self.counters.clear(frozenset(places))

    def text(self, memory: Memory = ()) -> bytes:
        """All numbers of all workers, in Prometheus' text format; see `ProcessList.memory`."""
        return Exposition(self.counters, self._facts(memory), self.reserved.names).text()

    def _facts(self, memory: Memory) -> list[Fact]:
        resident = [(labels, float(held)) for labels, held, _ in memory]
        share = [(labels, float(own)) for labels, _, own in memory]
        return [
            Fact("bundle_build_info", "What runs.", [(self.build, 1.0)]),
            Fact("bundle_topology_info", "How the processes work.", self._arrangement()),
            Fact(
                "bundle_process_resident_memory_bytes", "Memory that each process holds.", resident
            ),
            Fact(
                "bundle_process_proportional_memory_bytes",
                "The same, where n processes that share a page count 1/n of it each.",
                share,
            ),
        ]

    def _arrangement(self) -> list[tuple[Labels, float]]:
        names = ("bundle_topology", "bundle_fronts", "bundle_model_processes")
        kind, fronts, models = (int(self.counters.total(self._slot(name))) for name in names)
        if not kind:
            return []  # there is no supervisor
        replicas = models // fronts
        labels = {"kind": TOPOLOGIES[kind - 1], "fronts": str(fronts), "replicas": str(replicas)}
        return [(labels, 1.0)]


def queue_name(alias: str, method: str) -> str:
    """The name of the queue of a model's method."""
    return f"{alias}.{method}"
