"""Tally: the counts of one round."""

import base64
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal, Self

Trouble = Literal["connect", "reset", "timeout", "unsent", "protocol"]
OK = range(200, 300)
_FIRST = 1 << 16  # latencies that there is room for at the start


class Latencies:
    """Seconds of many requests, in room that was taken beforehand."""

    __slots__ = ("_room", "_used")

    def __init__(self, values: "array[float] | None" = None) -> None:
        self._used = 0 if values is None else len(values)
        self._room = array("d", bytes(8 * _FIRST)) if values is None else values

    def add(self, seconds: float) -> None:
        """One more."""
        if self._used == len(self._room):
            self._room.extend(array("d", bytes(8 * max(_FIRST, self._used))))
        self._room[self._used] = seconds
        self._used += 1

    def __len__(self) -> int:
        return self._used

    def sorted(self) -> list[float]:
        """From the fastest to the slowest."""
        return sorted(self._room[: self._used])

    def to_text(self) -> str:
        """As text, exactly."""
        return base64.b64encode(self._room[: self._used].tobytes()).decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote."""
        values = array("d")
        values.frombytes(base64.b64decode(text))
        return cls(values)


def quantile(ordered: list[float], share: float) -> float:
    """The smallest of the `ordered` values that `share` of them do not exceed; 0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


@dataclass(slots=True)
class Tally:
    """The results of a round.

    seconds    measured time
    answered   answered requests of the whole round, warm-up included
    finished   successful answers within the measured time, whenever they were requested
    ok         latencies of successful answers in seconds; in an open loop since they were due
    refused    latencies of the other answers
    lags       seconds by which the generator sent requests of an open loop late
    statuses   answers by status; `troubles`: requests without an answer, by reason
    wrong      successful answers with other values than the recorded ones; `differences` of some
    notes      the bodies of unsuccessful answers, one per status
    cpu        processor seconds of the generator in the whole round, whose duration is `wall`
    starved    seconds that the generator waited for a core
    """

    seconds: float = 0.0
    answered: int = 0
    finished: int = 0
    ok: Latencies = field(default_factory=Latencies)
    refused: Latencies = field(default_factory=Latencies)
    lags: Latencies = field(default_factory=Latencies)
    statuses: dict[int, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    differences: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    cpu: float = 0.0
    starved: float = 0.0
    wall: float = 0.0
    is_cut: bool = False  # the round was interrupted

    @property
    def asked(self) -> int:
        """Requests that were measured, however they ended."""
        return sum(self.statuses.values()) + sum(self.troubles.values())

    @property
    def errors(self) -> int:
        """Requests without a good answer."""
        return self.asked - sum(n for status, n in self.statuses.items() if status in OK)

    def to_json(self) -> dict[str, Any]:
        """Encode for the parent process."""
        lists_too = {"ok", "refused", "lags", "statuses"}
        plain = [name for name in type(self).__dataclass_fields__ if name not in lists_too]
        lists = {name: getattr(self, name).to_text() for name in ("ok", "refused", "lags")}
        statuses = {str(status): count for status, count in self.statuses.items()}
        return {name: getattr(self, name) for name in plain} | lists | {"statuses": statuses}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        lists = {name: Latencies.from_text(data[name]) for name in ("ok", "refused", "lags")}
        statuses = {int(status): count for status, count in data["statuses"].items()}
        return cls(**(dict(data) | lists | {"statuses": statuses}))
