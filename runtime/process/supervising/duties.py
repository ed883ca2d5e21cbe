"""Duties: the interface between the supervisor and what its processes do."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from ...system.prctl import adopt_orphans
from ..crew.child import Work
from ..crew.control import Event
from ..crew.crew import Crew, FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from .load_coordinator import LoadCoordinator
from .supervision import Supervision


class Duties(Protocol):
    """What each kind of process does, and what happens when one starts or ends."""

    def new_crew(self, number: int) -> Crew:
        """The crew to serve with; `number` counts crews from 0."""

    def coordinator(self, supervision: Supervision) -> LoadCoordinator:
        """The coordinator of loads and unloads, which acts through `supervision`."""

    def front(self, slot: FrontSlot, on_ready: Callable[[], None]) -> int:
        """Run a front in its process until it ends; the exit code."""

    def model(self, slot: ModelSlot, on_ready: Callable[[], None]) -> int:
        """Run a model process until it ends; the exit code."""

    def template(self, slot: TemplateSlot, on_ready: Callable[[], None]) -> int:
        """Run a template process until it ends; the exit code."""

    @property
    def has_predecessor(self) -> bool:
        """Whether another server answers as long as this one is not ready."""

    @property
    def is_replaceable(self) -> bool:
        """Whether another server may listen on the same socket by now."""

    def crew_ready(self, crew: Crew) -> None:
        """Called when a crew begins to serve."""

    def handle(self, slot: FrontSlot, event: Event) -> bool:
        """Handle an event of a front; whether a new crew is needed."""

    def check_load(self, crew: Crew) -> bool:
        """Check the load of the serving crew; whether to do so again later."""

    def process_died(self, slot: ProcessSlot, cause: str) -> None:
        """Called when a process has died that is replaced; `cause`: "crash", "hang" or "memory"."""

    def process_ready(self, slot: ProcessSlot) -> None:
        """Called when the process of a slot has reported ready."""

    def process_ended(self, pid: int) -> None:
        """Called when any process has ended, for any reason."""

    def front_finished(self, slot: FrontSlot) -> None:
        """Called when a front has finished its work and is not replaced."""

    def handed_over(self) -> None:
        """Called when another server serves on the same socket: this one accepts no more."""

    def refuse_connections(self) -> None:
        """Called when all fronts have announced their shutdown to their clients."""


def work_at(duties: Duties, slot: ProcessSlot) -> Work:
    """The function that the process of a slot runs."""
    if isinstance(slot, FrontSlot):
        return partial(duties.front, slot)
    if isinstance(slot, TemplateSlot):
        adopt_orphans()  # its forks are ours
        return partial(duties.template, slot)
    assert isinstance(slot, ModelSlot)
    return partial(duties.model, slot)
