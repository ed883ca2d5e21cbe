"""Tickets: callers that wait for a coordinator, and the results that they get."""

import asyncio
import time
from collections.abc import Callable
from itertools import count

from ..dialects.lifecycle import AlreadyHere, NotVouchedFor
from ..errors import LoadFailed, NotSupported, Overloaded, RequestError, UnknownModel
from ..models.state import UNLOADED


class Tickets:
    """One ticket for each caller."""

    def __init__(self) -> None:
        # No number is one of the process that has died here: what becomes of its wishes is told us.
        self._numbers = count(time.monotonic_ns())
        self._awaited: dict[int, asyncio.Future[tuple[str, str]]] = {}
        self._guests: dict[int, str] = {}  # alias of the model that came for a ticket

    async def settled(self, ask: Callable[[int], None]) -> tuple[str, str]:
        """Send a request with a ticket through `ask`; its result: a state, and why."""
        ticket = next(self._numbers)
        return await self._settled(ticket, ask)

    async def arrival(self, name: str, ask: Callable[[int], None]) -> str:
        """As `settled`, for a model called `name` that is added to the server: its alias there.

        Raises:
            RequestError: why it does not come.
        """
        ticket = next(self._numbers)
        try:
            state, why = await self._settled(ticket, ask)
            if state != "READY":
                raise _refused(name, state, why)
            return self._guests[ticket]
        finally:
            self._guests.pop(ticket, None)

    async def _settled(self, ticket: int, ask: Callable[[int], None]) -> tuple[str, str]:
        self._awaited[ticket] = asyncio.get_running_loop().create_future()
        try:
            ask(ticket)
            return await self._awaited[ticket]
        finally:
            del self._awaited[ticket]

    def came(self, ticket: int, alias: str) -> None:
        """The model that this ticket is for is called so, and is about to be loaded."""
        if ticket in self._awaited:
            self._guests[ticket] = alias

    def done(self, ticket: int, state: str, why: str) -> None:
        """What has become of what was asked."""
        future = self._awaited.get(ticket)
        if future is not None and not future.done():
            future.set_result((state, why))


def _refused(name: str, state: str, why: str) -> RequestError:
    """The error of a request to add a model, by what its coordinator says."""
    what = f"`{name[:64]}`"
    if state == "unknown":
        return UnknownModel(f"There is no model {what}: neither here nor in the store.")
    if state == "here":
        return AlreadyHere(f"Model {what} is registered already, as `{why}`.", why)
    told = f"Model {what} cannot be registered: {why or state}."
    if state == "busy" or why == UNLOADED:  # which somebody else wanted meanwhile
        return Overloaded(told, retry_after=1)
    kinds: dict[str, type[RequestError]] = {
        "refused": NotVouchedFor,
        "conflict": AlreadyHere,
        "unsupported": NotSupported,
    }
    return kinds.get(state, LoadFailed)(told)
