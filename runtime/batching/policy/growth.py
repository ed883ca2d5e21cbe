"""Growth: tries larger batches, and keeps them if they measure faster per row."""

from statistics import median

from .cost import CostModel

TRY_BELOW = 0.9  # a double batch is tried if predicted below this share of twice the time
KEEP_BELOW = 0.95  # and kept if its seconds a row are below this share of the former
TRIAL_BATCHES = 8  # full batches of each size in a trial
PAUSE_AFTER_FAILURE = 1000  # batches without a trial after a failed batch
LARGE_BODIES = 32 << 20  # bytes of bodies in a call, beyond which no trial enlarges it
PAUSE_AFTER_TRIAL = 200  # batches without a trial after one that did not pay


class Growth:
    """The largest number of rows in a batch: small at first, doubled whenever that pays.

    If most of a call is its fixed cost, as with a forest of trees, more rows are nearly free. If
    each row costs the same, as with most networks, larger batches only delay other requests. A
    trial with alternating batches of both sizes decides, because the load of the machine changes
    over time. After a failed batch the size is the initial one for a while, so that fewer requests
    fail together.

    size   rows of the next batch
    """

    __slots__ = ("_full", "_initial", "_kept", "_larger", "_most", "_rest", "_usual", "size")

    def __init__(self, initial: int, most: int) -> None:
        self._initial = self._kept = self.size = min(initial, most)
        self._most = most
        self._full = 0  # batches of `_kept` rows since that changed, or was looked at
        self._rest = 0  # batches until something may be tried
        self._usual: list[float] = []  # seconds a row, of this trial
        self._larger: list[float] = []

    def observe(self, rows: int, seconds: float, size: int, cost: CostModel) -> None:
        """Learn that a batch of `rows`, whose bodies have `size` bytes, took `seconds`."""
        self._rest -= self._rest > 0
        if rows < self._kept or self._kept == self._most:
            return
        if self._is_trial:
            self._note(rows, seconds / rows)
            return
        self._full += 1
        if self._full >= TRIAL_BATCHES and not self._rest:
            self._full = 0
            if 2 * size <= LARGE_BODIES and self._is_promising(cost):
                self._usual.append(seconds / rows)
                self.size = self._double

    def restart(self) -> None:
        """Return to the initial size, because a batch has failed."""
        self._end(self._initial, PAUSE_AFTER_FAILURE)

    @property
    def _double(self) -> int:
        return min(2 * self._kept, self._most)

    @property
    def _is_trial(self) -> bool:
        return bool(self._usual)

    def _is_promising(self, cost: CostModel) -> bool:
        mean = cost.mean(self._kept)
        return mean + cost.beta * self._kept < TRY_BELOW * 2 * mean

    def _note(self, rows: int, seconds: float) -> None:
        usual, larger = self._usual, self._larger
        (larger if rows > self._kept else usual).append(seconds)
        if min(len(usual), len(larger)) >= TRIAL_BATCHES:
            pays = median(larger) < KEEP_BELOW * median(usual)
            self._end(self._double if pays else self._kept, 0 if pays else PAUSE_AFTER_TRIAL)
        elif len(usual) - len(larger) > TRIAL_BATCHES:  # larger batches are rare
            self._end(self._kept, 0)  # which has cost nothing
        else:
            self.size = self._kept if len(larger) > len(usual) else self._double

    def _end(self, kept: int, rest: int) -> None:
        self._kept = self.size = kept
        self._full, self._rest = 0, rest
        self._usual.clear()
        self._larger.clear()
