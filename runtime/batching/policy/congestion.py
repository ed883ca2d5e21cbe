"""Congestion: how concurrent calls slow each other down, and how many may run in time.

Arithmetic only: the caller passes the time.
"""

from math import inf, log, sqrt
from typing import NamedTuple

from .window import HEADROOM

MEAN = 1 / 32  # share of a new observation in the means
RECENT = 1 / 16  # the same, for the rate of completed calls and the patience of clients
NOISE = 0.02  # minimum variance of the logarithm of the duration
ALIKE = 0.2  # logarithms that differ by less count as equal
MOST = 400.0  # maximum weight of the elasticity: a standard deviation of 0.05
SURE = 2.0  # standard deviations
QUEUING = 0.5  # elasticity above which calls wait for one another
PRESSING = 0.25  # share of the slack; shorter calls need no limit
MANY = 0.25  # share of abandoned calls, above which the server is overloaded
MEMORY = 60.0  # seconds for which a measured capacity or patience is valid
BRIEF = 1e-6  # seconds: the minimum duration of a call


class ConcurrentCall(NamedTuple):
    """A running call, as it was at its start.

    began       seconds on the caller's clock
    slack       seconds until its deadline
    concurrent  running calls, this one included
    answered    calls answered before it
    """

    began: float
    slack: float
    concurrent: int
    answered: int


class Congestion:
    """Learns from the duration of each call, and the number of calls that ran beside it.

    The calls that end while another one runs give the throughput. But that is the capacity only if
    more concurrent calls would not raise it. Calls that wait for another service do not slow each
    other down; calls that compute, or share a few connections, take twice as long when there are
    twice as many. So the elasticity of the duration in the concurrency is estimated by a regression
    of logarithms, with its variance: 0 = independent, 1 = calls only wait for one another. The
    throughput becomes the capacity only if the elasticity is surely above `QUEUING`, or if many
    calls are abandoned; until then no call is refused. A higher throughput raises the capacity
    later. Clients that leave before their deadline show how long they wait: their patience.
    """

    __slots__ = (
        "_answered", "_capacity", "_elasticity", "_hurried", "_left", "_lost", "_noise",
        "_patience", "_running", "_seen", "_size", "_stay", "_time", "_weight",
    )  # fmt: skip

    def __init__(self) -> None:
        self._running = 0
        self._answered = 0
        self._size = 0.0  # mean logarithm of the number
        self._time = 0.0  # mean logarithm of the seconds
        self._noise = 0.0  # mean squared error of the prediction; 0 = no call has ended yet
        self._elasticity = 0.0
        self._weight = 0.0  # of the elasticity: the inverse of its variance
        self._left = 0.0  # mean number of calls that are answered while one runs
        self._stay = 0.0  # mean seconds that one runs
        self._lost = 0.0  # share of calls that were abandoned
        self._patience = inf  # seconds after which clients abandon calls
        self._hurried = -inf  # time of the last measurement of the patience
        self._capacity = 0.0  # calls per second; 0 = unknown, or never reached
        self._seen = 0.0  # time when the capacity was last measured or needed

    def wait(self, slack: float, now: float) -> float:
        """Predicted seconds of one more call, if that is surely too long for `slack`; else 0.

        A call that would run alone is always accepted.
        """
        if not self._running or not self._is_limited(now):
            return 0.0
        seconds = (self._running + 1) / self._capacity
        patience = self._patience if now - self._hurried <= MEMORY else inf
        if seconds <= HEADROOM * min(slack, patience):
            return 0.0
        self._seen = now
        return seconds

    def begin(self, slack: float, now: float) -> ConcurrentCall:
        """Note the start of a call with `slack` seconds until its deadline."""
        self._running += 1
        return ConcurrentCall(now, slack, self._running, self._answered)

    def answered(self, call: ConcurrentCall, now: float) -> None:
        """Note that a call was answered."""
        self._running -= 1
        self._answered += 1
        self._lost -= MEAN * self._lost
        seconds = max(now - call.began, BRIEF)
        size, time = log(call.concurrent), log(seconds)
        self._learn(size, time)
        rate = self._rate(call, seconds)
        if self._time > log(PRESSING * call.slack) and self._is_queuing:
            self._capacity, self._seen = rate, now
        elif self._capacity:
            self._capacity = max(self._capacity, rate)

    def given_up(self, call: ConcurrentCall, now: float) -> None:
        """Note that a call was abandoned by its client.

        Ignored if the call was given less time than calls usually take: it says nothing of how busy
        the server is. Else its duration is a lower bound, which still counts, as under overload no
        other calls may end.
        """
        self._running -= 1
        seconds = max(now - call.began, BRIEF)
        size, time = log(call.concurrent), log(seconds)
        if self._noise and time < self._time + self._elasticity * (size - self._size) - ALIKE:
            return
        self._move(size, time)
        self._lost += MEAN * (1.0 - self._lost)
        rate = self._rate(call, seconds)
        if self._lost > MANY or self._is_limited(now):
            self._capacity, self._seen = max(rate, 1 / seconds), now
        if self._lost > MANY:
            self._hurry(seconds, now)

    def _hurry(self, seconds: float, now: float) -> None:
        """Update the patience: a client left after `seconds`, before its deadline."""
        if now - self._hurried > MEMORY:
            self._patience = seconds
        self._patience *= (seconds / self._patience) ** RECENT
        self._hurried = now

    def refused(self) -> None:
        """Note an error; its duration says nothing about the load."""
        self._running -= 1

    def _is_limited(self, now: float) -> bool:
        return self._capacity > 0.0 and now - self._seen <= MEMORY

    def _rate(self, call: ConcurrentCall, seconds: float) -> float:
        """Calls a second that have left lately, while others were here."""
        self._left += RECENT * (self._answered - call.answered - self._left)
        self._stay += RECENT * (seconds - self._stay)
        return self._left / self._stay

    @property
    def _is_queuing(self) -> bool:
        """Whether calls surely wait for one another, within the uncertainty."""
        return self._weight > 0.0 and self._elasticity - SURE / sqrt(self._weight) > QUEUING

    def _learn(self, size: float, time: float) -> None:
        more, longer = size - self._size, time - self._time
        if self._noise:
            missed = longer - self._elasticity * more
            self._noise += MEAN * (missed * missed - self._noise)
            noise = max(self._noise, NOISE)
            information = more * more / noise
            # Old information decays only as new arrives: on a full server the concurrency is
            # constant, and says nothing about the elasticity.
            self._weight = max(0.0, 1.0 - information / MOST) * self._weight + information
            if information:
                self._elasticity += more * missed / noise / self._weight
        self._move(size, time)

    def _move(self, size: float, time: float) -> None:
        """Update the means."""
        if not self._noise:
            self._size, self._time, self._noise = size, time, NOISE
            return
        self._size += MEAN * (size - self._size)
        self._time += MEAN * (time - self._time)
