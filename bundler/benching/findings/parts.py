"""Parts: how the time of a request is divided, by the server's own metrics."""

from dataclasses import dataclass
from typing import Any

from ..round import Round
from ..subject.scrape import Scrape

_WAIT, _RUN = "bundle_queue_wait_seconds", "bundle_batch_seconds"
_REQUEST, _ROWS = "bundle_request_duration_seconds", "bundle_batch_rows"


@dataclass(frozen=True, slots=True)
class Parts:
    """Mean seconds of a request in one round.

    queue    until its batch began; of each batch the longest
    model    while its batch ran
    server   the rest between its headers and the last byte of its answer: parsing, checking,
             writing, and waiting for the event loop
    outside  the rest of the client's latency: the kernel, the network, and the client itself
    """

    queue: float
    model: float
    server: float
    outside: float

    def to_json(self) -> dict[str, Any]:
        """In milliseconds."""
        return {
            f"{name}_ms": round(getattr(self, name) * 1e3, 4)
            for name in ("queue", "model", "server", "outside")
        }


@dataclass(frozen=True, slots=True)
class Batches:
    """The sizes of the batches of one queue: how many had at most so many rows."""

    queue: str
    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    mean: float

    def to_json(self) -> dict[str, Any]:
        """Sizes that were seen, by the largest number of rows of their class."""
        seen = {
            "more" if bound == float("inf") else f"{bound:g}": int(count)
            for bound, count in zip(self.bounds, self.counts, strict=True)
            if count
        }
        return {"queue": self.queue, "mean_rows": round(self.mean, 2), "batches": seen}


def of_round(found: Round) -> Parts | None:
    """The parts of a round; None if the server has no such metrics."""
    if found.counted is None or not found.mean:
        return None
    request = found.counted.histogram(_REQUEST, route=_route(found.counted))
    if not request.count:
        return None
    inside = min(request.mean, found.mean)
    queue, model = _queue_and_model(found.counted, inside)
    model = min(model, inside)
    queue = min(queue, inside - model)
    return Parts(queue, model, inside - model - queue, found.mean - inside)


def _queue_and_model(counted: Scrape, inside: float) -> tuple[float, float]:
    """The sums over all queues; or the slowest queue, if queues must have run in parallel."""
    each = [
        (counted.histogram(_WAIT, queue=name).mean, counted.histogram(_RUN, queue=name).mean)
        for name in _queues(counted)
    ]
    if sum(map(sum, each)) > inside:
        return max(each, key=sum)
    return sum(wait for wait, _ in each), sum(run for _, run in each)


def batches(found: Round) -> list[Batches]:
    """The batches of a round, queue by queue."""
    if found.counted is None:
        return []
    seen = [(name, found.counted.histogram(_ROWS, queue=name)) for name in _queues(found.counted)]
    return [Batches(name, one.bounds, one.counts, one.mean) for name, one in seen]


def _queues(counted: Scrape) -> list[str]:
    """The queues that ran batches."""
    names = counted.labels(f"{_ROWS}_count", "queue")
    return [name for name in names if counted.total(f"{_ROWS}_count", queue=name)]


def _route(counted: Scrape) -> str:
    """The route under load: our requests for `/metrics` count elsewhere."""
    name = f"{_REQUEST}_count"
    routes = counted.labels(name, "route")
    return max(routes, key=lambda route: counted.total(name, route=route), default="")
