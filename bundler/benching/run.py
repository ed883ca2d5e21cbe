"""Run: measures one subject under every load of a plan."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ...runtime.errors import BundleError
from ..progress import Meter, Progress
from .bench import Bench, CutRound, Findings
from .bench_plan import BenchPlan
from .findings import advice, cost_fit, parts
from .findings.advice import Advice
from .findings.cost_fit import Fit, Point
from .generator.load import Load
from .round import Round

_PATIENCE = 0.25  # seconds for each size, twice; less where the rounds are short, too
_SIZES = 512  # rows, the largest that is tried
_DEFAULT = 64  # rows, if the largest batch is unknown
_SLOW = 1.0  # seconds of a lone answer from which no sizes are tried
WARM_SECONDS = 0.7  # of load before the first round
_WARM_CLIENTS = 8


@dataclass
class Report(Findings):
    """The results of a run."""

    rounds: list[Round] = field(default_factory=list)
    fit: Fit | None = None
    advice: list[Advice] = field(default_factory=list)

    @property
    def capacity(self) -> float:
        """Requests/s, the most that a closed loop has got."""
        return max((one.rate for one in self.rounds if not one.load.is_open), default=0.0)

    @property
    def peak(self) -> Round | None:
        """The closed loop that got it."""
        closed = [one for one in self.rounds if not one.load.is_open and one.rate]
        return max(closed, key=lambda one: one.rate, default=None)

    def to_json(self) -> dict[str, Any]:
        """For a program."""
        where = parts.of_round(self.peak) if self.peak else None
        sizes = parts.batches(self.peak) if self.peak else []
        return super().to_json() | {
            "capacity": round(self.capacity, 2),
            "rounds": [one.to_json() for one in self.rounds],
            "cost": _cost(self.fit),
            "batches": [one.to_json() for one in sizes],
            "time": where.to_json() if where else None,
            "advice": [one.to_json() for one in self.advice],
            "generator_is_the_limit": any(one.is_bound for one in self.rounds),
        }


class Run:
    """Measures a subject; `report` has the results, even after an interruption."""

    def __init__(self, bench: Bench, plan: BenchPlan, progress: Progress, cpus: int) -> None:
        self.report = Report((bench,))
        self._bench = bench
        self._plan = plan
        self._progress = progress
        self._cpus = cpus

    def go(self) -> Report:
        """Run every round of the plan.

        Raises:
            BundleError: when the server does not answer its own samples.
            KeyboardInterrupt: when the user stops it.
        """
        try:
            check(self._bench, self._plan)
            with meter(self._progress, "Measuring", self._plan.expected + WARM_SECONDS) as bar:
                self._rounds(bar)
            self.report.fit = self._fit()
        except KeyboardInterrupt:
            self.report.is_cut = True
            raise
        finally:
            self._advise()
        return self.report

    def _rounds(self, bar: Meter) -> None:
        plan = self._plan
        warm_up(self._bench, plan, bar)
        for load in plan.closed():
            self._measure(load, bar)
        for load in plan.open(self.report.capacity):
            self._measure(load, bar)

    def _measure(self, load: Load, bar: Meter) -> None:
        try:
            found = self._bench.measure(load, lambda seconds: bar.advance(ticks(seconds)))
        except CutRound as cut:
            if cut.round.asked:
                self.report.rounds.append(cut.round)
            raise
        self.report.rounds.append(found)
        self._progress.step(said(found))

    def _advise(self) -> None:
        report, knobs = self.report, self._bench.subject.knobs
        report.advice = advice.of_run(report.rounds, report.fit, knobs, self._cpus)

    def _fit(self) -> Fit | None:
        """Measure calls of 1, 2, 4, ... rows, with one client."""
        subject = self._bench.subject
        knobs = subject.knobs
        if not subject.requests.is_scalable or (knobs and not knobs.is_batchable):
            return None
        most = min(_SIZES, knobs.max_batch_size if knobs else _DEFAULT)
        self._progress.step(f"One client, requests of 1 to {most} rows.")
        upward = self._sizes([1 << power for power in range(most.bit_length())])
        both = upward + self._sizes([size for size, _, _ in upward[::-1]])
        batches = [batch for _, _, batch in both if batch]
        if len(batches) > len(both) // 2:  # counts change when a worker starts or ends
            return cost_fit.fit(_fastest(batches), "batches")
        return cost_fit.fit(_fastest([(size, answer) for size, answer, _ in both]), "answers")

    def _sizes(self, sizes: Sequence[int]) -> list[tuple[int, float, Point | None]]:
        """Of each size the seconds of an answer, and the rows and seconds of its batches."""
        found = []
        seconds = min(_PATIENCE, self._plan.seconds / 4)
        for size in sizes:
            load = Load(rows=size, seconds=seconds, warm=0.0, timeout=self._plan.timeout)
            one = self._bench.measure(load, lambda _: None)
            if one.errors or not one.asked:
                break  # such a request is over a limit of the server
            found.append((size, one.p50, _batch(one)))
            if one.p50 > _SLOW:
                break
        return found


def _fastest(points: Sequence[Point]) -> list[Point]:
    """Of each size the shorter time: what else the machine does only ever adds."""
    found: dict[int, float] = {}
    for rows, seconds in points:
        found[rows] = min(seconds, found.get(rows, seconds))
    return list(found.items())


def check(bench: Bench, plan: BenchPlan) -> None:
    """Send each request once, before the measurement.

    Raises:
        BundleError: when an answer is missing or wrong.
    """
    found = bench.check(plan.rows, plan.timeout)
    subject = bench.subject
    if found.wrong:
        raise BundleError(
            f"`{subject.name}` answers its own samples wrongly: {'; '.join(found.differences)}.",
            hint="Compare with `bundle test`; a wrong answer is not worth measuring.",
        )
    if found.errors or not found.asked:
        status = next((s for s in found.statuses if str(s) in found.notes), None)
        why = f"{status}: {found.notes[str(status)]}" if status else _troubles(found)
        raise BundleError(
            f"`{subject.name}` does not answer `POST {subject.path}`: {why}",
            hint="Name another route with `--route`, or a body with `--data FILE`.",
        )


def warm_up(bench: Bench, plan: BenchPlan, bar: Meter) -> None:
    """A short warm-up load, which is not reported."""
    clients, timeout = _WARM_CLIENTS, plan.timeout
    load = Load(clients, rows=plan.rows, seconds=WARM_SECONDS, warm=0.0, timeout=timeout)
    bench.measure(load, lambda seconds: bar.advance(ticks(seconds)))


def said(found: Round) -> str:
    """One round in one line."""
    line = (
        f"{found.load.label}: {found.rate:,.0f} requests/s, "
        f"p50 {found.p50 * 1e3:.2f} ms, p99 {found.p99 * 1e3:.2f} ms"
    )
    return line + (f", {found.errors} errors" if found.errors else "")


_TICKS = 100  # steps of the bar a second


def ticks(seconds: float) -> int:
    """Steps of the bar."""
    return round(seconds * _TICKS)


@contextmanager
def meter(progress: Progress, text: str, seconds: float) -> Iterator[Meter]:
    """A bar that is full after so many seconds."""
    with progress.meter(text, ticks(seconds), "seconds") as bar:
        yield bar


def _batch(found: Round) -> Point | None:
    """Mean rows and seconds of the batches of a round."""
    seen = parts.batches(found)
    if found.counted is None or len(seen) != 1:
        return None
    run = found.counted.histogram("bundle_batch_seconds", queue=seen[0].queue)
    return (round(seen[0].mean), run.mean) if run.count else None


def _troubles(found: Round) -> str:
    named = ", ".join(f"{count} x {name}" for name, count in found.troubles.items())
    return f"{named or 'nothing came'}."


def _cost(fit: Fit | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {
        "alpha_us": round(fit.alpha * 1e6, 3),
        "beta_us": round(fit.beta * 1e6, 4),
        "source": fit.source,
        "largest_error": round(fit.error, 3),
        "points": [{"rows": rows, "us": round(s * 1e6, 2)} for rows, s in fit.points],
    }
