"""SharedState: settings, readiness and budgets that HTTP, the fast path and gRPC share."""

from dataclasses import dataclass

from ..hosting.readiness import Readiness
from ..manifests.settings import ServeSettings
from ..telemetry.metrics import Metrics
from .backlog import Backlog
from .request.body import Budget


@dataclass(frozen=True, slots=True)
class SharedState:
    """The settings of a server, and how full it is."""

    settings: ServeSettings
    readiness: Readiness
    budget: Budget
    backlog: Backlog
    metrics: Metrics
