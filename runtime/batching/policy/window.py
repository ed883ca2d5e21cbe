"""Window: how many rows the next batch takes, and when it starts: arithmetic, without a clock."""

from dataclasses import dataclass
from math import inf

from .cost import CostModel
from .growth import Growth

PATIENCE = 5.0  # clients are waited for at most this many mean return times
QUICK = 3.0  # mean return times that must be shorter than the fixed cost of a batch
LOSS = 2.0  # weight of a client that misses the batch, and waits for two, over one that waits
BRIEF = 0.0002  # seconds; a smaller fixed cost is not worth waiting for
TICK = 0.001  # seconds: an event loop's timers are no finer
STEADY = 0.7  # share of answered rows that must come back for waiting to be considered
MEMORY = 0.9  # weight that the return statistics keep per batch
HEADROOM = 0.85  # share of the time to its deadline that a request may be predicted to need
REGROW = 1000  # batches after which a size that ran out of memory is tried again
EACH = 7  # of so many batches one is learned from, where all take less than a tick; a prime, so
# that no pattern of sizes hides the others from it
PROBED = 4  # times fewer rows in every other batch, once all sizes are slower
NEW = 64  # batches that are always learned from


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of a batcher, and the limits that protect the machine.

    max_batch_size   rows in one call of the model
    latency_budget   seconds for one call: a batch is the largest whose predicted 95th percentile
                     is within the budget, and no request is held back for longer. No work is
                     refused for it: if a single row takes half of the budget or more, a batch may
                     take twice the time of a row, and one row is always taken
    max_queue_rows   rows that may wait; one more request is refused at once
    max_queue_bytes  bytes that may wait, by the `size` that requests say they have
    idempotent       whether a failed batch may be run again in halves to find the guilty request
    mergeable        whether requests may share a call and be split over several; if not, each is
                     one call of its own, and its answer may have any length
    priorities       whether the `priority` of requests counts
    fairness         whether clients have equal shares of the model's time
    is_crowded       whether the model and the batcher share one core: answers are written before
                     the next batch begins, unless that is full
    hang             seconds after which a running batch is ended, if possible; `HangWatch` may end
                     it earlier
    initial_batch_size  rows in one call at first; `Growth` finds out whether more pay. None =
                     `max_batch_size`
    """

    max_batch_size: int = 64
    latency_budget: float = 0.05
    max_queue_rows: int = 4096
    max_queue_bytes: int = 256 << 20
    idempotent: bool = True
    mergeable: bool = True
    priorities: bool = False
    fairness: bool = False
    is_crowded: bool = False
    hang: float = inf
    initial_batch_size: int | None = None


class Returns:
    """Estimates whether clients send their next request right after an answer, and how soon.

    Callers in a closed loop (a benchmark, a batch job, a pool of workers) synchronize with the
    server: the first to return is served alone while all others wait. They are recognized by what
    follows a batch: within the horizon, nearly as many rows arrive as were answered. Independent
    clients do not look like that, because in a stable queue fewer than half as many arrive in that
    time. Clients are not distinguished, so it also works behind a proxy.
    """

    __slots__ = ("_answered", "_answered_sum", "_at", "_back", "_back_sum", "_delay", "_delay_sum")

    def __init__(self) -> None:
        self._at = -inf  # seconds, when the last batch was answered
        self._answered = 0  # rows answered then
        self._back = 0  # rows that arrived since, within the horizon
        self._delay = 0.0  # sum of their delays, in row seconds
        self._answered_sum = 0.0
        self._back_sum = 0.0
        self._delay_sum = 0.0

    def arrived(self, now: float, rows: int, horizon: float) -> None:
        """Count `rows` that arrived `now`."""
        delay = now - self._at
        if delay <= horizon and self._back < self._answered:
            self._back += rows
            self._delay += rows * delay

    def answered(self, now: float, rows: int) -> None:
        """Count `rows` whose clients were answered `now`."""
        if now == self._at:
            self._answered += rows
            return
        back = min(self._back, self._answered)
        self._answered_sum = MEMORY * self._answered_sum + self._answered
        self._back_sum = MEMORY * self._back_sum + back
        self._delay_sum = MEMORY * self._delay_sum + self._delay
        self._at, self._answered, self._back, self._delay = now, rows, 0, 0.0

    @property
    def share(self) -> float:
        """The recent share of answered rows that returned within the horizon."""
        return self._back_sum / self._answered_sum if self._answered_sum else 0.0

    @property
    def delay(self) -> float:
        """Their mean delay in seconds."""
        return self._delay_sum / self._back_sum if self._back_sum else inf

    def expected(self) -> int:
        """The rows of the last batch that are expected to return; 0 if they rarely do."""
        share = self.share
        if share < STEADY:
            return 0
        return round(self._answered * min(1.0, share / 0.95)) - self._back

    def until(self) -> float:
        """When to stop waiting for returning clients, in seconds on the caller's clock."""
        return self._at + PATIENCE * self.delay


