"""Congestion: how concurrent calls slow each other down, and how many may run in time.

Arithmetic alone: every method that needs the time is given it.
"""

from math import inf, log, sqrt
from typing import NamedTuple

from .window import HEADROOM

MEAN = 1 / 32  # share of a new observation in the means
RECENT = 1 / 16  # and in the rate at which calls leave
NOISE = 0.02  # squared logarithms, at least, by which one call differs from another
ALIKE = 0.2  # difference of logarithms that is none
MOST = 400.0  # weight of what is known of the elasticity: nobody is surer than by 0.05
SURE = 2.0  # standard deviations
QUEUING = 0.5  # elasticity from which calls wait for one another
PRESSING = 0.25  # share of the time that a call has, from which it matters how long they take
MANY = 0.25  # share of calls that come to no end, from which that is nobody's own fault
MEMORY = 60.0  # seconds for which it is remembered how many calls a second there is room for
BRIEF = 1e-6  # seconds: no call takes less


class Visit(NamedTuple):
    """One call, from its start.

    began     seconds
    slack     seconds that it had
    beside    calls that were here then, itself among them
    answered  calls that had been answered before
    """

    began: float
    slack: float
    beside: int
    answered: int


class Congestion:
    """Learns from each call how many were here when it came, and how long it took.

    What leaves while a call is here tells the rate at which calls leave. What nobody knows is
    whether more would leave if there were more: calls that wait for another service do not mind one
    another, while those that compute, or share a few connections, take twice as long where there
    are twice as many. So the elasticity of the time in the number is estimated, with its
    uncertainty, from logarithms: 0 where they do not mind, 1 where all they do is wait for one
    another. Only where it is surely above `QUEUING`, or where many come to no end, is the rate a
    limit; nobody is refused before. What leaves at a higher rate afterwards raises it. Clients that
    leave before their deadline, one after the other, tell how long they wait.
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
        self._noise = 0.0  # mean square of what the prediction missed; 0 = nothing is known
        self._elasticity = 0.0
        self._weight = 0.0  # the inverse of its variance
        self._left = 0.0  # mean number that is answered while one is here
        self._stay = 0.0  # mean seconds that it is
        self._lost = 0.0  # share of those that came to no end
        self._patience = inf  # seconds after which calls are given up
        self._hurried = -inf  # seconds, when that was seen last
        self._capacity = 0.0  # calls a second; 0 = unknown, or more than were ever asked for
        self._seen = 0.0  # seconds, when that mattered last

    def wait(self, slack: float, now: float) -> float:
        """Seconds that one more call would take, if that is surely too long for `slack`; else 0.

        One that would be alone is always tried, whatever the predictions.
        """
        if not self._running or not self._is_limited(now):
            return 0.0
        seconds = (self._running + 1) / self._capacity
        patience = self._patience if now - self._hurried <= MEMORY else inf
        if seconds <= HEADROOM * min(slack, patience):
            return 0.0
        self._seen = now
        return seconds

    def begin(self, slack: float, now: float) -> Visit:
        """A call comes that has so many seconds."""
        self._running += 1
        return Visit(now, slack, self._running, self._answered)

    def answered(self, visit: Visit, now: float) -> None:
        """It leaves with an answer."""
        self._running -= 1
        self._answered += 1
        self._lost -= MEAN * self._lost
        seconds = max(now - visit.began, BRIEF)
        size, time = log(visit.beside), log(seconds)
        self._learn(size, time)
        rate = self._rate(visit, seconds)
        if self._time > log(PRESSING * visit.slack) and self._is_queuing:
            self._capacity, self._seen = rate, now
        elif self._capacity:
            self._capacity = max(self._capacity, rate)

    def given_up(self, visit: Visit, now: float) -> None:
        """It leaves, and nobody waits for it any more.

        Where that is no sooner than calls take, it would have taken longer: nobody knows how much,
        but where many are given up no others may tell.
        """
        self._running -= 1
        seconds = max(now - visit.began, BRIEF)
        size, time = log(visit.beside), log(seconds)
        if self._noise and time < self._time + self._elasticity * (size - self._size) - ALIKE:
            return
        self._move(size, time)
        self._lost += MEAN * (1.0 - self._lost)
        rate = self._rate(visit, seconds)
        if self._lost > MANY or self._is_limited(now):
            self._capacity, self._seen = max(rate, 1 / seconds), now
        if self._lost > MANY:
            self._hurry(seconds, now)

    def _hurry(self, seconds: float, now: float) -> None:
        """Most clients have not the time that the server would give them, but so many seconds."""
        if now - self._hurried > MEMORY:
            self._patience = seconds
        self._patience *= (seconds / self._patience) ** RECENT
        self._hurried = now

    def refused(self) -> None:
        """It leaves with an error that says nothing of how busy others are."""
        self._running -= 1

    def _is_limited(self, now: float) -> bool:
        return self._capacity > 0.0 and now - self._seen <= MEMORY

    def _rate(self, visit: Visit, seconds: float) -> float:
        """Calls a second that have left lately, while others were here."""
        self._left += RECENT * (self._answered - visit.answered - self._left)
        self._stay += RECENT * (seconds - self._stay)
        return self._left / self._stay

    @property
    def _is_queuing(self) -> bool:
        """Whether calls surely wait for one another."""
        return self._weight > 0.0 and self._elasticity - SURE / sqrt(self._weight) > QUEUING

    def _learn(self, size: float, time: float) -> None:
        more, longer = size - self._size, time - self._time
        if self._noise:
            missed = longer - self._elasticity * more
            self._noise += MEAN * (missed * missed - self._noise)
            noise = max(self._noise, NOISE)
            told = more * more / noise
            # What is known is forgotten only as fast as more comes to be known: while a server is
            # full the number of calls stays the same, and says nothing.
            self._weight = max(0.0, 1.0 - told / MOST) * self._weight + told
            if told:
                self._elasticity += more * missed / noise / self._weight
        self._move(size, time)

    def _move(self, size: float, time: float) -> None:
        """Take one more into the means."""
        if not self._noise:
            self._size, self._time, self._noise = size, time, NOISE
            return
        self._size += MEAN * (size - self._size)
        self._time += MEAN * (time - self._time)
