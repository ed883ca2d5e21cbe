"""ModelStatus: the state of one model of a server, and the pending requests to change it."""

from collections import deque
from dataclasses import dataclass, field

from ...models.state import State
from ...plan import Plan
from ..crew.crew import FrontSlot


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A request to load or unload a model.

    kind      "load" or "unload"
    replicas  processes for each front from then on; None = unchanged
    """

    kind: str
    front: FrontSlot
    request_id: int
    replicas: int | None = None


@dataclass(slots=True)
class ModelStatus:
    """The state of one model.

    term      number of the latest term
    replicas  processes for each front, None = as in the topology; `before`: before the last load
    doing     the change in progress: "load", "commit", "unload", or ""
    queued    changes to come, in order
    joined    requests that wait for the change in progress
    awaited   fronts that have not yet reported its result
    """

    state: State
    why: str = ""
    is_failed: bool = False
    term: int = 0
    replicas: int | None = None
    before: int | None = None
    doing: str = ""
    queued: deque[LoadRequest] = field(default_factory=deque)
    joined: list[tuple[FrontSlot, int]] = field(default_factory=list)
    awaited: set[FrontSlot] = field(default_factory=set)


def initial(plan: Plan) -> dict[str, ModelStatus]:
    """The states of a bundle's models when a server starts, by alias."""
    return {
        alias: ModelStatus("UNAVAILABLE", plan.absent[alias])
        if alias in plan.absent
        else ModelStatus("READY")
        for alias in plan.models
    }
