"""Bench: measures a server with a load generator and probes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from .generator.checker import SHOWN
from .generator.generator import Cut, Generator
from .generator.load import Load
from .generator.tally import Tally
from .round import Round, Used, of_tally
from .subject.process_tree import machine_cpu
from .subject.scrape import Scrape
from .subject.subject import Subject

Tick = Callable[[float], None]


class CutRound(KeyboardInterrupt):
    """The user has interrupted; `round` is what was measured until then."""

    def __init__(self, cut: Round) -> None:
        super().__init__("cut")
        self.round = cut


class Bench:
    """Measures one subject, round by round.

    wrong   wrong answers so far, warm-up rounds included; `differences` of the first
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.wrong = 0
        self.differences: list[str] = []
        self._generator = Generator()
        self._rows = 0  # rows per request of the current requests

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._generator.close()

    def check(self, rows: int, timeout: float) -> Round:
        """Send each request once, one after the other."""
        count = len(self.subject.requests.of(rows))
        bound = min(3600.0, timeout * count)
        return self.measure(
            Load(rows=rows, seconds=bound, warm=0.0, timeout=timeout, count=count), lambda _: None
        )

    def measure(self, load: Load, tick: Tick) -> Round:
        """One round.

        Raises:
            CutRound: on a KeyboardInterrupt, which is its cause.
            BundleError: when the generator fails.
        """
        self._aim(load.rows)
        tree = self.subject.tree
        before = Scrape.take(self.subject.url)
        cpu = (tree.cpu() if tree else None, machine_cpu())
        try:
            tally = self._generator.run(load, tick)
        except Cut as cut:
            raise CutRound(self._round(load, cut.tally, cpu, before)) from cut.__cause__
        return self._round(load, tally, cpu, before)

    def _round(self, load: Load, tally: Tally, cpu: Used, before: Scrape | None) -> Round:
        self.wrong += tally.wrong
        self.differences += tally.differences[: SHOWN - len(self.differences)]
        tree = self.subject.tree
        usage = tree.usage() if tree else None
        used = (_less(usage.cpu if usage else None, cpu[0]), _less(machine_cpu(), cpu[1]))
        after = Scrape.take(self.subject.url) if before else None
        counted = after.since(before) if after and before else None
        return of_tally(load, tally, used, usage, counted)

    def _aim(self, rows: int) -> None:
        if rows != self._rows:
            subject = self.subject
            self._generator.aim(subject.address, subject.path, subject.requests.of(rows))
            self._rows = rows


def _less(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


@dataclass
class Findings:
    """The results so far of some benches; complete unless `is_cut`."""

    benches: tuple[Bench, ...]
    is_cut: bool = False

    @property
    def wrong(self) -> int:
        """Wrong answers, warm-up rounds included."""
        return sum(bench.wrong for bench in self.benches)

    @property
    def differences(self) -> list[str]:
        """How the first of them differ."""
        return [text for bench in self.benches for text in bench.differences]

    def to_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "ok": not self.wrong,
            "wrong": self.wrong,
            "differences": self.differences,
            "is_cut": self.is_cut,
        }
