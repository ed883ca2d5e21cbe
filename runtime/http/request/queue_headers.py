"""QueueHeaders: the client and the priority of a request, for `serve.queue`."""

from collections.abc import Hashable, Mapping

from ...errors import BadPayload
from ...manifests.settings import QueueSettings

LEAST = 3  # the priority of what can wait
DEFAULT = 1
_DIGITS = {b"%d" % priority: priority for priority in range(LEAST + 1)}


class QueueHeaders:
    """The priority and the client of a request, from its headers and address."""

    __slots__ = ("_header", "_priorities", "is_by_address")

    def __init__(self, queue: QueueSettings) -> None:
        self._priorities = queue.priorities
        self.is_by_address = queue.fairness == "address"
        header = queue.fairness_header
        self._header = header.encode() if header is not None else None

    def priority(self, headers: Mapping[bytes, bytes]) -> int:
        """X-Priority, from 0 (most urgent) to 3; the default if priorities are off.

        Raises:
            BadPayload: for any other value.
        """
        value = headers.get(b"x-priority") if self._priorities else None
        if value is None:
            return DEFAULT
        priority = _DIGITS.get(value.strip())
        if priority is None:
            raise BadPayload(f"X-Priority is a number from 0, the most urgent, to {LEAST}.")
        return priority

    def client(self, headers: Mapping[bytes, bytes], address: str | None) -> Hashable:
        """The client whose share a request counts against; unknown ones are one client."""
        if self._header is not None:
            return headers.get(self._header)
        return address if self.is_by_address else None
