"""Status: which versions there are and how each of them is, for both kinds of clients at once.

TensorFlow Serving's ask for `model_version_status`, KServe's for `ready` and the status code, and
those of OpenAI's API for `data`. Sources: TensorFlow Serving, `get_model_status.proto`; KServe,
"V1 Inference Protocol".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..catalog import Catalog
from ..reply import Reply
from ..served import Phase, Served

_STATES: dict[Phase, str] = {
    "loading": "LOADING",
    "loaded": "AVAILABLE",
    "unloading": "UNLOADING",
    "unloaded": "END",
    "failed": "END",
}


def reply(served: Served, versions: Mapping[int, Served]) -> Reply:
    """`GET /v1/models/{model}`: 503 until the requested version is ready.

    versions   by number, as clients of TensorFlow Serving expect
    """
    body: dict[str, Any] = {
        "name": served.name,
        "ready": served.is_ready,
        "model_version_status": [_status(number, version) for number, version in versions.items()],
    }
    if served.is_ready:
        return Reply.json(body)
    return Reply.json(body | {"error": f"Model `{served.name}` is not ready: {served.why}."}, 503)


def versions(catalog: Catalog, served: Served, *, is_one: bool) -> list[Served]:
    """The versions in a status: the requested one, or all of the name."""
    return [served] if is_one else catalog.versions(served)


def listed(models: Sequence[Served]) -> Reply:
    """`GET /v1/models`: the names of all models."""
    names = list(dict.fromkeys(served.name for served in models))
    data = [{"id": name, "object": "model"} for name in names]
    return Reply.json({"models": names, "object": "list", "data": data})


def state(served: Served) -> str:
    """How a version is, in the words of TensorFlow Serving."""
    if served.is_ready:
        return "AVAILABLE"
    by_phase = _STATES[served.phase]
    if by_phase != "AVAILABLE":
        return by_phase
    # The server ends; or it starts, or starts the model again.
    return "UNLOADING" if served.condition.is_draining else "LOADING"


def _status(number: int, served: Served) -> dict[str, Any]:
    failed = served.phase == "failed"
    return {
        "version": str(number),
        "state": state(served),
        "status": {
            "error_code": "UNKNOWN" if failed else "OK",
            "error_message": served.why or "" if failed else "",
        },
    }
