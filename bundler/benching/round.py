"""Round: one load, the answers, and the resources that the server used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .generator.load import Load
from .generator.tally import Tally, quantile
from .subject.process_tree import Usage
from .subject.scrape import Scrape

BUSY = 0.9  # share of a core from which a load generator measures itself


@dataclass(frozen=True, slots=True)
class Round:
    """The figures of one round; seconds and bytes throughout.

    cores    used by the server in the whole round; None if its processes cannot be observed
    others   cores used by other processes than the server and the generator
    usage    of the server, at the end
    counted  the changes of the server's `/metrics`; None if it has none
    """

    load: Load
    rate: float  # good answers/s
    p50: float
    p99: float
    p999: float
    mean: float
    asked: int
    errors: int
    wrong: int
    statuses: Mapping[int, int]
    troubles: Mapping[str, int]
    differences: tuple[str, ...]
    notes: Mapping[str, str]
    refused_p99: float  # seconds until a refusal, or another answer that is no good one
    lag_p99: float  # seconds by which the generator was late
    share: float  # of a core, the generator's
    starved: float  # share of the time that it waited for a core
    cpu_a_request: float | None
    cores: float | None
    others: float | None
    usage: Usage | None
    counted: Scrape | None
    is_cut: bool

    @property
    def rows_rate(self) -> float:
        """Rows/s."""
        return self.rate * self.load.rows

    @property
    def is_bound(self) -> bool:
        """Whether the generator was at its limit, so that the figures are lower bounds."""
        return self.share + self.starved >= BUSY

    def to_json(self) -> dict[str, Any]:
        """The figures, for a program."""
        loop = "open" if self.load.is_open else "closed"
        return {
            "loop": loop,
            "clients": None if self.load.is_open else self.load.clients,
            "asked_rate": self.load.rate if self.load.is_open else None,
            "requests_per_second": round(self.rate, 2),
            "rows_per_second": round(self.rows_rate, 2),
            "p50_ms": _ms(self.p50),
            "p99_ms": _ms(self.p99),
            "p999_ms": _ms(self.p999),
            "mean_ms": _ms(self.mean),
            "requests": self.asked,
            "errors": self.errors,
            "wrong": self.wrong,
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "troubles": dict(self.troubles),
            "notes": dict(self.notes),
            "refused_p99_ms": _ms(self.refused_p99),
            "generator_lag_p99_ms": _ms(self.lag_p99),
            "generator_share": round(self.share, 3),
            "others_cores": None if self.others is None else round(self.others, 3),
            "generator_starved": round(self.starved, 3),
            "server_cores": None if self.cores is None else round(self.cores, 3),
            "server_cpu_us_per_request": (
                None if self.cpu_a_request is None else round(self.cpu_a_request * 1e6, 2)
            ),
            "memory_bytes": self.usage.memory if self.usage else None,
            "resident_bytes": self.usage.resident if self.usage else None,
            "processes": self.usage.processes if self.usage else None,
            "is_cut": self.is_cut,
        }


Used = tuple[float | None, float | None]
"""CPU seconds of the server, and of the whole machine."""


def of_tally(
    load: Load, tally: Tally, used: Used, usage: Usage | None, counted: Scrape | None
) -> Round:
    """The figures of a tally."""
    cpu, machine = used
    ordered = tally.ok.sorted()
    return Round(
        load=load,
        rate=tally.finished / tally.seconds if tally.seconds else 0.0,
        p50=quantile(ordered, 0.5),
        p99=quantile(ordered, 0.99),
        p999=quantile(ordered, 0.999),
        mean=sum(ordered) / len(ordered) if ordered else 0.0,
        asked=tally.asked,
        errors=tally.errors,
        wrong=tally.wrong,
        statuses=dict(sorted(tally.statuses.items())),
        troubles=dict(sorted(tally.troubles.items())),
        differences=tuple(tally.differences),
        notes=tally.notes,
        refused_p99=quantile(tally.refused.sorted(), 0.99),
        lag_p99=quantile(tally.lags.sorted(), 0.99),
        share=tally.cpu / tally.wall if tally.wall else 0.0,
        starved=tally.starved / tally.wall if tally.wall else 0.0,
        cpu_a_request=cpu / tally.answered if cpu is not None and tally.answered else None,
        cores=cpu / tally.wall if cpu is not None and tally.wall else None,
        others=_others(tally, cpu, machine),
        usage=usage,
        counted=counted,
        is_cut=tally.is_cut,
    )


def _others(tally: Tally, cpu: float | None, machine: float | None) -> float | None:
    if cpu is None or not machine or not tally.wall:
        return None
    return max(0.0, machine - cpu - tally.cpu) / tally.wall


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 4)
