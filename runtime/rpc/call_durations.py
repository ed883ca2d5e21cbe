"""CallDurations: how long calls usually take, by route."""

_KEPT = 0.9  # weight of the previous average


class CallDurations:
    """An exponential moving average per route."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}

    def add(self, route: int, seconds: float) -> None:
        """Record a call that was answered after `seconds`."""
        known = self._seconds.get(route)
        self._seconds[route] = seconds if known is None else _KEPT * known + (1 - _KEPT) * seconds

    @property
    def slowest(self) -> float:
        """The average of the slowest route in seconds; 0 before the first call."""
        return max(self._seconds.values(), default=0.0)
