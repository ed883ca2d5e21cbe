"""Duties: the interface between the supervisor and what its processes do."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from ...errors import BundleError
from ...prctl import adopt_orphans
from ..crew.child import Work
from ..crew.control import Event
from ..crew.crew import Crew, FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from .supervision import Supervision
from .terms import Terms


class Duties(Protocol):
    """What each kind of process does, and what happens when one starts or ends."""

    def new_crew(self, number: int) -> Crew:
        """The crew to serve with; `number` counts crews from 0."""

    def terms(self, supervision: Supervision) -> Terms:
        """The loading and unloading of models, by means of `supervision`."""

    def front(self, slot: FrontSlot, on_ready: Callable[[], None]) -> int:
        """Run a front in its process until it ends; the exit code."""

    def model(self, slot: ModelSlot, on_ready: Callable[[], None]) -> int:
        """Run a model process until it ends; the exit code."""

    def template(self, slot: TemplateSlot, on_ready: Callable[[], None]) -> int:
        """Run a template process until it ends; the exit code."""

    @property
    def has_stand_in(self) -> bool:
        """Whether another server answers, as long as this one does not."""

    @property
    def is_replaceable(self) -> bool:
        """Whether another server can have come to listen on the same socket."""

    def ready(self, crew: Crew) -> None:
        """A crew serves."""

    def failed(self, error: BundleError) -> None:
        """A crew that was to take over cannot; the old one serves."""

    def heard(self, slot: FrontSlot, event: Event) -> bool:
        """Handle a message of a front; whether it asks for another crew."""

    def look(self, crew: Crew) -> bool:
        """Look at the crew that serves; whether to do so again in a while."""

    def died(self, slot: ProcessSlot, cause: str) -> None:
        """Who stood there will be replaced; `cause` is "crash", "hang" or "memory"."""

    def joined(self, slot: ProcessSlot) -> None:
        """The process of a slot has reported ready."""

    def reaped(self, pid: int) -> None:
        """A process has ended, whatever it was and of whatever."""

    def left(self, slot: FrontSlot) -> None:
        """A front has done what it had to, and will not be replaced."""

    def handed_over(self) -> None:
        """Another server serves on the same socket; this one accepts no connections any more."""

    def last_call(self) -> None:
        """All fronts have told their clients that they are shutting down."""


def work_at(duties: Duties, slot: ProcessSlot) -> Work:
    """The function that the process of a slot runs."""
    if isinstance(slot, FrontSlot):
        return partial(duties.front, slot)
    if isinstance(slot, TemplateSlot):
        adopt_orphans()  # its forks are ours
        return partial(duties.template, slot)
    assert isinstance(slot, ModelSlot)
    return partial(duties.model, slot)
