"""Timing: the parts of a request's latency, for clients that send `X-Timing: 1`.

`X-Batch-Size` is the number of rows in its batch, `Server-Timing` has milliseconds:

parse    from its head to its place in the queue
queue    until its batch went to the model
compute  until that came back
encode   until the answer was bytes
total    all of it; the only one of a request that was in no batch
"""

from collections.abc import Mapping

from ...batching.request import Request
from ...manifests.settings import ServeSettings

Lines = tuple[tuple[bytes, bytes], ...]

_ALL = b"parse;dur=%.3f, queue;dur=%.3f, compute;dur=%.3f, encode;dur=%.3f, total;dur=%.3f"
_TOTAL = b"total;dur=%.3f"


def is_wanted(settings: ServeSettings, by_name: Mapping[bytes, bytes]) -> bool:
    """Whether a request with these headers asks for it."""
    if settings.timing == "request":
        return by_name.get(b"x-timing") == b"1"
    return settings.timing == "always"


def lines(request: Request | None, began: float, now: float) -> Lines:
    """The headers for a request that began, and has its answer now, on the monotonic clock."""
    run = request.run if request is not None else None
    total = 1000.0 * (now - began)
    if request is None or run is None or not run.finished:
        return ((b"server-timing", _TOTAL % total),)
    spans = (
        1000.0 * (request.arrived - began),
        1000.0 * (run.released - request.arrived),
        1000.0 * (run.finished - run.released),
        1000.0 * (now - run.finished),
        total,
    )
    return ((b"x-batch-size", b"%d" % run.rows), (b"server-timing", _ALL % spans))
