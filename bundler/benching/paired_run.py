"""PairedRun: measures two subjects in the order A B B A, so that drift affects both alike."""

from dataclasses import dataclass, field
from typing import Any

from ..progress import Meter, Progress
from .bench import Bench, Findings
from .bench_plan import BenchPlan
from .findings.comparison import FIGURES, Pair, Ratio, by_load, ratio
from .generator.load import Load
from .round import Round
from .run import WARM_SECONDS, check, meter, said, ticks, warm_up


@dataclass
class PairedReport(Findings):
    """The pairs so far."""

    pairs: list[Pair] = field(default_factory=list)

    @property
    def rounds(self) -> list[Round]:
        """All of them."""
        return [one for pair in self.pairs for one in (pair.first, pair.second)]

    def ratios(self) -> list[tuple[Load, list[Pair], list[Ratio]]]:
        """For each load its pairs, and the ratios of its figures."""
        found = []
        for load, pairs in by_load(self.pairs):
            ratios = [one for figure in FIGURES if (one := ratio(figure, pairs)) is not None]
            found.append((load, pairs, ratios))
        return found

    def to_json(self) -> dict[str, Any]:
        """For a program."""
        return super().to_json() | {
            "loads": [
                {
                    "load": load.label,
                    "ratios": {one.figure: one.to_json() for one in ratios},
                    "rounds": [[p.first.to_json(), p.second.to_json()] for p in pairs],
                }
                for load, pairs, ratios in self.ratios()
            ],
            "generator_is_the_limit": any(one.is_bound for one in self.rounds),
        }


class PairedRun:
    """Measures two subjects in turns; `report` has the pairs, even after an interruption."""

    def __init__(self, first: Bench, second: Bench, plan: BenchPlan, progress: Progress) -> None:
        self.report = PairedReport((first, second))
        self._benches = (first, second)
        self._plan = plan
        self._progress = progress

    def go(self) -> PairedReport:
        """Run every round of the plan, for both.

        Raises:
            BundleError: when one does not answer its own samples.
            KeyboardInterrupt: when the user stops it.
        """
        plan = self._plan
        for bench in self._benches:
            check(bench, plan)
        expected = 2 * (plan.expected * plan.rounds + WARM_SECONDS)
        try:
            with meter(self._progress, "Comparing", expected) as bar:
                for bench in self._benches:
                    warm_up(bench, plan, bar)
                for number in range(plan.rounds):
                    self._round(number, bar)
        except KeyboardInterrupt:
            self.report.is_cut = True
            raise
        return self.report

    def _round(self, number: int, bar: Meter) -> None:
        for load in self._plan.closed():
            self._pair(load, number, bar)
        for load in self._plan.open(self._capacity(), seed=number):
            self._pair(load, number, bar)

    def _pair(self, load: Load, number: int, bar: Meter) -> None:
        order = (0, 1) if number % 2 == 0 else (1, 0)
        found: dict[int, Round] = {}
        for which in order:
            bench = self._benches[which]
            found[which] = bench.measure(load, lambda seconds: bar.advance(ticks(seconds)))
            self._progress.step(f"{'AB'[which]}, {said(found[which])}")
        self.report.pairs.append(Pair(load, found[0], found[1]))

    def _capacity(self) -> float:
        """Of the slower one, from its first round: the loads must be the same in all of them."""
        closed = [pair for pair in self.report.pairs if not pair.load.is_open]
        first = closed[: len(self._plan.clients)]
        best = [max((getattr(p, s).rate for p in first), default=0.0) for s in ("first", "second")]
        return min(best)
