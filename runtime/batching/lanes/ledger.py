"""Ledger: the time of a model that each client has used."""

from collections import Counter
from collections.abc import Hashable

KNOWN = 4096  # clients that are remembered


class Ledger:
    """Predicted seconds of each client's rows, counted from its arrival.

    A new client starts with the smallest amount of all: it has no credit for the time before,
    and no debt.
    """

    __slots__ = ("_floor", "_spent", "_waiting")

    def __init__(self) -> None:
        self._spent: dict[Hashable, float] = {}
        self._waiting: Counter[Hashable] = Counter()  # requests
        self._floor = 0.0  # amount of the client that was served last, before that

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
