"""PendingChanges: requests to load, unload or add a model that the coordinator has not answered."""

import asyncio
import time
from collections.abc import Callable
from itertools import count

from ..dialects.lifecycle import AlreadyHere, NotVouchedFor
from ..errors import LoadFailed, NotSupported, Overloaded, RequestError, UnknownModel
from ..models.state import UNLOADED


class PendingChanges:
    """A future for each request, by its number."""

    def __init__(self) -> None:
        # Distinct from the numbers of a predecessor that died: its results still arrive here.
        self._numbers = count(time.monotonic_ns())
        self._awaited: dict[int, asyncio.Future[tuple[str, str]]] = {}
        self._aliases: dict[int, str] = {}  # of added models, by request

    async def result(self, send: Callable[[int], None]) -> tuple[str, str]:
        """Call `send` with a new number, and wait for the result: a state, and its reason."""
        return await self._result(next(self._numbers), send)

    async def added(self, name: str, send: Callable[[int], None]) -> str:
        """Send a request to add the model `name`, and wait for it; returns its alias in the server.

        Raises:
            RequestError: why it was not added.
        """
        request_id = next(self._numbers)
        try:
            state, why = await self._result(request_id, send)
            if state != "READY":
                raise _refused(name, state, why)
            return self._aliases[request_id]
        finally:
            self._aliases.pop(request_id, None)

    async def _result(self, request_id: int, send: Callable[[int], None]) -> tuple[str, str]:
        self._awaited[request_id] = asyncio.get_running_loop().create_future()
        try:
            send(request_id)
            return await self._awaited[request_id]
        finally:
            del self._awaited[request_id]

    def set_alias(self, request_id: int, alias: str) -> None:
        """Record the alias of the model that this request adds; it is about to be loaded."""
        if request_id in self._awaited:
            self._aliases[request_id] = alias

    def set_result(self, request_id: int, state: str, why: str) -> None:
        """Give the caller its result."""
        future = self._awaited.get(request_id)
        if future is not None and not future.done():
            future.set_result((state, why))


def _refused(name: str, state: str, why: str) -> RequestError:
    """The error of a request to add a model, from the state that the coordinator reports."""
    shown = f"`{name[:64]}`"
    if state == "unknown":
        return UnknownModel(f"There is no model {shown}: neither here nor in the store.")
    if state == "here":
        return AlreadyHere(f"Model {shown} is registered already, as `{why}`.", why)
    message = f"Model {shown} cannot be registered: {why or state}."
    if state == "busy" or why == UNLOADED:  # another caller unloaded it meanwhile
        return Overloaded(message, retry_after=1)
    kinds: dict[str, type[RequestError]] = {
        "refused": NotVouchedFor,
        "conflict": AlreadyHere,
        "unsupported": NotSupported,
    }
    return kinds.get(state, LoadFailed)(message)
