"""Exposition: the metrics of all processes in Prometheus' text format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import reserved_slots
from .counters import Counters, Family

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A gauge that is computed when it is read, with labels that are unknown before."""

    name: str
    help: str
    values: Sequence[tuple[Labels, float]]


class Exposition:
    """One reading of the counters, with facts beside them; `names` are of `ReservedSlots`."""

    def __init__(self, counters: Counters, facts: Iterable[Fact], names: Mapping[str, str]) -> None:
        self._names = names
        self._families = [family for family in counters.families if family.is_shown]
        self._counters = counters
        self._rows = counters.rows()
        self._totals = [sum(column) for column in zip(*self._rows, strict=True)]
        self._facts = tuple(facts)

    def text(self) -> bytes:
        """All of it."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Any]:
        """The families, as prometheus_client expects them."""
        from prometheus_client.core import GaugeMetricFamily

        for fact in self._facts:
            if not fact.values:
                continue
            names = tuple(fact.values[0][0])
            shown = GaugeMetricFamily(fact.name, fact.help, labels=names)
            for labels, value in fact.values:
                shown.add_metric(tuple(labels.values()), value)
            yield shown
        yield from map(self._family, self._families)

    def _family(self, family: Family) -> Any:
        from prometheus_client import core

        kinds: dict[str, Any] = {
            "counter": core.CounterMetricFamily,
            "gauge": core.GaugeMetricFamily,
            "histogram": core.HistogramMetricFamily,
        }
        names = (*family.labels, "worker") if family.is_by_worker else family.labels
        shown = kinds[family.kind](family.name, family.help, labels=names)
        for labels in family.series:
            for named in reserved_slots.shown(labels, self._names):
                self._series(shown, family, labels, named)
        return shown

    def _series(
        self, shown: Any, family: Family, labels: tuple[str, ...], named: tuple[str, ...]
    ) -> None:
        """Add the series of `labels` under the labels with which it is shown."""
        start = self._counters.slot(family, *labels)
        stop = start + family.width
        if labels[:1] in family.rare and not any(self._totals[start:stop]):
            return
        if not family.is_by_worker:
            _add(shown, family, named, self._totals[start:stop])
            return
        for worker, row in enumerate(self._rows):
            if any(row[start:stop]):  # else it was never counted
                _add(shown, family, (*named, str(worker)), row[start:stop])


def _add(shown: Any, family: Family, labels: tuple[str, ...], values: Sequence[float]) -> None:
    if family.kind != "histogram":
        shown.add_metric(labels, values[0])
        return
    seen, buckets = 0.0, []
    for bound, count in zip((*map(str, family.bounds), "+Inf"), values, strict=False):
        seen += count
        buckets.append((bound, seen))
    shown.add_metric(labels, buckets, values[-1])
