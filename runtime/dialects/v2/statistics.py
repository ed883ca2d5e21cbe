"""Statistics: what a model has done so far, in Triton's format, from the server's metrics.

Source: Triton, docs/protocol/extension_statistics.md. Times are those of batches: a request is
said to have waited as long as the oldest one of its batch, on average.
"""

from typing import Any

from ...telemetry.queue_metrics import QueueTotals
from ..served import Served

Json = dict[str, Any]
_BILLION = 1e9  # nanoseconds a second
_NEVER = {"count": 0, "ns": 0}
_UNSEEN = QueueTotals(0, 0.0, 0, 0.0, 0, 0, {}, 0, 0.0)


def statistics(served: Served, number: int) -> Json:
    """Counts and times of one method, over all processes of the server.

    perf_analyzer reads versions as numbers, and is given one.
    """
    queue = served.queue
    totals = _UNSEEN if queue is None else queue.metrics.totals()
    requests = totals.requests
    waited = totals.waited / totals.released * requests if totals.released else 0.0
    ran = totals.seconds / totals.batches * requests if totals.batches else 0.0
    return {
        "name": name_of(served),
        "version": str(number),
        "last_inference": int(1000 * totals.last),
        "inference_count": totals.rows,
        "execution_count": totals.batches,
        "inference_stats": {
            "success": _spent(requests, waited + ran),
            "fail": _spent(totals.refused, 0.0),
            "queue": _spent(requests, waited),
            "compute_input": _spent(requests, 0.0),
            "compute_infer": _spent(requests, ran),
            "compute_output": _spent(requests, 0.0),
            "cache_hit": _NEVER,
            "cache_miss": _NEVER,
        },
        "response_stats": {},
        "batch_stats": [_batch(served, int(rows), n) for rows, n in totals.sizes.items()],
        "memory_usage": [],
    }


def name_of(served: Served) -> str:
    """The name of this method for `Catalog.find`."""
    is_default = served.method == served.methods[0]
    return served.name if is_default else f"{served.name}.{served.method}"


def _batch(served: Served, rows: int, count: int) -> Json:
    """Batches of up to `rows` rows, and their predicted duration."""
    queue = served.queue
    seconds = 0.0 if queue is None else queue.batcher.cost.mean(rows)
    return {
        "batch_size": rows,
        "compute_input": _spent(count, 0.0),
        "compute_infer": _spent(count, count * seconds),
        "compute_output": _spent(count, 0.0),
    }


def _spent(count: int, seconds: float) -> Json:
    return {"count": count, "ns": int(_BILLION * seconds)}
