"""What a batcher tells whoever counts: metrics, logs, a test."""

from typing import Literal, Protocol

Release = Literal["idle", "ready", "full", "returned", "retry"]
"""Why a batch was released.

idle      the executor was waiting for work
ready     the executor became free and took what had come meanwhile
full      as ready, and no more rows would have fitted
returned  it was held back for clients that were on their way back
retry     a part of a batch that failed, or that did not fit into memory
"""

Refusal = Literal["rows", "bytes", "wait", "overload", "expired", "cancelled", "stopped"]
"""Why a request got no answer from the model.

rows, bytes  the queue is full
wait         by prediction its deadline passes before its turn comes
overload     given up while it waited, so that those behind it are answered in time
expired      its deadline has passed
cancelled    its client is gone
stopped      the batcher is not running, or is shutting down
"""


class BatchObserver(Protocol):
    """Called on the event loop, some times a request; must be quick and must not raise."""

    def queued(self, rows: int) -> None:
        """So many rows wait for a batch now."""
        ...

    def released(self, rows: int, requests: int, waited: float, reason: Release) -> None:
        """A batch went to the executor; its oldest request had waited `waited` seconds."""
        ...

    def finished(self, rows: int, seconds: float) -> None:
        """A batch succeeded after `seconds` in the executor."""
        ...

    def refused(self, reason: Refusal) -> None:
        """A request will not be answered by the model."""
        ...


class NullObserver:
    """A BatchObserver that does not listen."""

    def queued(self, rows: int) -> None:
        """Ignore it."""

    def released(self, rows: int, requests: int, waited: float, reason: Release) -> None:
        """Ignore it."""

    def finished(self, rows: int, seconds: float) -> None:
        """Ignore it."""

    def refused(self, reason: Refusal) -> None:
        """Ignore it."""
