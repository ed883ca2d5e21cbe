"""Supervision: what loading and unloading models needs of the supervisor."""

from collections.abc import Sequence
from typing import Protocol

from ..crew.crew import Crew, ModelSlot, ProcessSlot, TemplateSlot
from ..crew.event_loop import EventLoop


class Supervision(Protocol):
    """Access to the processes of a server; the supervisor implements it."""

    @property
    def crew(self) -> Crew:
        """The crew that serves."""

    @property
    def loop(self) -> EventLoop:
        """The supervisor's event loop."""

    @property
    def is_free(self) -> bool:
        """Whether models can be loaded and unloaded now: no crew starts, ends or takes over."""

    @property
    def is_ending(self) -> bool:
        """Whether the server is about to end."""

    def fill(self, slot: ProcessSlot) -> None:
        """Start a process in a slot."""

    def dismiss(self, slot: ProcessSlot) -> None:
        """End the process of a slot, and leave the slot empty."""


class SlotFactory(Protocol):
    """Creates slots; `Serving` implements it."""

    def slots(self, alias: str) -> Sequence[ModelSlot]:
        """Slots for the processes of a model that work for one front."""

    def origin(self, alias: str) -> TemplateSlot | None:
        """A slot for the template of these processes, if they share one."""
