"""CostModel: seconds of a batch as a function of its rows, learned from each call."""

from .shift import Shift

FORGET = 0.98  # weight that the line keeps per observation: it remembers about 50 batches
FADE = 0.995  # weight that a table entry keeps per observation: about 200 batches
BLEND = 1 / 8  # share of a new observation in a table entry
ENOUGH = 8.0  # weight from which a table entry is used instead of the line
TAIL = 0.95  # quantile of the residuals that `upper` adds
OUTLIER = 3.0  # an observation counts as at most this many times the prediction
KEPT = 2.0  # observations that the line remembers after a shift
NEW = 8  # observations after a shift in which sizes vary, which shows the slope
STIFFNESS = 0.01  # pull of the slope to its last value, in squared mean batch sizes


class _Entry:
    """The recent batches of between 2^(k-1)+1 and 2^k rows."""

    __slots__ = ("last", "rows", "seconds", "weight")

    def __init__(self, rows: float, seconds: float, count: int) -> None:
        self.rows = rows
        self.seconds = seconds
        self.weight = 0.0
        self.last = count

    def observe(self, rows: int, seconds: float, count: int) -> None:
        self.rows += BLEND * (rows - self.rows)
        self.seconds += BLEND * (seconds - self.seconds)
        self.weight = self.weight_at(count) + 1.0
        self.last = count

    def weight_at(self, count: int) -> float:
        return self.weight * float(FADE ** (count - self.last))


class CostModel:
    """Seconds that a batch of b rows takes, l(b) = alpha + b * beta, with corrections.

    The line is an exponentially weighted least-squares fit. Accelerators are not linear: if a
    power-of-two class of sizes was seen often and recently, its own moving average is used instead.
    `upper` adds a high quantile of the recent relative errors. One slow batch (a page fault, a
    neighbor) changes the prediction little; a model that has really become slower is followed
    within a few dozen batches. If several batches in a row take many times as long (`Shift`), all
    sizes are taken to be slower by as much, and are learned anew.
    """

    __slots__ = (
        "_entries", "_shift", "_shifted", "_spread", "_sums", "alpha", "beta", "count", "tail",
    )  # fmt: skip

    def __init__(self) -> None:
        self.alpha = 0.0  # seconds a batch
        self.beta = 0.0  # seconds a row
        self.tail = 0.0  # seconds, the quantile of the residuals
        self.count = 0  # observations
        self._spread = 0.0  # moving mean of |residual|
        self._sums = (0.0, 0.0, 0.0, 0.0, 0.0)  # of 1, b, b*b, s, b*s
        self._entries: dict[int, _Entry] = {}
        self._shift = Shift()
        self._shifted = -NEW  # `count` at the last shift

    def copy(self) -> "CostModel":
        """A model for rows of another shape, which starts with the line of this one."""
        other = CostModel()
        other.alpha, other.beta, other.tail = self.alpha, self.beta, self.tail
        other._spread, other._sums = self._spread, self._sums
        return other

    def observe(self, rows: int, seconds: float) -> None:
        """Learn that a batch of `rows` took `seconds`."""
        mean = self.mean(rows)
        if self._known(rows) is not None and self._shift.observe(seconds, mean + self.tail):
            self._slow_down(rows, seconds)
            mean = seconds
        if self.count >= ENOUGH and not self.is_new:
            seconds = min(seconds, OUTLIER * (mean + self.tail))
        if self.count:
            self._learn_tail(seconds - mean)
        self._learn_line(rows, seconds)
        self.count += 1
        size_class = (rows - 1).bit_length()
        entry = self._entries.get(size_class)
        if entry is None:
            entry = self._entries[size_class] = _Entry(rows, seconds, self.count)
        entry.observe(rows, seconds, self.count)

    @property
    def is_new(self) -> bool:
        """Whether all sizes have become slower just now, and smaller ones are worth a look."""
        return self.count - self._shifted < NEW

    def mean(self, rows: int) -> float:
        """The mean duration of a batch of `rows` in seconds; 0 while unknown."""
        entry = self._known(rows)
        if entry is not None:
            return max(0.0, entry.seconds + self.beta * (rows - entry.rows))
        return self.alpha + self.beta * rows

    def upper(self, rows: int) -> float:
        """The 95th percentile of the duration of a batch of `rows`, in seconds."""
        return self.mean(rows) + self.tail

    def rows_within(self, seconds: float, most: int) -> int:
        """The largest number of rows, at most `most`, whose `upper` is within `seconds`; or 0."""
        high = most
        while high > 0:
            # Within one size class the prediction is a rising line, so its low end decides.
            low = (1 << (high - 1).bit_length() - 1) + 1 if high > 1 else 1
            if self.upper(low) <= seconds:
                return self._bisect(seconds, low, high)
            high = low - 1
        return 0

    def _bisect(self, seconds: float, low: int, high: int) -> int:
        if self.upper(high) <= seconds:  # most often
            return high
        while low < high:
            middle = (low + high + 1) // 2
            if self.upper(middle) <= seconds:
                low = middle
            else:
                high = middle - 1
        return low

    def _known(self, rows: int) -> _Entry | None:
        entry = self._entries.get((rows - 1).bit_length())
        return entry if entry is not None and entry.weight_at(self.count) >= ENOUGH else None

    def _slow_down(self, rows: int, seconds: float) -> None:
        """Have every size take as many times as long as `rows` do, which took `seconds`."""
        line = self.alpha + self.beta * rows
        factor = max(1.0, seconds / line) if line > 0.0 else 1.0
        keep = min(1.0, KEPT / self._sums[0])
        ones, b, bb, s, bs = (keep * each for each in self._sums)
        self._sums = ones, b, bb, s * factor, bs * factor
        self.alpha *= factor
        self.beta *= factor
        self._entries.clear()
        self._shifted = self.count

    def _learn_line(self, rows: int, seconds: float) -> None:
        ones, b, bb, s, bs = self._sums
        ones = FORGET * ones + 1.0
        b = FORGET * b + rows
        bb = FORGET * bb + rows * rows
        s = FORGET * s + seconds
        bs = FORGET * bs + rows * seconds
        self._sums = ones, b, bb, s, bs
        mean_rows, mean_seconds = b / ones, s / ones
        # Batches of one size tell nothing about the slope: keep it.
        stiffness = STIFFNESS * mean_rows * mean_rows
        variance = max(0.0, bb / ones - mean_rows * mean_rows)
        covariance = bs / ones - mean_rows * mean_seconds
        slope = (covariance + stiffness * self.beta) / (variance + stiffness)
        self.beta = min(max(0.0, slope), mean_seconds / mean_rows)
        self.alpha = mean_seconds - self.beta * mean_rows

    def _learn_tail(self, residual: float) -> None:
        self._spread += BLEND * (abs(residual) - self._spread)
        step = 0.1 * self._spread
        self.tail = max(0.0, self.tail + step * (TAIL if residual > self.tail else TAIL - 1.0))
