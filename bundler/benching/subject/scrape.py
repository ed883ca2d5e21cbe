"""Scrape: a server's `/metrics` at one moment, and the difference of two."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from ...http_opener import opened

Series = tuple[str, frozenset[tuple[str, str]]]
_PATIENCE = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a value was at most each bound, and above the one before.

    bounds   the last is infinite
    counts   one each
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    sum: float

    @property
    def count(self) -> float:
        """Values that were seen."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """Of all of them; 0 of none."""
        return self.sum / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """Every sample by its name and labels."""

    values: Mapping[Series, float]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read Prometheus' text format; raises ValueError when it is something else."""
        from prometheus_client.parser import text_string_to_metric_families

        return cls(
            {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
        )

    @classmethod
    def take(cls, url: str) -> Self | None:
        """Fetch the metrics of the server at `url` (without a path); None if it has none."""
        try:
            with opened(f"{url}/metrics", _PATIENCE) as answer:
                return cls.of(answer.read().decode())
        except (OSError, ValueError):
            return None

    def since(self, earlier: "Scrape") -> "Scrape":
        """The differences from `earlier`; gauges are the current ones."""
        return Scrape(
            {
                series: value - (earlier.values.get(series, 0.0) if _is_counted(series[0]) else 0.0)
                for series, value in self.values.items()
            }
        )

    def total(self, name: str, **labels: str) -> float:
        """The sum of all series of `name` that have these labels."""
        return sum(value for _, value in self._matching(name, labels))

    def labels(self, name: str, label: str) -> list[str]:
        """The values of `label` among the series of `name`, sorted."""
        return sorted({has[label] for has, _ in self._matching(name, {}) if label in has})

    def histogram(self, name: str, **labels: str) -> Histogram:
        """All series of the histogram `name` that have these labels, put together."""
        below: dict[float, float] = {}
        for has, value in self._matching(f"{name}_bucket", labels):
            below[float(has["le"])] = below.get(float(has["le"]), 0.0) + value
        bounds = tuple(sorted(below))
        so_far = [0.0, *(below[bound] for bound in bounds)]
        counts = tuple(high - low for low, high in pairwise(so_far))
        return Histogram(bounds, counts, self.total(f"{name}_sum", **labels))

    def _matching(
        self, name: str, labels: Mapping[str, str]
    ) -> Iterator[tuple[dict[str, str], float]]:
        wanted = set(labels.items())
        for (series, has), value in self.values.items():
            if series == name and wanted <= has:
                yield dict(has), value


def _is_counted(name: str) -> bool:
    return name.endswith(("_total", "_bucket", "_sum", "_count"))
