"""Readiness: whether a server may be sent requests, and if not, why."""


class Readiness:
    """Starting, then ready, then draining; `reason` is None only while it is ready.

    is_draining  the server ends: clients should send no new requests
    is_leaving   another process takes over on the same socket; requests are still answered
    is_full      the limit of connections is reached: each is closed after its answer
    is_early     requests are answered, but other fronts on the same socket still load
    """

    def __init__(self) -> None:
        self.is_draining = False
        self.is_leaving = False
        self.is_full = False
        self.is_early = False
        self._starting: str | None = "starting"
        self._missing: dict[str, str] = {}  # names of unavailable models, with the reason
        self._present: set[str] = set()  # names of available models

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

        If a model is missing, they wait for it until their deadline.
        """
        return self._starting is None or self.is_draining

    @property
    def closes_connections(self) -> bool:
        """Whether answers close their connection, so that clients reconnect to another process."""
        is_ending = self.is_draining or self.is_leaving
        return is_ending or self.is_full or self._starting is not None

    def starting(self, what: str) -> None:
        """Set what it is busy with."""
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
        """It is available again."""
        self._missing.pop(name, None)
        self._present.add(name)

    def broken(self, name: str, why: str) -> None:
        """Nothing: `missing` was called before."""

    def gone(self, name: str) -> None:
        """It was unloaded: its state no longer counts."""
        self._missing.pop(name, None)
        self._present.discard(name)

    def absence(self, name: str) -> str | None:
        """Why something is unavailable, or None."""
        return self._missing.get(name)

    def leave(self) -> None:
        """Hand over: another server answers on the same socket."""
        self.is_leaving = True

    def drain(self) -> None:
        """Start to drain: the server ends."""
        self.is_draining = True
