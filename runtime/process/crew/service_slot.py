"""ServiceSlot: the slot of the service process of a front."""

from ...rpc.call_channel import CallChannel
from .crew import ModelSlot, ProcessSlot

ALIAS = "<service>"
"""What front and supervisor call it among the models; no model can be called so."""


class ServiceSlot(ModelSlot):
    """The slot of a service process; it is filled and ended like that of a model process.

    row   of the counters
    """

    def __init__(self, target: str, row: int, device: str | None = None) -> None:
        super().__init__(ALIAS, 0, device)
        self.row = row
        self.calls: CallChannel | None = None
        self.name = f"The process of service `{target}`"

    @property
    def labels(self) -> dict[str, str]:
        """Its row of the counters."""
        return {"role": "service", "model": "", "worker": str(self.row), "replica": ""}

    def prepare(self) -> None:
        """A new channel."""
        self.calls = CallChannel.create()

    def end(self) -> None:
        """Nothing: it closes the service once its front has disconnected."""

    def close(self, except_for: ProcessSlot | None = None) -> None:
        """Close the channel."""
        if self.calls is not None and except_for is not self:
            self.calls.close()
            self.calls = None
