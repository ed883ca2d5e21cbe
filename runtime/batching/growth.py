"""Growth: batches of more rows than usual, where they are measured to pay."""

from .cost import CostModel

PAYS = 0.9  # twice the rows are tried where they should take less than this share of twice the time
FAILS = 0.95  # and given up where they take more than this
SURE = 12  # full batches from which that is concluded
PENANCE = 1000  # batches after a failure, of one or of this, before more rows are tried again


class Growth:
    """The rows that a batch may have: few at first, twice as many whenever that has paid.

    Where most of a call is its fixed cost, as with a forest of trees, a hundred more rows are
    nearly free, and under load they are there. Where each row costs the same, as with most
    networks, more rows in one call only make the others wait. A batch that fails is a risk that
    grows with it: then it is few rows again for a while.
    """

    __slots__ = ("_batches", "_full", "_initial", "_most", "size")

    def __init__(self, initial: int, most: int) -> None:
        self._initial = self.size = min(initial, most)
        self._most = most
        self._full = 0  # batches of `size` rows since it changed, or was looked at
        self._batches = PENANCE  # since one failed

    def observe(self, rows: int, cost: CostModel) -> None:
        """A batch of `rows` went well, which `cost` knows of."""
        self._batches += 1
        if rows < self.size:
            return
        self._full += 1
        if self._full < SURE:
            return
        self._full = 0
        if self._has_failed(cost):
            self.size //= 2
            self._batches = 0
        elif self._should_pay(cost):
            self.size = min(2 * self.size, self._most)

    def restart(self) -> None:
        """A batch has failed."""
        self.size = self._initial
        self._full = self._batches = 0

    def _has_failed(self, cost: CostModel) -> bool:
        half = self.size // 2
        return (
            half >= self._initial
            and cost.is_known(half)
            and cost.mean(self.size) > FAILS * 2 * cost.mean(half)
        )

    def _should_pay(self, cost: CostModel) -> bool:
        if self.size == self._most or self._batches < PENANCE:
            return False
        mean, double = cost.mean(self.size), 2 * self.size
        expected = cost.mean(double) if cost.is_known(double) else mean + cost.beta * self.size
        return expected < PAYS * 2 * mean
