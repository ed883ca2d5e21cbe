"""The report of `bundle bench`: a table, bars, and advice."""

import sys
from collections.abc import Iterator, Sequence
from shutil import get_terminal_size

from ....bundler.benching.findings import parts
from ....bundler.benching.findings.comparison import Pair, Ratio
from ....bundler.benching.findings.cost_fit import Fit
from ....bundler.benching.paired_run import PairedReport
from ....bundler.benching.round import Round
from ....bundler.benching.run import Report
from ....bundler.benching.subject.subject import Subject
from ...terminal import bars, table
from ...terminal.size import human

_COLUMNS = ("load", "requests/s", "rows/s", "p50 ms", "p99 ms", "p99.9 ms", "errors", "CPU us/req")
_WIDTH = 80  # where there is no terminal
_STARVED = 0.1  # share of the time that a generator may wait for a core without a word
_NO_KNOWLEDGE = 100.0  # times as much: where an interval of few rounds may end
_QUIET = 0.2  # cores that others may use without a word
_NAMES = {"rate": "requests/s", "p50": "p50", "p99": "p99", "cpu_a_request": "CPU a request"}


def page(subject: Subject, report: Report) -> str:
    """Everything about one subject."""
    return "\n".join(_page(subject, report))


def _page(subject: Subject, report: Report) -> Iterator[str]:
    if report.wrong:
        yield _wrong(report.wrong, report.differences)
        yield ""
    yield from _rounds(report.rounds)
    yield ""
    yield from _bars(report.rounds)
    yield ""
    yield from _memory(report.rounds)
    yield from _cost(report.fit)
    if report.peak is not None:
        yield from _batches(report.peak)
        yield from _parts(report.peak)
    yield from _generator(report.rounds)
    yield from _others(report.rounds)
    if not subject.requests.is_recorded:
        yield "Nothing is recorded for this body: each answer was compared with the first one."
    yield ""
    for one in report.advice:
        yield f"set {one.setting}: {one.value}  {one.why}" if one.setting else one.why


def paired_page(names: Sequence[str], report: PairedReport) -> str:
    """Everything about two."""
    return "\n".join(_paired(names, report))


def _paired(names: Sequence[str], report: PairedReport) -> Iterator[str]:
    if report.wrong:
        yield _wrong(report.wrong, report.differences)
        yield ""
    yield f"A = {names[0]}, B = {names[1]}; each figure is the mean of its rounds."
    yield ""
    loads = report.ratios()
    rows = [row for _, pairs, ratios in loads for row in _ratio_rows(pairs, ratios)]
    yield from table.lines(("load", "", "A", "B", "B / A", "99 of 100", ""), rows, _columns())
    yield ""
    yield from _generator(report.rounds)
    yield from _others(report.rounds)
    telling = [one for _, _, ratios in loads for one in ratios if not one.is_noise]
    if not telling:
        yield "No difference that could be told from noise; more `--rounds` see smaller ones."


def _ratio_rows(pairs: Sequence[Pair], ratios: Sequence[Ratio]) -> Iterator[tuple[str, ...]]:
    label = pairs[0].load.label
    for one in ratios:
        first = _mean([getattr(pair.first, one.figure) for pair in pairs])
        second = _mean([getattr(pair.second, one.figure) for pair in pairs])
        shown = [_figure(one.figure, value) for value in (first, second)]
        is_known = one.low is not None and one.high is not None and one.high < _NO_KNOWLEDGE
        spread = f"{one.low:.2f} to {one.high:.2f}" if is_known else "unknown"
        yield label, _NAMES[one.figure], *shown, f"{one.value:.2f}", spread, _verdict(one)
        label = ""


def _verdict(one: Ratio) -> str:
    if one.is_noise:
        return "within the noise"
    is_more = one.value > 1
    if one.figure == "cpu_a_request":
        return "B takes more" if is_more else "B takes less"
    return "B is faster" if is_more == (one.figure == "rate") else "B is slower"


def _figure(name: str, value: float) -> str:
    if name == "rate":
        return f"{value:,.0f}"
    return f"{value * 1e6:,.0f} us" if name == "cpu_a_request" else f"{value * 1e3:.2f} ms"


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def _wrong(count: int, differences: Sequence[str]) -> str:
    return f"WRONG ANSWERS: {count:,}. " + "; ".join(differences)


