"""Availability: whether a model has a live process, reported to listeners."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from .model_link import ModelLink

TRIES = 2  # processes that die before they are ready, after which requests do not wait for the next


class AvailabilityListener(Protocol):
    """Receives the reports; `hosting.readiness` implements it."""

    def missing(self, name: str, why: str) -> None:
        """The last process has ended; `why` is a clause that clients may see."""

    def found(self, name: str) -> None:
        """A process is ready again."""

    def broken(self, name: str, why: str) -> None:
        """Restarts keep failing: requests should not wait for the model."""


class Availability:
    """Reports when the last process of a model has ended, and when the first is back."""

    def __init__(
        self, alias: str, links: Sequence[ModelLink], listener: AvailabilityListener
    ) -> None:
        self._alias = alias
        self._links = links
        self._listener = listener
        self._arrived = asyncio.Event()
        for link in links:
            link.on_change = self._changed
            self._changed(link)

    async def arrival(self) -> None:
        """Wait until the first process has loaded the model."""
        await self._arrived.wait()

    def _changed(self, link: ModelLink) -> None:
        if any(link.is_ready for link in self._links):
            self._arrived.set()
            self._listener.found(self._alias)
            return
        if not self._arrived.is_set():
            return
        why = f"{link.why} and " if link.why else ""
        self._listener.missing(self._alias, f"`{self._alias}` {why}is being started again")
        if all(each.losses >= TRIES for each in self._links):
            self._listener.broken(self._alias, f"it {why}cannot be started again")
