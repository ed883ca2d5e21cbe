"""Pace: the usual duration of calls, by route."""

_KEPT = 0.9  # of what was known, with each call


class Pace:
    """A moving average per route."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}

    def took(self, route: int, seconds: float) -> None:
        """A call was answered after `seconds`."""
        known = self._seconds.get(route)
        self._seconds[route] = seconds if known is None else _KEPT * known + (1 - _KEPT) * seconds

    @property
    def slowest(self) -> float:
        """Seconds, of the slowest route; 0 while nothing is known."""
        return max(self._seconds.values(), default=0.0)
