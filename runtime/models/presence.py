"""Presence: whether a model is loaded, and if not, why; requests can wait for it."""

import asyncio
import time
from math import inf
from typing import TYPE_CHECKING

from ..errors import DeadlineExceeded, Overloaded
from .state import State

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE = 10.0  # seconds after a failure in which no request has it tried again


class Presence:
    """The state of one model of a server.

    is_here   requests are passed to the model
    state     its name in the APIs
    why       a clause: why the model is unavailable, which clients may see
    want      has it loaded because of a request; None where only a person does
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.is_here = False
        self.state: State = "UNAVAILABLE"
        self.why = "it has not been loaded"
        self.want: Callable[[], None] | None = None
        self.is_failed = False
        self._failed = 0.0  # when, on the monotonic clock
        self._changed: asyncio.Future[None] | None = None

    def change(self, state: State, why: str = "", *, failed: bool = False) -> None:
        """Set the state, and wake the requests that wait for a change."""
        self.state, self.why = state, why
        self.is_here = state == "READY"
        self.is_failed = failed
        if failed:
            self._failed = time.monotonic()
        changed, self._changed = self._changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    @property
    def is_within_reach(self) -> bool:
        """Whether a request would be answered: the model is loaded, or will be loaded for it."""
        return self.is_here or (self.want is not None and not self._is_resting())

    async def arrival(self, deadline: float) -> None:
        """Wait until the model is loaded, if somebody loads it, until the monotonic `deadline`.

        Raises:
            Overloaded: it is not being loaded, or cannot be.
            DeadlineExceeded: it takes too long.
        """
        has_asked = False
        while not self.is_here:
            if self.want is None:
                raise self.refusal()
            changed = self._change_to_come()
            if self.state == "UNAVAILABLE":
                if has_asked or self._is_resting():
                    raise self.refusal()
                has_asked = True
                self.want()
            await self._await(changed, deadline)

    def _change_to_come(self) -> "asyncio.Future[None]":
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    async def _await(self, changed: "asyncio.Future[None]", deadline: float) -> None:
        left = None if deadline == inf else deadline - time.monotonic()
        try:
            async with asyncio.timeout(left):
                await asyncio.shield(changed)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The deadline passed while model `{self.alias}` was being loaded."
            ) from None

    def _is_resting(self) -> bool:
        return self.is_failed and time.monotonic() < self._failed + PAUSE

    def refusal(self) -> Overloaded:
        """The error for requests meanwhile."""
        return Overloaded(f"Model `{self.alias}` is not ready: {self.why}.", retry_after=1)
