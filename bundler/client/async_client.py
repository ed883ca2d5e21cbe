"""AsyncClient: asks a server with async methods."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from .wire.address import Address
from .wire.async_wire import AsyncWire
from .wire.reply import Lost, Reply
from .wire.request import CONTRACT, READY, Request, checked
from .wire.retry import Outcome, Pause, RetryPolicy, Send, conversation, failure

if TYPE_CHECKING:  # with the first call, not with the import: numpy and its like take longest
    import ssl

    from .asking import Call
    from .contract import Contract
    from .values import Shape


class AsyncClient:
    """As Client, awaited: predictions of a server, typed from its contract.

    What the contract has no place for is refused before it is sent. Arrays travel as npy and npz.
    A server that is full is asked again, as often as `retries` says and when it says; what may
    have run is sent again only where that does no harm. `timeout` is for all of a call, in seconds.

    Example:
        async with AsyncClient("http://127.0.0.1:8080") as client:
            labels = await client.predict(np.ones((3, 4)))
            async for token in client.stream("generate", prompt="Once"):
                ...
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        retries: int = 3,
        headers: Mapping[str, str] | None = None,
        tls: "ssl.SSLContext | None" = None,
    ) -> None:
        self._policy = RetryPolicy(timeout, retries)
        self._headers = checked(headers or {})
        self._wire = AsyncWire(Address.of(url), tls)
        self._contract: Contract | None = None

    async def contract(self) -> "Contract":
        """What the server says of itself; asked for once.

        Raises:
            ClientError: when nobody answers, or it is no server of a bundle.
        """
        from .contract import Contract

        if self._contract is None:
            request = CONTRACT.adding(self._headers)
            self._contract = Contract.read((await self._ask(request, self._policy)).body)
        return self._contract

    async def is_ready(self) -> bool:
        """Whether the server takes requests now."""
        reply = await self._wire.send(READY.adding(self._headers), self._policy.timeout)
        return isinstance(reply, Reply) and reply.is_ok

    async def call(
        self,
        route: str,
        /,
        *arguments: Any,
        shape: "Shape" = "auto",
        timeout: float | None = None,  # noqa: ASYNC109  # with all pauses
        **named: Any,
    ) -> Any:
        """What a route answers: its predictions as arrays, a DataFrame or lists.

        Raises:
            ClientError: see `failures`.
        """
        prepared = await self._asked(route, arguments, named, shape)
        return prepared.value(await self._ask(prepared.request, self._policy.within(timeout)))

    async def predict(self, *arguments: Any, **named: Any) -> Any:
        """`call("predict", ...)`."""
        return await self.call("predict", *arguments, **named)

    async def stream(
        self,
        route: str,
        /,
        *arguments: Any,
        timeout: float | None = None,  # noqa: ASYNC109  # of each part
        **named: Any,
    ) -> AsyncIterator[Any]:
        """The items of an answer that comes in parts, each within the timeout; never asked twice.

        Raises:
            ClientError: see `failures`.
        """
        from .wire.events import Events

        prepared = await self._asked(route, arguments, named, "auto")
        seconds = self._policy.within(timeout).timeout
        try:
            async with self._wire.opened(prepared.request, seconds) as (reply, parts):
                if not reply.is_ok:
                    body = b"".join([part async for part in parts])
                    raise failure(Reply(reply.status, reply.headers, body))
                found = Events(reply.content_type)
                async for part in parts:
                    for item in found.feed(part):
                        yield item
                for item in found.close():
                    yield item
        except Lost as lost:
            raise failure(lost) from lost

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A route as a method; whether it is one is known when it is awaited."""
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self.call, name)

    async def close(self) -> None:
        """Close its connections."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _asked(
        self, route: str, arguments: tuple[Any, ...], named: Mapping[str, Any], shape: "Shape"
    ) -> "Call":
        from . import asking

        return asking.asked(await self.contract(), route, (arguments, named), self._headers, shape)

    async def _ask(self, request: Request, policy: RetryPolicy) -> Reply:
        steps = conversation(request, policy, time.monotonic)
        outcome: Outcome = None
        try:
            step: Send | Pause = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    outcome = None
                else:
                    outcome = await self._wire.send(request.within(step.seconds), step.seconds)
                step = steps.send(outcome)
        except StopIteration as end:
            reply: Reply = end.value
            return reply