class Window:
    """The arithmetic of one lane of like-shaped requests.

    Every method takes the time as an argument or needs none.
    """

    __slots__ = (
        "_batches", "_cap", "_full", "_growth", "_is_quick", "_limits", "_most", "cost", "limit",
        "returns",
    )  # fmt: skip

    def __init__(self, limits: Limits, cost: CostModel) -> None:
        self._limits = limits
        # What memory holds; in calls, where requests are not to be merged.
        self._most = self._cap = limits.max_batch_size if limits.mergeable else 1
        self._batches = 0  # since memory ran out
        self._growth = Growth(limits.initial_batch_size or self._most, self._most)
        self.cost = cost
        self.returns = Returns()
        self._refresh()

    # --- size ---

    def observe(self, rows: int, seconds: float, size: int = 0) -> None:
        """Learn the duration of a batch of `rows`; most are skipped if all are very short.

        size   of the requests, in bytes
        """
        self._batches += 1
        if self._is_quick and self._batches % EACH:
            return
        self.cost.observe(rows, seconds)
        self._growth.observe(rows, seconds, size, self.cost)
        if self._batches >= REGROW and self._cap < self._most:
            self._cap = min(2 * self._cap, self._most)
            self._batches = 0
        self._refresh()

    @property
    def most(self) -> int:
        """The most rows that a batch will ever have."""
        return self._most

    def take_at_most(self, rows: int) -> None:
        """Give no batch more than `rows`, ever: the model fails with more."""
        self._most = self._cap = max(1, min(self._cap, rows))
        self._growth = Growth(self._most, self._most)
        self._refresh()

    def ran_out_of_memory(self, rows: int) -> None:
        """Handle an out-of-memory error at `rows`: limit batches to half as many."""
        self._cap = max(1, min(self._cap, rows) // 2)
        self._batches = 0
        self._growth.restart()
        self._refresh()

    def failed(self) -> None:
        """Shrink the window after a failed batch, so that fewer rows share the next failure."""
        self._growth.restart()
        self._refresh()

    def size(self, queued: int, slack: float) -> int:
        """Rows for the next batch, where the oldest request must be answered within `slack`.

        With a full queue always the limit: a smaller batch would only make the others late. With
        less, no more than the oldest can afford, as long as it can be helped at all.
        """
        if queued < self.limit and self.cost.upper(queued) > slack:
            return self.cost.rows_within(slack, queued) or self.limit
        return self.limit

    # --- admission ---

    def duration(self, rows: int, executors: int = 1) -> float:
        """Seconds until the last of `rows` is answered, from free executors."""
        full, rest = divmod(rows, self.limit)
        last = self.cost.mean(rest) if rest else 0.0
        if executors == 1:
            return full * self._full + last
        batches = full + (rest > 0)
        rounds = -(-batches // executors)
        return rounds * self._full if full else last

    @property
    def full_seconds(self) -> float:
        """The predicted duration of a full batch, in seconds."""
        return self._full

    @property
    def row_seconds(self) -> float:
        """The predicted duration of one row in a full batch, in seconds; a guess while unknown."""
        return self._full / self.limit or TICK

    def is_soon(self, rows: int, seconds: float) -> bool:
        """Whether `rows` are surely answered within `seconds`: arithmetic, no prediction."""
        return (1 + rows // self.limit) * self._full <= seconds

    @staticmethod
    def admits(wait: float, slack: float) -> bool:
        """Whether a request that must be answered within `slack` may wait `wait` seconds."""
        return wait <= HEADROOM * slack

    def is_hopeless(self, queued: int, rows: int, slack: float) -> bool:
        """Whether the oldest request, of `rows`, should be dropped in favor of the others.

        If the queue holds a full batch: whether that batch would answer it too late. Running it
        anyway would make the next request late as well, for as long as the overload lasts.
        Otherwise: whether even alone it would be late. The last request is always tried.
        """
        if queued <= rows:
            return False
        if queued >= self.limit:
            return self._full + self.cost.tail + self.duration(max(0, rows - self.limit)) > slack
        return self.cost.upper(rows) > slack

    # --- coalescing ---

    def arrived(self, now: float, rows: int) -> None:
        """Count an arrival."""
        self.returns.arrived(now, rows, self.cost.alpha / 2)

    def answered(self, now: float, rows: int) -> None:
        """Count answers that went out together."""
        if rows:
            self.returns.answered(now, rows)

    def hold(self, now: float, queued: int, age: float, slack: float) -> float:
        """Seconds to hold back `queued` rows for clients that are on their way back; 0 = go.

        `age` and `slack` are the oldest request's time in the queue and to its deadline. Holding
        pays while it costs the waiting rows less than it saves those that would otherwise wait for
        a whole batch; never for arrivals that are only probable, nor if clients return slowly
        compared with the fixed cost of a batch.
        """
        expected = min(self.returns.expected(), self.limit - queued)
        delay = self.returns.delay
        if expected < 1 or max(QUICK * delay, BRIEF) >= self.cost.alpha:
            return 0.0
        wait = self.returns.until() - now
        # The next one is a mean return time away, however long it has been already.
        if wait <= 0.0 or queued * min(wait, delay) >= LOSS * expected * self.cost.mean(queued):
            return 0.0
        needed = wait + self.cost.upper(queued + expected)
        if age + needed > self._limits.latency_budget or needed > slack:
            return 0.0
        return wait

    def _refresh(self) -> None:
        allowed = max(self._limits.latency_budget, 2.0 * self.cost.upper(1))
        most = min(self._cap, self._growth.size)
        if self.cost.is_new and self._batches % 2:
            most = max(1, most // PROBED)  # whether it is the rows that take longer
        self.limit = max(1, self.cost.rows_within(allowed, most))
        self._full = self.cost.mean(self.limit)
        self._is_quick = self.cost.count >= NEW and self._full < TICK
