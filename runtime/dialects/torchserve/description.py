"""Description: one version of a model as TorchServe describes it.

Source: TorchServe, docs/management_api.md, and `archive/model/DescribeModelResponse.java`.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...system import proc
from ..served import Served

Process = tuple[int, Mapping[str, str]]
"""The pid and the labels of a process; see `telemetry.process_list`."""

_STATUS = {
    "loaded": "READY",
    "loading": "LOADING",
    "unloading": "UNLOADING",
    "unloaded": "UNLOADED",
    "failed": "UNLOADED",
}


def named(served: Served) -> dict[str, str]:
    """As a list of models has it; our models have versions in a store, and no archive."""
    return {"modelName": served.name, "modelUrl": url(served)}


def url(served: Served) -> str:
    """The URL that a model can be registered by."""
    return f"{served.name}:{served.version}"


def described(served: Served, processes: Iterable[Process]) -> dict[str, Any]:
    """All of it, with its workers."""
    workers = [_worker(served, pid, labels) for pid, labels in workers_of(served, processes)]
    limits, queue = served.limits, served.queue
    waiting = 0 if queue is None else int(queue.metrics.activity[1])
    manifest = served.manifest
    return {
        **named(served),
        "modelVersion": served.version,
        "engine": manifest.framework if manifest else "python",
        "runtime": "python",
        "minWorkers": len(workers),
        "maxWorkers": len(workers),
        "batchSize": limits.max_batch_size if limits.mergeable else 1,
        "maxBatchDelay": round(1000 * limits.latency_budget),
        "responseTimeout": round(served.settings.timeout),
        "loadedAtStartup": served.loads_at_start,
        "workers": workers,
        "jobQueueStatus": {
            "remainingCapacity": max(0, limits.max_queue_rows - waiting),
            "pendingRequests": waiting,
        },
    }


def workers_of(served: Served, processes: Iterable[Process]) -> list[Process]:
    """The processes of a model; without its own, they are threads of the server."""
    known = list(processes)
    own = [each for each in known if each[1].get("model") == served.alias]
    own = [each for each in own if each[1].get("role") == "model"]
    if own or served.phase != "loaded":
        return own
    models = {labels.get("role") for _, labels in known}
    return [] if "model" in models else [each for each in known if each[1].get("role") == "front"]


def _worker(served: Served, pid: int, labels: Mapping[str, str]) -> dict[str, Any]:
    number = f"{labels.get('worker', '')}{labels.get('replica', '')}" or "0"
    return {
        "id": number,
        "startTime": _began(pid),
        "status": _STATUS[served.phase],
        "memoryUsage": proc.resident(pid),
        "pid": pid,
        "gpu": False,
        "gpuUsage": "",
    }


def _began(pid: int) -> str:
    """When a process was started; its directory is made with it."""
    with suppress(OSError):
        began = Path(f"/proc/{pid}").stat().st_ctime
        return datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds")
    return ""
