"""Body: reads a request body under limits of its size and of the memory of all bodies."""

from ...errors import BadPayload, ClientGone, Overloaded, PayloadTooLarge
from .exchange import Receive
from .heap_trim import HeapTrim

_LARGE = 1 << 17  # bytes of a body that leaves something behind


class Budget:
    """Bytes of request bodies that may be in memory at once, over all connections."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.heap = HeapTrim()

    def take(self, amount: int) -> None:
        """Claim `amount` bytes.

        Raises:
            Overloaded: when they are not there.
        """
        if self.used + amount > self.limit:
            raise beyond()
        self.used += amount

    def give(self, amount: int) -> None:
        """Give `amount` bytes back."""
        self.used -= amount
        if amount >= _LARGE:
            self.heap.return_soon()


class Body:
    """One request's body. `claimed` bytes of the budget are its own until `release`."""

    __slots__ = ("_budget", "claimed", "limit")

    def __init__(self, limit: int, budget: Budget) -> None:
        self.limit = limit
        self._budget = budget
        self.claimed = 0

    async def read(self, receive: Receive, content_length: bytes | None) -> bytes:
        """Read the whole body.

        Raises:
            PayloadTooLarge: at once if Content-Length is too large, else at the limit.
            Overloaded: when too many others are being received.
            ClientGone: when the client disconnected before the end.
        """
        if content_length is not None:
            self._check(_length(content_length))
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("The client has gone.")
        first: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            self.hold(len(first))
            return first
        return await self._rest(receive, first)

    async def _rest(self, receive: Receive, first: bytes) -> bytes:
        parts, size, more = [first], len(first), True
        while more:
            self.hold(size)
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("The client has gone.")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
        self.hold(size)
        return b"".join(parts)

    def hold(self, total: int) -> None:
        """So many bytes are kept now, of whatever the body became.

        Raises:
            PayloadTooLarge: when that is over the limit.
            Overloaded: when too many others are being received.
        """
        # Only received bytes are counted, so that no client can block others by announcing a large
        # body that it never sends.
        self._check(total)
        if total > self.claimed:
            self._budget.take(total - self.claimed)
            self.claimed = total

    def release(self) -> None:
        """Release the reserved bytes of the budget."""
        self._budget.give(self.claimed)
        self.claimed = 0

    def _check(self, total: int) -> None:
        if total > self.limit:
            raise PayloadTooLarge(f"The body is larger than {self.limit} bytes.")


def beyond() -> Overloaded:
    """The error when the budget has no room for a body."""
    return Overloaded("Too many bytes are being received; try again.", retry_after=1)


def _length(value: bytes) -> int:
    value = value.strip(b" \t")
    if not value.isdigit() or len(value) > 18:  # noqa: PLR2004  # beyond any memory
        raise BadPayload("Content-Length is not a number.")
    return int(value)
