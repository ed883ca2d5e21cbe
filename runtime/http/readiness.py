"""Readiness: whether a server may be sent requests, and why not."""


class Readiness:
    """Starting, then ready, then draining; `reason` is None only while it is ready."""

    def __init__(self) -> None:
        self.reason: str | None = "starting"
        self.is_draining = False

    @property
    def takes_requests(self) -> bool:
        """Whether predictions are answered: while draining too, for whoever has not heard."""
        return self.reason is None or self.is_draining

    def starting(self, what: str) -> None:
        """Say what it is busy with."""
        if not self.is_draining:
            self.reason = what

    def ready(self) -> None:
        """Everything is loaded and warm."""
        if not self.is_draining:
            self.reason = None

    def drain(self) -> None:
        """No new requests, please."""
        self.is_draining = True
        self.reason = "draining"
