"""Load: the load of one round."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

MOST_CLIENTS = 4096


@dataclass(frozen=True, slots=True)
class Load:
    """A closed loop of clients that ask again once answered, or an open loop at a given rate.

    clients   connections, each with one request at a time; of an open loop the most there may be
    rate      requests/s of an open loop, with the gaps of a Poisson process; 0 = a closed loop
    rows      in each request
    seconds   that are measured
    warm      seconds before, which are not
    timeout   seconds after which a client leaves
    count     requests after which the round is over, whatever the clock says; 0 = no such number
    seed      of the gaps between arrivals
    share     of the capacity that `rate` is; 0 = it was said outright
    """

    clients: int = 1
    rate: float = 0.0
    rows: int = 1
    seconds: float = 3.0
    warm: float = 0.3
    timeout: float = 10.0
    count: int = 0
    seed: int = 0
    share: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether requests come whether or not others have been answered."""
        return self.rate > 0

    @property
    def label(self) -> str:
        """For a person: "8 clients", "1,200/s", "80%: 1,200/s"."""
        if self.is_open:
            return (f"{self.share:.0%}: " if self.share else "") + f"{self.rate:,.0f}/s"
        return f"{self.clients} client{'s' if self.clients > 1 else ''}"

    def to_json(self) -> dict[str, Any]:
        """For the generator."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**data)
