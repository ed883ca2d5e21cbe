"""Ledger: how much time of a model each client has used."""

from collections import Counter
from collections.abc import Hashable

KNOWN = 4096  # clients that are remembered


class Ledger:
    """Predicted seconds that each client's rows took, counted from when it came.

    Whoever comes begins where those are that have had the least: neither is anything owed for the
    time when nothing was asked, nor does a newcomer begin with a debt.
    """

    __slots__ = ("_floor", "_spent", "_waiting")

    def __init__(self) -> None:
        self._spent: dict[Hashable, float] = {}
        self._waiting: Counter[Hashable] = Counter()  # requests
        self._floor = 0.0  # what the client that was served last had had before

    def __getitem__(self, client: Hashable) -> float:
        """Seconds that `client` has had."""
        return self._spent[client]

    def came(self, client: Hashable) -> None:
        """A request of `client` waits."""
        if not self._waiting[client]:
            self._spent[client] = max(self._spent.get(client, 0.0), self._floor)
        self._waiting[client] += 1

    def left(self, client: Hashable) -> None:
        """A request of `client` waits no more."""
        self._waiting[client] -= 1
        if not self._waiting[client]:
            del self._waiting[client]
            if self._spent[client] <= self._floor or len(self._spent) > KNOWN:
                del self._spent[client]

    def charge(self, client: Hashable, seconds: float) -> None:
        """`client`, of which something waits, gets `seconds` of the model."""
        self._floor = max(self._floor, self._spent[client])
        self._spent[client] += seconds

    def __len__(self) -> int:
        """Clients of which something waits."""
        return len(self._waiting)
