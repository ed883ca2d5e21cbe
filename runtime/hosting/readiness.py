"""Readiness: whether a server may be sent requests, and if not, why."""


class Readiness:
    """Starting, then ready, then draining; `reason` is None only while it is ready.

    is_draining  it ends: no new requests, please
    is_leaving   another process takes over on the same socket; whoever asks here is answered
    is_full      others wait for a connection: nobody keeps one after an answer
    is_early     it takes requests; others on the same socket, who would have to refuse them, load
    """

    def __init__(self) -> None:
        self.is_draining = False
        self.is_leaving = False
        self.is_full = False
        self.is_early = False
        self._starting: str | None = "starting"
        self._missing: dict[str, str] = {}  # what is unavailable -> why
        self._present: set[str] = set()  # what has been available

    @property
    def reason(self) -> str | None:
        """Why it is not ready, or None."""
        if self.is_draining:
            return "draining"
        if self._starting is not None:
            return self._starting
        if self.is_early:
            return "other processes of the server are being started"
        # One model that keeps crashing does not make the others unavailable.
        return None if self._present else "; ".join(self._missing.values()) or None

    @property
    def takes_requests(self) -> bool:
        """Whether predictions are answered; while draining too, as clients may not know yet.

        Where a model is missing they wait for it, as long as they are willing to.
        """
        return self._starting is None or self.is_draining

    @property
    def closes_connections(self) -> bool:
        """Whether answers close their connection, so that clients reconnect to another process."""
        is_ending = self.is_draining or self.is_leaving
        return is_ending or self.is_full or self._starting is not None

    def starting(self, what: str) -> None:
        """Report what it is busy with."""
        if not self.is_draining:
            self._starting = what

    def ready(self) -> None:
        """Everything is loaded and warm."""
        self._starting = None

    def missing(self, name: str, why: str) -> None:
        """Something necessary is unavailable; `why` is a clause that clients may see."""
        self._missing[name] = why
        self._present.discard(name)

    def found(self, name: str) -> None:
        """It is back."""
        self._missing.pop(name, None)
        self._present.add(name)

    def broken(self, name: str, why: str) -> None:
        """It is missing, and perhaps for long; that is known already."""

    def gone(self, name: str) -> None:
        """It is not wanted any more."""
        self._missing.pop(name, None)
        self._present.discard(name)

    def absence(self, name: str) -> str | None:
        """Why something is unavailable, or None."""
        return self._missing.get(name)

    def leave(self) -> None:
        """Drain: another server is ready for the clients of this one."""
        self.is_leaving = True

    def drain(self) -> None:
        """No new requests, please."""
        self.is_draining = True
