"""Inquiry: one request as a dialect sees it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from ..batching.request import FutureRequest
from ..telemetry.trace_context import TraceContext


@dataclass(slots=True)
class Inquiry:
    """A request whose body has come whole, decompressed and within the server's limits.

    path       as it came, percent-encoded
    parts      named groups of the rule's pattern, percent-decoded
    headers    by their names in lower case
    body       all of it; a view, where `Asking.numbers_at` says where numbers begin in a large one
    deadline   seconds on the monotonic clock; a dialect may move it closer
    priority   0 for the most urgent, where that counts
    client     whose share it counts against, where clients have shares
    id         of the request, for the log
    trace      that what it asks others for is part of
    rows       set by `Served`, for the access log
    request    what waited for a batch, set by `Served`: it knows how long, and with how many
    route      the name of the rule, for metrics and the log
    """

    method: str
    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    body: bytes
    content_type: str
    accept: str
    deadline: float
    priority: int = 1
    client: Hashable = None
    id: bytes = b""
    trace: TraceContext | None = None
    rows: int = 0
    request: FutureRequest | None = None
    route: str = ""
