"""CallQueue: the calls of one front: running, waiting, or to be tried again."""

from collections import deque
from collections.abc import Iterator

from ..errors import Overloaded, ServiceDied
from .pending_call import PendingCall


class CallQueue:
    """Decides which call is next, and what happens to each when the process dies. Sends nothing.

    Calls that may have crashed a process are tried again one at a time, before any other call.
    """

    def __init__(self, most: int) -> None:
        self._most = most  # that may wait
        self._there: dict[int, PendingCall] = {}  # by number
        self._waiting: deque[PendingCall] = deque()
        self._suspects: deque[PendingCall] = deque()
        self._alone: PendingCall | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no call is waiting, so that a new one may be sent at once."""
        return not self._waiting and not self._suspects and self._alone is None

    @property
    def is_awaited(self) -> bool:
        """Whether calls are running in the process."""
        return bool(self._there)

    def keeps_waiting(self, pending: PendingCall) -> bool | None:
        """Whether a call that is tried alone makes others wait; None if it is no longer running."""
        if pending is not self._alone:
            return None
        return any(not each.is_over for each in (*self._suspects, *self._waiting))

    def find(self, number: int) -> PendingCall | None:
        """The running call with a number."""
        return self._there.get(number)

    def unanswered(self) -> list[PendingCall]:
        """All calls that a client still waits for."""
        everybody = [*self._there.values(), *self._waiting, *self._suspects]
        return [pending for pending in everybody if not pending.is_over]

    def wait(self, pending: PendingCall) -> None:
        """Queue a call; raises Overloaded when too many are waiting."""
        if len(self._waiting) >= self._most:
            self._waiting = deque(_wanted(self._waiting))
        if len(self._waiting) >= self._most:
            raise Overloaded("Too many requests are waiting for the service.", retry_after=1)
        self._waiting.append(pending)

    def next(self) -> PendingCall | None:
        """The call to be sent next; the caller must call `sent`."""
        if self._alone is not None:
            return None
        self._alone = next(_wanted(self._suspects), None)
        return self._alone or next(_wanted(self._waiting), None)

    def sent(self, pending: PendingCall) -> None:
        """Note that a call was sent under its number."""
        self._there[pending.number] = pending

    def finish(self, pending: PendingCall) -> None:
        """Remove a call that was answered."""
        self._there.pop(pending.number, None)
        if pending is self._alone:
            self._alone = None

    def drop(self, pending: PendingCall) -> bool:
        """Remove a call whose client has gone; whether it is running in the process."""
        pending.answer.cancel()
        is_there = self._there.get(pending.number) is pending
        if is_there:
            self.finish(pending)
        return is_there

    def died(self, taken: int) -> list[PendingCall]:
        """Handle the death of the process; `taken` is the number of the call started last.

        Returns the calls that were running, which are answered with an error or tried again.
        """
        lost: list[PendingCall] = []
        kept: list[PendingCall] = []
        for pending in self._there.values():
            (lost if pending.number <= taken else kept).append(pending)
        self._there.clear()
        self._alone = None
        for pending in reversed(kept):  # one that was tried alone is so once more
            (self._suspects if pending.is_retried else self._waiting).appendleft(pending)
        for pending in lost:
            may_run_again = pending.is_idempotent and not pending.is_retried
            if may_run_again and not pending.is_over:
                pending.is_retried = True
                self._suspects.append(pending)
            else:
                pending.fail(ServiceDied())
        return lost


def _wanted(calls: deque[PendingCall]) -> Iterator[PendingCall]:
    while calls:
        pending = calls.popleft()
        if not pending.is_over:
            yield pending
