"""Subject: the server to measure, its requests, and its settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from ....runtime.manifests.route import Route
from ....runtime.manifests.settings import MOST_BATCH_SIZE, ServeSettings
from .bench_request import BenchRequests
from .process_tree import ProcessTree


@dataclass(frozen=True, slots=True)
class Knobs:
    """The batching settings of the measured route."""

    max_batch_size: int
    latency_budget: float  # seconds
    workers: Literal["auto"] | int
    is_batchable: bool = True

    @classmethod
    def of(cls, serve: Mapping[str, Any], route: Route, workers: str = "") -> "Knobs":
        """Read them from `bundle.json` for a route; `workers` as set on the command line."""
        settings = ServeSettings.from_json(serve)
        budget, count = route.latency_budget, int(workers) if workers.isdecimal() else None
        return cls(
            route.max_batch_size or settings.batch.max_batch_size or MOST_BATCH_SIZE,
            settings.batch.latency_budget if budget is None else budget,
            count or settings.workers,
            route.batchable,
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """A server at `url` (without a path), measured at `path`.

    name   as given by the user
    tree   its processes, if they run on this machine and may be observed
    knobs  None if the bundle of the server is unknown
    """

    name: str
    url: str
    path: str
    requests: BenchRequests
    tree: ProcessTree | None = None
    knobs: Knobs | None = None
    tag: str | None = None
    digest: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 80

    def to_json(self) -> dict[str, Any]:
        """Encode for the report."""
        return {"tag": self.tag, "digest": self.digest, "url": self.url, "route": self.path}
