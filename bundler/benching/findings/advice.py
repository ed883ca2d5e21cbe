"""Advice: settings to change, each with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..round import Round
from ..subject.subject import Knobs
from .cost_fit import Fit
from .parts import Batches, batches

_FULL = 0.7  # mean batch as a share of what is allowed, from which it is the limit
_SHARED = 0.15  # alpha's share in a call of one row, below which batching gains almost nothing
_IDLE = 0.8  # unused cores, from which another worker is advised
_BUSY = 0.85  # of its cores, from which a server is out of CPU
_GAIN = 0.1
_NOISY = 0.25  # share of the machine that others use, from which its figures lead astray


@dataclass(frozen=True, slots=True)
class Advice:
    """One setting of the bundlefile; without a `setting` a finding that needs none."""

    setting: str | None
    value: str | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """For a program."""
        return {"set": self.setting, "to": self.value, "why": self.why}


def of_run(
    rounds: Sequence[Round], fit: Fit | None, knobs: Knobs | None, cpus: int
) -> list[Advice]:
    """The advice from the rounds and the cost of a call, the most important first."""
    closed = [one for one in rounds if not one.load.is_open and one.rate]
    if not closed:
        return []
    peak = max(closed, key=lambda one: one.rate)
    if max(one.others or 0.0 for one in closed) > _NOISY * cpus:
        return [
            Advice(
                None, None, "No conclusion: other processes used too much of the machine meanwhile."
            )
        ]
    found = [*_workers(peak, knobs, cpus)]
    if fit is not None and fit.source == "batches" and fit.is_credible:
        found += _batching(peak, fit, knobs) if knobs is None or knobs.is_batchable else []
    found += _refusals(rounds)
    return found or [Advice(None, None, "Nothing to set: the defaults fit this model.")]


def _batching(peak: Round, fit: Fit, knobs: Knobs | None) -> list[Advice]:
    if fit.alpha < _SHARED * fit.seconds(1):
        return [
            Advice(
                None,
                None,
                f"Batching gains little here: a row costs {_time(fit.beta)} in any company, and a "
                f"call only {_time(fit.alpha)} more. Faster is a smaller model, or more workers.",
            )
        ]
    found: list[Advice] = []
    if knobs is None:
        return found
    within = _rows_within(fit, knobs.latency_budget)
    allowed = min(knobs.max_batch_size, within)
    if not _is_full(peak, allowed):
        return found
    best = fit.worthwhile()
    gain = fit.rate(best) / fit.rate(allowed) - 1
    if best > allowed and gain >= _GAIN:
        is_budget = within < knobs.max_batch_size
        found.append(_budget(fit, best, gain, within) if is_budget else _size(fit, best, knobs))
    return found


def _budget(fit: Fit, best: int, gain: float, within: int) -> Advice:
    seconds = fit.seconds(best)
    return Advice(
        "serve.batch.latency_budget",
        _time(seconds * 1.2),
        f"The budget, not the size, ends the batches at {within} rows; {best} rows in one call "
        f"would give {gain:.0%} more rows/s, and take {_time(seconds)} each.",
    )


def _size(fit: Fit, best: int, knobs: Knobs) -> Advice:
    gain = fit.rate(best) / fit.rate(knobs.max_batch_size) - 1
    return Advice(
        "serve.batch.max_batch_size",
        str(best),
        f"At the peak the batches are full at {knobs.max_batch_size} rows; {best} would give up to "
        f"{gain:.0%} more rows/s, and a call then takes {_time(fit.seconds(best))}.",
    )


def _is_full(peak: Round, allowed: int) -> bool:
    sizes: list[Batches] = batches(peak)
    return any(one.mean >= _FULL * allowed for one in sizes)


def _rows_within(fit: Fit, seconds: float) -> int:
    if not fit.beta:
        return 1 << 20
    return max(1, int((seconds - fit.alpha) / fit.beta))


def _workers(peak: Round, knobs: Knobs | None, cpus: int) -> list[Advice]:
    """More processes, where these are out of CPU and others are idle."""
    if peak.cores is None or peak.usage is None:
        return []
    idle = cpus - peak.cores - peak.share - (peak.others or 0.0)
    busy = round(peak.cores)
    if idle >= _IDLE and busy >= 1 and peak.cores >= _BUSY * busy:
        workers = busy + int(idle + 1 - _IDLE)
        return [
            Advice(
                "serve.workers",
                str(workers),
                f"At the peak the server uses {peak.cores:.1f} cores and {idle:.1f} of {cpus} are "
                "idle.",
            )
        ]
    if idle < _IDLE and isinstance(knobs and knobs.workers, int) and peak.cores > _BUSY * cpus:
        return [Advice(None, None, f"All {cpus} cores are busy: more workers would gain nothing.")]
    return []


def _refusals(rounds: Sequence[Round]) -> list[Advice]:
    refused = [one for one in rounds if one.load.is_open and one.statuses.get(503)]
    if not refused:
        return []
    first = min(refused, key=lambda one: one.load.rate)
    share = first.statuses[503] / first.asked
    return [
        Advice(
            None,
            None,
            f"From {first.load.rate:,.0f} requests/s on some are refused ({share:.0%}, 503 with "
            f"Retry-After), so that the others are answered in time: p99 {_time(first.p99)}.",
        )
    ]


def _time(seconds: float) -> str:
    """For a person and for a bundlefile: "35ms", "120us"."""
    if seconds >= 1:
        return f"{seconds:.3g}s"
    return f"{seconds * 1e3:.3g}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g}us"  # noqa: PLR2004