def _rounds(rounds: Sequence[Round]) -> Iterator[str]:
    cells = [
        (
            one.load.label + (" (cut)" if one.is_cut else ""),
            f"{one.rate:,.0f}" + ("+" if one.is_bound else ""),
            f"{one.rows_rate:,.0f}",
            f"{one.p50 * 1e3:.2f}",
            f"{one.p99 * 1e3:.2f}",
            f"{one.p999 * 1e3:.2f}",
            _errors(one),
            "" if one.cpu_a_request is None else f"{one.cpu_a_request * 1e6:,.0f}",
        )
        for one in rounds
    ]
    yield from table.lines(_COLUMNS, cells, _columns())


def _errors(one: Round) -> str:
    bad = [f"{count:,} x {status}" for status, count in one.statuses.items() if status >= 300]  # noqa: PLR2004
    bad += [f"{count:,} x {name}" for name, count in one.troubles.items()]
    return ", ".join(bad) or "0"


def _bars(rounds: Sequence[Round]) -> Iterator[str]:
    labels = [f"{one.load.label}  {one.rate:,.0f}/s" for one in rounds]
    ranges = [(one.p50, one.p99, one.p999) for one in rounds]
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    drawn = bars.lines(labels, ranges, width=_columns() or _WIDTH, plain=plain)
    if drawn:
        yield "Latency over load: p50 to p99, faint to p99.9."
        yield from drawn


def _memory(rounds: Sequence[Round]) -> Iterator[str]:
    used = [one.usage for one in rounds if one.usage]
    if used:
        most = max(used, key=lambda usage: usage.memory)
        count = f"{most.processes} process{'es' if most.processes > 1 else ''}"
        yield (
            f"Memory: {human(most.memory)} in {count} "
            f"({human(most.resident)} if shared pages counted in each)."
        )


def _cost(fit: Fit | None) -> Iterator[str]:
    if fit is None:
        return
    sizes = f"{fit.points[0][0]} to {fit.points[-1][0]} rows, off by {fit.error:.0%} at most"
    measured = "A call of the model" if fit.source == "batches" else "A lone request"
    if not fit.is_credible:
        yield (
            f"{measured} costs {_us(fit.points[0][1])} with {fit.points[0][0]} row and "
            f"{_us(fit.points[-1][1])} with {fit.points[-1][0]}; the times "
            "between them are not on a line."
        )
        return
    most, largest = fit.worthwhile(), fit.points[-1][0]
    gain = f"twice as many rows win less than a tenth from {most} on"
    if most > largest:
        gain = "more rows in one call keep winning"
    yield f"{measured} costs {_us(fit.alpha)} + {_us(fit.beta)} a row ({sizes}); {gain}."


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} us" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"  # noqa: PLR2004


def _batches(peak: Round) -> Iterator[str]:
    for one in parts.batches(peak):
        seen = one.to_json()["batches"]
        total = sum(seen.values())
        shares = [f"to {size}: {count / total:.0%}" for size, count in seen.items()]
        yield (
            f"Batches of {one.queue} with {peak.load.label}: {one.mean:.1f} rows on average "
            f"({', '.join(shares)})."
        )


def _parts(peak: Round) -> Iterator[str]:
    found = parts.of_round(peak)
    if found is not None:
        yield (
            f"A request with {peak.load.label} takes {_us(peak.mean)}: queue {_us(found.queue)}, "
            f"model {_us(found.model)}, HTTP {_us(found.server)}, "
            f"and {_us(found.outside)} before the server reads it and after it has answered."
        )


def _generator(rounds: Sequence[Round]) -> Iterator[str]:
    bound = [one for one in rounds if one.is_bound]
    most = max(bound or rounds, key=lambda one: one.share + one.starved, default=None)
    if most is None:
        return
    used = f"The generator used {most.share:.2f} of a core"
    if most.starved > _STARVED:
        used += f" and waited for one {most.starved:.0%} of the time"
    if bound:
        yield f"{used}: figures with a + are its limit, not the server's."
    else:
        yield f"{used} at most, so it was not the limit."


def _others(rounds: Sequence[Round]) -> Iterator[str]:
    most = max((one.others or 0.0 for one in rounds), default=0.0)
    if most > _QUIET:
        yield (
            f"Other processes used up to {most:.1f} cores meanwhile: "
            "these figures are worse than the server's own."
        )


def _columns() -> int | None:
    return get_terminal_size().columns if sys.stdout.isatty() else None
