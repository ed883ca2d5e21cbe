"""Supervision: what those who have models come and go need of the processes of a server."""

from collections.abc import Sequence
from typing import Protocol

from ..crew.crew import Crew, FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from ..crew.watch import Watch


class Supervision(Protocol):
    """Who has the processes; the supervisor does."""

    @property
    def crew(self) -> Crew:
        """Who serves."""

    @property
    def watch(self) -> Watch:
        """What it waits for."""

    @property
    def is_free(self) -> bool:
        """Whether models can come and go now: nobody takes over, or ends, or begins."""

    @property
    def is_ending(self) -> bool:
        """Whether the server is about to end."""

    def fill(self, slot: ProcessSlot) -> None:
        """Have a process in a slot."""

    def dismiss(self, slot: ProcessSlot) -> None:
        """Have nobody in a slot any more."""


class SlotFactory(Protocol):
    """Who makes slots; `Serving` does."""

    def slots(self, front: FrontSlot, alias: str) -> Sequence[ModelSlot]:
        """For the processes of a model that shall work for a front."""

    def origin(self, alias: str) -> TemplateSlot | None:
        """For the process that they are forked from, where there should be one."""
