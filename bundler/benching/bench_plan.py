"""BenchPlan: the loads that a user wants measured."""

from dataclasses import dataclass
from typing import Any, Self

from .generator.load import Load
from .rate import Rate

OPEN_CLIENTS = 1024  # connections of an open loop at most
WARM = 0.3  # seconds of a round that are not measured


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """The loads of a run.

    clients   of the closed loops, one round each
    rates     of the open loops
    seconds   of each round
    rounds    of a comparison, for each subject and load
    """

    clients: tuple[int, ...] = (1, 8, 32, 64)
    rates: tuple[Rate, ...] = ()
    rows: int = 1
    seconds: float = 3.0
    timeout: float = 10.0
    rounds: int = 6

    @classmethod
    def parse(cls, clients: str, rates: str, **others: Any) -> Self:
        """From lists as they are typed: "1,8,32" and "50%,500"; "none" is none.

        Raises:
            ValueError: for a text that is no such list.
        """
        return cls(
            () if clients == "none" else tuple(map(int, clients.split(","))),
            () if rates == "none" else tuple(map(Rate.parse, rates.split(","))),
            **others,
        )

    @property
    def expected(self) -> float:
        """Seconds of all rounds of one subject."""
        return (len(self.clients) + len(self.rates)) * (self.seconds + WARM)

    def closed(self) -> list[Load]:
        """The closed loops."""
        return [
            Load(clients, 0.0, self.rows, self.seconds, WARM, self.timeout)
            for clients in self.clients
        ]

    def open(self, capacity: float, seed: int = 0) -> list[Load]:
        """The open loops, where the closed ones had reached `capacity` requests/s."""
        return [
            Load(
                OPEN_CLIENTS,
                rate.of(capacity),
                self.rows,
                self.seconds,
                WARM,
                self.timeout,
                seed=seed,
                share=rate.value if rate.is_share else 0.0,
            )
            for rate in self.rates
            if rate.of(capacity) > 0
        ]
