"""Load: the load of one round."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

MOST_CLIENTS = 4096


@dataclass(frozen=True, slots=True)
class Load:
    """A closed loop of clients that send again once answered, or an open loop at a given rate.

    clients   connections, each with one request at a time; in an open loop their maximum
    rate      requests/s of an open loop, with the gaps of a Poisson process; 0 = a closed loop
    rows      per request
    seconds   measured
    warm      seconds of warm-up before, not measured
    timeout   seconds after which a client gives a request up
    count     requests after which the round ends, before its time; 0 = unlimited
    seed      of the gaps between arrivals
    share     `rate` as a share of the capacity; 0 = `rate` was given directly
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
        """Whether requests are sent at a rate, independent of answers."""
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
