"""Client: asks a server with blocking methods."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from .wire.address import Address
from .wire.failures import NoRoute
from .wire.reply import Lost, Reply
from .wire.request import CONTRACT, READY, Request, checked
from .wire.retry import Outcome, Pause, RetryPolicy, Send, conversation, failure
from .wire.sync_wire import SyncWire

if TYPE_CHECKING:  # with the first call, not with the import: numpy and its like take longest
    import ssl

    from .asking import Call
    from .contract import Contract
    from .values import Shape


class Client:
    """Predictions of a server, typed from its contract.

    What the contract has no place for is refused before it is sent. Arrays travel as npy and npz.
    A server that is full is asked again, as often as `retries` says and when it says; what may
    have run is sent again only where that does no harm. `timeout` is for all of a call, in seconds.

    Example:
        with Client("http://127.0.0.1:8080") as client:
            labels = client.predict(np.ones((3, 4)))
            for token in client.stream("generate", prompt="Once"):
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
        self._wire = SyncWire(Address.of(url), tls)
        self._contract: Contract | None = None

    @property
    def contract(self) -> "Contract":
        """What the server says of itself; asked for once.

        Raises:
            ClientError: when nobody answers, or it is no server of a bundle.
        """
        from .contract import Contract

        if self._contract is None:
            request = CONTRACT.adding(self._headers)
            self._contract = Contract.read(self._ask(request, self._policy).body)
        return self._contract

    @property
    def is_ready(self) -> bool:
        """Whether the server takes requests now."""
        reply = self._wire.send(READY.adding(self._headers), self._policy.timeout)
        return isinstance(reply, Reply) and reply.is_ok

    def call(
        self,
        route: str,
        /,
        *arguments: Any,
        shape: "Shape" = "auto",
        timeout: float | None = None,
        **named: Any,
    ) -> Any:
        """What a route answers: its predictions as arrays, a DataFrame or lists.

        Raises:
            ClientError: see `failures`.
        """
        prepared = self._asked(route, arguments, named, shape)
        return prepared.value(self._ask(prepared.request, self._policy.within(timeout)))

    def predict(self, *arguments: Any, **named: Any) -> Any:
        """`call("predict", ...)`."""
        return self.call("predict", *arguments, **named)

    def stream(
        self, route: str, /, *arguments: Any, timeout: float | None = None, **named: Any
    ) -> Iterator[Any]:
        """The items of an answer that comes in parts, each within the timeout; never asked twice.

        Raises:
            ClientError: see `failures`.
        """
        from .wire.events import Events

        prepared = self._asked(route, arguments, named, "auto")
        seconds = self._policy.within(timeout).timeout
        try:
            with self._wire.opened(prepared.request, seconds) as (reply, parts):
                if not reply.is_ok:
                    raise failure(Reply(reply.status, reply.headers, b"".join(parts)))
                found = Events(reply.content_type)
                for part in parts:
                    yield from found.feed(part)
                yield from found.close()
        except Lost as lost:
            raise failure(lost) from lost

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A route as a method."""
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            route = self.contract.route(name)
        except NoRoute as error:
            raise AttributeError(f"{error} {error.hint}") from error
        return partial(self.stream if route.is_streaming else self.call, route.name)

    def close(self) -> None:
        """Close its connections."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(
        self, route: str, arguments: tuple[Any, ...], named: Mapping[str, Any], shape: "Shape"
    ) -> "Call":
        from . import asking

        return asking.asked(self.contract, route, (arguments, named), self._headers, shape)

    def _ask(self, request: Request, policy: RetryPolicy) -> Reply:
        steps = conversation(request, policy, time.monotonic)
        outcome: Outcome = None
        try:
            step: Send | Pause = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    outcome = None
                else:
                    outcome = self._wire.send(request.within(step.seconds), step.seconds)
                step = steps.send(outcome)
        except StopIteration as end:
            reply: Reply = end.value
            return reply
