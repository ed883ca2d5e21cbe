"""Shift: recognizes that batches of every size take several times as long as before."""

BEYOND = 2.5  # times the 95th percentile that was predicted
STREAK = 4  # such batches in a row; one that is slow by chance comes alone


class Shift:
    """Counts slow batches that follow each other.

    A processor that is given to others, or a container that has used up its share of it, slows down
    batches of all sizes at once. While only large ones are measured, it seems to be their rows'
    fault, and smaller batches make it worse.
    """

    __slots__ = ("_streak",)

    def __init__(self) -> None:
        self._streak = 0

    def observe(self, seconds: float, predicted: float) -> bool:
        """Whether a batch of a known size is the last of a streak; `predicted` is its `upper`."""
        self._streak = self._streak + 1 if seconds > BEYOND * predicted else 0
        if self._streak < STREAK:
            return False
        self._streak = 0
        return True
