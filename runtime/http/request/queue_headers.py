"""QueueHeaders: the client and the priority of a request, for `serve.queue`."""

from collections.abc import Hashable, Mapping

from ...errors import BadPayload
from ...manifests.settings import QueueSettings

LEAST = 3  # the priority of what can wait
DEFAULT = 1
_DIGITS = {b"%d" % priority: priority for priority in range(LEAST + 1)}


class QueueHeaders:
    """What the headers and the address of a request say about its place in the queue."""

    __slots__ = ("_header", "_priorities", "is_by_address")

    def __init__(self, queue: QueueSettings) -> None:
        self._priorities = queue.priorities
        self.is_by_address = queue.fairness == "address"
        header = queue.fairness_header
        self._header = header.encode() if header is not None else None

    def priority(self, headers: Mapping[bytes, bytes]) -> int:
        """0 for the most urgent to 3; X-Priority, where that counts.

        Raises:
            BadPayload: when it is anything else.
        """
        said = headers.get(b"x-priority") if self._priorities else None
        if said is None:
            return DEFAULT
        priority = _DIGITS.get(said.strip())
        if priority is None:
            raise BadPayload(f"X-Priority is a number from 0, the most urgent, to {LEAST}.")
        return priority

    def client(self, headers: Mapping[bytes, bytes], address: str | None) -> Hashable:
        """Whose share a request counts against; those of which nothing is known are one client."""
        if self._header is not None:
            return headers.get(self._header)
        return address if self.is_by_address else None
