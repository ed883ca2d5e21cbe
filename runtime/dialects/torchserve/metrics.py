"""Metrics: those that TorchServe's `/metrics` has, in Prometheus' text format.

Source: TorchServe, docs/metrics_api.md and docs/metrics.md. Times are those of batches.
"""

import re
import socket
from collections.abc import Collection, Iterable, Iterator

from ..served import Served

_MICRO = 1e6

_FAMILIES = {
    "ts_inference_requests_total": "Total number of inference requests.",
    "ts_inference_latency_microseconds": "Cumulative inference duration in microseconds",
    "ts_queue_latency_microseconds": "Cumulative queue duration in microseconds",
}


_ANSWERED = re.compile(rb'^bundle_requests_total{.*status="([245])\d\d"} (\S+)$', re.MULTILINE)


def answered(own: bytes, wanted: Collection[str] = ()) -> bytes:
    """Answers of the whole server by the first digit of their status, from its own numbers.

    Written as TorchServe does, with a comma at the end of the labels.
    """
    totals = {f"Requests{digit}XX": 0.0 for digit in "245"}
    for digit, count in _ANSWERED.findall(own):
        totals[f"Requests{digit.decode()}XX"] += float(count)
    host = _label("Hostname", socket.gethostname())
    lines: list[str] = []
    for name, total in totals.items():
        if wanted and name not in wanted:
            continue
        lines += [f"# HELP {name} Answers with such a status."]
        lines += [f"# TYPE {name} counter", f'{name}{{Level="Host",{host},}} {total:.1f}']
    return "".join(f"{line}\n" for line in lines).encode()


def text(served: Iterable[Served], wanted: Collection[str] = ()) -> bytes:
    """The families of `wanted`, or all, for each model and version."""
    values = [(_labels(each), _values(each)) for each in served]
    lines: list[str] = []
    for name, meaning in _FAMILIES.items():
        if wanted and name not in wanted:
            continue
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} counter"]
        lines += [f"{name}{labels} {found[name]:.12g}" for labels, found in values]
    return "".join(f"{line}\n" for line in lines).encode()


def _values(served: Served) -> dict[str, float]:
    queue = served.queue
    if queue is None:
        return dict.fromkeys(_FAMILIES, 0.0)
    totals = queue.metrics.totals()
    return dict(
        zip(
            _FAMILIES,
            (float(totals.requests), _MICRO * totals.seconds, _MICRO * totals.waited),
            strict=True,
        )
    )


def _labels(served: Served) -> str:
    known = {
        "model_name": served.name,
        "model_version": served.version,
        "hostname": socket.gethostname(),
    }
    return f"{{{','.join(_label(name, value) for name, value in known.items())}}}"


def _label(name: str, value: str) -> str:
    return f'{name}="{"".join(_escaped(value))}"'


def _escaped(value: str) -> Iterator[str]:
    for character in value:
        yield {"\\": "\\\\", '"': '\\"', "\n": "\\n"}.get(character, character)
