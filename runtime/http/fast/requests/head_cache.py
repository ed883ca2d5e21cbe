"""HeadCache: parsed heads by their bytes, so that equal heads are parsed once."""

import re
from dataclasses import replace

from ....manifests.settings import LimitSettings
from ....telemetry.trace_context import TraceContext
from ...request.headers import valid_id
from ...request.identity import NOTHING, PARENT, Identity
from .plain_head import Headers, PlainHead

MOST = 1024  # heads
LARGEST = 2048  # bytes of one
_CUT = 10  # lines of a head, at most

_REQUEST_LINE = b"POST %b HTTP/1.1"
_ID = b"x-request-id"
# Headers that proxies and tracers change in each request; no other header depends on them.
_OWN = re.compile(
    rb"\r\n(?:(?:x-request-id|traceparent|b3|x-b3-\w+|x-amzn-trace-id|x-cloud-trace-context"
    rb"|x-datadog-[a-z-]+|uber-trace-id|sentry-trace):[ \t]*[!-~]*"
    rb"|(?:tracestate|baggage):[ -~]*)(?=\r\n|\Z)",
    re.IGNORECASE,
)
_READ = re.compile(
    rb"\r\n(x-request-id|traceparent|tracestate):[ \t]*([ -~]*)(?=\r\n|\Z)", re.IGNORECASE
)


class HeadCache:
    """A cache of parsed heads, because most clients send the same few.

    A head is added only after the parser and all checks have accepted these bytes, and if a
    trivial parser reads them in the same way. It is added the second time that it is seen, so
    that heads which are seen once remove nothing. Headers of a single request, such as its id,
    are cut out before the lookup.
    """

    __slots__ = ("_known", "_largest", "_most_headers", "_seen", "get")

    def __init__(self, limits: LimitSettings) -> None:
        self._known: dict[bytes, PlainHead] = {}
        self._seen: set[int] = set()  # hashes of heads that were seen once
        self._largest = min(LARGEST, limits.max_header_bytes)
        self._most_headers = limits.max_headers - _CUT
        self.get = self._known.get
        """The parsed head for its bytes, without the final blank line; None if it is not cached."""

    def __len__(self) -> int:
        """The number of cached heads."""
        return len(self._known)

    def find(self, raw: bytes) -> tuple[PlainHead | None, Identity]:
        """As `get`, for a head with headers of its own; also returns their values."""
        if len(raw) > self._largest:
            return None, NOTHING
        rest, cut = _OWN.subn(b"", raw)
        if not 0 < cut <= _CUT:
            return None, NOTHING
        head = self._known.get(rest)
        return head, NOTHING if head is None else _own(raw)

    def learn(self, raw: bytes, plain: PlainHead, target: bytes, headers: Headers) -> None:
        """Add a head: its bytes, and what the parser has made of them."""
        if len(raw) > self._largest or len(headers) > self._most_headers:
            return
        rest = _OWN.sub(b"", raw)
        lower = rest.lower()
        if _ID in lower or PARENT in lower:
            return
        seen, mark = self._seen, hash(rest)
        if mark not in seen:
            if len(seen) >= MOST:
                seen.clear()
            seen.add(mark)
            return
        if not _is_read_alike(raw, target, headers):
            return
        if len(self._known) >= MOST:
            # Remove the oldest; if it is still in use, it is soon added again.
            del self._known[next(iter(self._known))]
        self._known[rest] = replace(plain, own=NOTHING)


def _own(raw: bytes) -> Identity:
    """The values of the headers of one request, as `Identity.of` reads them."""
    request_id: bytes | None = None
    parents: list[bytes] = []
    states: list[bytes] = []
    for name, value in _READ.findall(raw):
        kind = name.lower()
        if kind == _ID:
            request_id = value
        else:
            (parents if kind == PARENT else states).append(value.strip(b" "))
    trace = TraceContext.parse(parents[0], b",".join(states)) if len(parents) == 1 else None
    return Identity(valid_id(request_id) if request_id is not None else None, trace)


def _is_read_alike(raw: bytes, target: bytes, headers: Headers) -> bool:
    """Whether splitting `raw` at line ends and first colons gives what the parser has read."""
    first, *lines = raw.split(b"\r\n")
    if first != _REQUEST_LINE % target or raw.count(b"\n") != len(lines):
        return False
    if raw.count(b"\r") != len(lines) or len(lines) != len(headers):
        return False
    for line, (name, value) in zip(lines, headers, strict=True):
        key, colon, rest = line.partition(b":")
        if not colon or key.lower() != name or rest.strip(b" \t") != value.strip(b" \t"):
            return False
    return True
