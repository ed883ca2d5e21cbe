"""Growth: tries larger batches, and keeps them where they are measured to pay."""

from statistics import median

from .cost import CostModel

PROMISE = 0.9  # twice the rows are tried where they should take less than this of twice the time
PAYS = 0.95  # and are kept where a row takes less than this share of what it took
SURE = 8  # full batches of each size from which that is concluded
PENANCE = 1000  # batches after one that failed before more rows are tried
MUCH = 32 << 20  # bytes of bodies: no call is to have more for being larger than usual
PAUSE = 200  # batches after a trial that has not paid


class Growth:
    """The largest number of rows in a batch: small at first, doubled whenever that pays.

    Where most of a call is its fixed cost, as with a forest of trees, a hundred more rows are
    nearly free, and under load they are there. Where each row costs the same, as with most
    networks, more rows in one call only make the others wait. What pays is found by a trial, in
    which batches of both sizes take turns: measured one after the other, the first would have had
    the machine to itself, and the second half of it. A batch that fails is a risk that grows with
    it: then it is few rows again for a while.

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
        """A batch of `rows` took `seconds`, as `cost` knows; its requests have `size` bytes."""
        self._rest -= self._rest > 0
        if rows < self._kept or self._kept == self._most:
            return
        if self._is_trial:
            self._note(rows, seconds / rows)
            return
        self._full += 1
        if self._full >= SURE and not self._rest:
            self._full = 0
            if 2 * size <= MUCH and self._is_promising(cost):
                self._usual.append(seconds / rows)
                self.size = self._double

    def restart(self) -> None:
        """A batch has failed."""
        self._end(self._initial, PENANCE)

    @property
    def _double(self) -> int:
        return min(2 * self._kept, self._most)

    @property
    def _is_trial(self) -> bool:
        return bool(self._usual)

    def _is_promising(self, cost: CostModel) -> bool:
        mean = cost.mean(self._kept)
        return mean + cost.beta * self._kept < PROMISE * 2 * mean

    def _note(self, rows: int, seconds: float) -> None:
        usual, larger = self._usual, self._larger
        (larger if rows > self._kept else usual).append(seconds)
        if min(len(usual), len(larger)) >= SURE:
            pays = median(larger) < PAYS * median(usual)
            self._end(self._double if pays else self._kept, 0 if pays else PAUSE)
        elif len(usual) - len(larger) > SURE:  # so many rows are not there, or not allowed
            self._end(self._kept, 0)  # which has cost nothing
        else:
            self.size = self._kept if len(larger) > len(usual) else self._double

    def _end(self, kept: int, rest: int) -> None:
        self._kept = self.size = kept
        self._full, self._rest = 0, rest
        self._usual.clear()
        self._larger.clear()
