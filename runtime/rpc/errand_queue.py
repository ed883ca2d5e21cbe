"""ErrandQueue: the calls of one front: who is with the service process, who waits, who is tried."""

from collections import deque
from collections.abc import Iterator

from ..errors import Overloaded, ServiceDied
from .errand import Errand


class ErrandQueue:
    """Who may go next, and what becomes of whom when the process dies. Sends nothing itself.

    Those that a process may have died of are tried again one by one, with nobody else there, before
    anybody else goes on.
    """

    def __init__(self, most: int) -> None:
        self._most = most  # that may wait
        self._there: dict[int, Errand] = {}  # by number
        self._waiting: deque[Errand] = deque()
        self._suspects: deque[Errand] = deque()
        self._alone: Errand | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody would be passed by whoever goes now."""
        return not self._waiting and not self._suspects and self._alone is None

    @property
    def is_awaited(self) -> bool:
        """Whether calls are there."""
        return bool(self._there)

    def find(self, number: int) -> Errand | None:
        """The call that is there under a number."""
        return self._there.get(number)

    def unanswered(self) -> list[Errand]:
        """All that somebody waits for."""
        everybody = [*self._there.values(), *self._waiting, *self._suspects]
        return [errand for errand in everybody if not errand.is_over]

    def wait(self, errand: Errand) -> None:
        """It is not its turn yet.

        Raises:
            Overloaded: when too many wait.
        """
        if len(self._waiting) >= self._most:
            self._waiting = deque(_wanted(self._waiting))
        if len(self._waiting) >= self._most:
            raise Overloaded("Too many requests are waiting for the service.", retry_after=1)
        self._waiting.append(errand)

    def next(self) -> Errand | None:
        """Whose turn it is; `sent` must follow."""
        if self._alone is not None:
            return None
        self._alone = next(_wanted(self._suspects), None)
        return self._alone or next(_wanted(self._waiting), None)

    def sent(self, errand: Errand) -> None:
        """It is there now, under its number."""
        self._there[errand.number] = errand

    def finish(self, errand: Errand) -> None:
        """It has come back."""
        self._there.pop(errand.number, None)
        if errand is self._alone:
            self._alone = None

    def drop(self, errand: Errand) -> bool:
        """Nobody wants it any more; whether it is there."""
        errand.answer.cancel()
        is_there = self._there.get(errand.number) is errand
        if is_there:
            self.finish(errand)
        return is_there

    def died(self, taken: int) -> list[Errand]:
        """The process is gone; `taken` is the last number that it had taken up.

        Those that it took with it are answered, or will be tried again; all of them are returned.
        """
        lost: list[Errand] = []
        kept: list[Errand] = []
        for errand in self._there.values():
            (lost if errand.number <= taken else kept).append(errand)
        self._there.clear()
        self._alone = None
        self._waiting.extendleft(reversed(kept))
        for errand in lost:
            may_run_again = errand.is_idempotent and not errand.is_retried
            if may_run_again and errand.parts is None and not errand.is_over:
                errand.is_retried = True
                self._suspects.append(errand)
            else:
                errand.fail(ServiceDied())
        return lost


def _wanted(errands: deque[Errand]) -> Iterator[Errand]:
    while errands:
        errand = errands.popleft()
        if not errand.is_over:
            yield errand
