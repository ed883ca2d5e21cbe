"""Comparison: two subjects under the same loads, and how much of the difference is noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import fmean, stdev
from typing import Any

from ..generator.load import Load
from ..round import Round

# Student's t for 99 % of both sides, by degrees of freedom; beyond, the normal distribution's.
# A run reports sixteen ratios: at 95 %, every other run would show a difference by chance.
_T = (63.7, 9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36, 3.25, 3.17, 3.11, 3.05, 3.01, 2.98, 2.95)
_NORMAL = 2.58
_WIDEST = 500.0  # of a logarithm: far beyond any knowledge, and still a number

FIGURES = ("rate", "p50", "p99", "cpu_a_request")


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio of the second subject's figure to the first's, from paired rounds.

    low, high   99 % confidence interval; None with a single pair
    """

    figure: str
    value: float
    low: float | None
    high: float | None
    pairs: int

    @property
    def is_noise(self) -> bool:
        """Whether there may be no difference at all."""
        return self.low is None or self.high is None or self.low <= 1.0 <= self.high

    def to_json(self) -> dict[str, Any]:
        """For a program."""
        bounds = [None if one is None else round(one, 4) for one in (self.low, self.high)]
        return {
            "ratio": round(self.value, 4),
            "low": bounds[0],
            "high": bounds[1],
            "pairs": self.pairs,
            "is_noise": self.is_noise,
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rounds of the same load, one right after the other."""

    load: Load
    first: Round
    second: Round


def ratio(figure: str, pairs: Sequence[Pair]) -> Ratio | None:
    """The ratio of one figure; None where one of the two has none.

    Ratios are averaged as logarithms: twice as fast and half as fast cancel.
    """
    both = [(getattr(pair.first, figure), getattr(pair.second, figure)) for pair in pairs]
    logs = [log(second / first) for first, second in both if first and second]
    if not logs:
        return None
    middle = fmean(logs)
    if len(logs) == 1:
        return Ratio(figure, exp(middle), None, None, 1)
    freedom = len(logs) - 1
    spread = (_T[freedom - 1] if freedom <= len(_T) else _NORMAL) * stdev(logs) / sqrt(len(logs))
    spread = min(spread, _WIDEST)
    return Ratio(figure, exp(middle), exp(middle - spread), exp(middle + spread), len(logs))


def by_load(pairs: Sequence[Pair]) -> list[tuple[Load, list[Pair]]]:
    """The pairs of each load, in the order of the loads."""
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.load.label, []).append(pair)
    return [(of_one[0].load, of_one) for of_one in found.values()]
