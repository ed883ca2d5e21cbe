"""Trial: tries something as often as it has been worth it."""

RARELY = 64  # occasions of which one is tried while it does not pay


class Trial:
    """One that has paid halves the number of occasions that are skipped; any other doubles it.

    pause   occasions between two trials
    """

    __slots__ = ("_skipped", "pause")

    def __init__(self, pause: int = 0) -> None:
        self.pause = pause
        self._skipped = 0  # occasions since the last trial

    def is_due(self) -> bool:
        """Whether to try it on this occasion."""
        self._skipped += 1
        if self._skipped <= self.pause:
            return False
        self._skipped = 0
        return True

    def ended(self, *, has_paid: bool) -> None:
        """Learn what came of it."""
        self.pause = self.pause // 2 if has_paid else min(2 * self.pause + 1, RARELY)
