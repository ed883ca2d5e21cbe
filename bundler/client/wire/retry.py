"""RetryPolicy: when a request is sent again, without sockets and without sleeping.

    steps = conversation(request, policy, clock)
    step = next(steps)              # a Send: send it in so many seconds; or a Pause: wait
    step = steps.send(outcome)      # a Reply or what was Lost for a Send, None for a Pause
    ...                             # StopIteration has the reply

So the client that blocks and the one that awaits ask alike.
"""

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from .failures import ClientError, OutOfTime, Refused, Unreachable, WrongInput
from .reply import Lost, Reply
from .request import Request

FULL, TOO_MANY, BAD_GATEWAY = 503, 429, 502
_CLIENTS = range(400, 500)
_FIRST, _MOST = 0.1, 5.0  # seconds of a pause that nobody has named
_TIMED_OUT = 504


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request; the reply must come within `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often.

    timeout   seconds for all of it, pauses included
    retries   times that a request is asked again
    """

    timeout: float
    retries: int

    def within(self, timeout: float | None) -> "RetryPolicy":
        """The same, with another timeout, where one is given."""
        return self if timeout is None else replace(self, timeout=timeout)


Outcome = Reply | Lost | None
Steps = Generator[Send | Pause, Outcome, Reply]


def conversation(request: Request, policy: RetryPolicy, clock: Callable[[], float]) -> Steps:
    """Ask until there is a reply that is none of "later", or it makes no sense to go on.

    Raises:
        ClientError: see `failures`.
    """
    deadline = clock() + policy.timeout
    for attempt in range(policy.retries + 1):
        left = deadline - clock()
        if left <= 0:
            break
        outcome = yield Send(left)
        assert outcome is not None
        if isinstance(outcome, Reply) and outcome.is_ok:
            return outcome
        wait = _pause(outcome, attempt)
        is_over = attempt == policy.retries or clock() + wait >= deadline
        if is_over or not _may_ask_again(request, outcome):
            raise failure(outcome)
        yield Pause(wait)
    raise OutOfTime(f"No answer came within {policy.timeout:g} s.")


def _may_ask_again(request: Request, outcome: Reply | Lost) -> bool:
    """Whether the request cannot have run, or may run twice."""
    if isinstance(outcome, Lost):
        return not outcome.is_late and (request.is_idempotent or not outcome.was_sent)
    if outcome.status == TOO_MANY:
        return True
    # A 503 may be of a service that ended while it worked on this very request.
    return request.is_idempotent and outcome.status in {FULL, BAD_GATEWAY}


def _pause(outcome: Reply | Lost, attempt: int) -> float:
    named = outcome.retry_after if isinstance(outcome, Reply) else None
    # Not all at the same moment: whoever was refused together would be so again.
    spread = random.uniform(0.5, 1.0)  # noqa: S311
    own: float = min(_FIRST * 2**attempt, _MOST) * spread
    return own if named is None else named + own * _FIRST


def failure(outcome: Reply | Lost) -> ClientError:
    """The error for what came in place of a prediction."""
    if isinstance(outcome, Lost):
        kind = OutOfTime if outcome.is_late else Unreachable
        return kind(str(outcome))
    message = f"The server answers {outcome.status}: {outcome.complaint()}"
    if outcome.status == _TIMED_OUT:
        return OutOfTime(message, status=outcome.status)
    is_ours = outcome.status in _CLIENTS and outcome.status != TOO_MANY
    return (WrongInput if is_ours else Refused)(message, status=outcome.status)
