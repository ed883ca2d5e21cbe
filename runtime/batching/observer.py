"""BatchObserver: what a batcher reports to metrics, logs and tests."""

from typing import Literal, Protocol

Release = Literal["idle", "ready", "full", "returned", "retry", "alone"]
"""Why a batch was released.

idle      an executor was waiting for work
ready     an executor became free and took what had come meanwhile
full      as ready, and no more rows would have fitted
returned  it was held back for clients that were on their way back
retry     a part of a batch that failed, or that did not fit into memory
alone     one request of a batch that the model died of, for its last try
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

Death = Literal["crash", "hang"]
"""Why a batch was lost together with what ran it: it ended by itself, or was ended."""


class BatchObserver(Protocol):
    """Called on the event loop, some times a batch; must be quick and must not raise.

    `executor` is the index of the one that ran the batch.
    """

    def queued(self, rows: int) -> None:
        """So many rows wait for a batch now."""

    def released(self, rows: int, requests: int, waited: float, reason: Release) -> None:
        """A batch went to an executor; its oldest request had waited `waited` seconds."""

    def finished(self, rows: int, seconds: float, predicted: float, executor: int) -> None:
        """A batch succeeded after `seconds`; it was predicted to take `predicted`, 0 = unknown."""

    def died(self, cause: Death, executor: int) -> None:
        """A batch was lost together with what ran it."""

    def refused(self, reason: Refusal) -> None:
        """A request will not be answered by the model."""


class NullObserver:
    """A BatchObserver that ignores everything."""

    def queued(self, rows: int) -> None:
        """Ignore it."""

    def released(self, rows: int, requests: int, waited: float, reason: Release) -> None:
        """Ignore it."""

    def finished(self, rows: int, seconds: float, predicted: float, executor: int) -> None:
        """Ignore it."""

    def died(self, cause: Death, executor: int) -> None:
        """Ignore it."""

    def refused(self, reason: Refusal) -> None:
        """Ignore it."""
