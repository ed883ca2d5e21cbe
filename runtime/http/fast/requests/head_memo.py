"""HeadMemo: parsed heads by their bytes, so that equal heads are parsed once."""

import re
from dataclasses import replace

from ....manifests.settings import LimitSettings
from ....telemetry.trace_context import TraceContext
from ...request.headers import given_id
from ...request.identity import NOTHING, PARENT, Identity
from .plain_head import Headers, PlainHead

MOST = 1024  # heads
LARGEST = 2048  # bytes of one
_CUT = 10  # lines of a head, at most

_REQUEST_LINE = b"POST %b HTTP/1.1"
_ID = b"x-request-id"
# What proxies and tracers say anew with each request; it changes nothing of what the rest means.
_OWN = re.compile(
    rb"\r\n(?:(?:x-request-id|traceparent|b3|x-b3-\w+|x-amzn-trace-id|x-cloud-trace-context"
    rb"|x-datadog-[a-z-]+|uber-trace-id|sentry-trace):[ \t]*[!-~]*"
    rb"|(?:tracestate|baggage):[ -~]*)(?=\r\n|\Z)",
    re.IGNORECASE,
)
_READ = re.compile(
    rb"\r\n(x-request-id|traceparent|tracestate):[ \t]*([ -~]*)(?=\r\n|\Z)", re.IGNORECASE
)


class HeadMemo:
    """A cache of parsed heads: most clients send the same few.

    A head comes in only when the parser and all checks have passed these very bytes, and when
    they read the same to a parser of three lines. It is remembered the second time that it comes,
    so that heads which never come twice push nothing out. Lines that name a single request are
    cut out first: a head is known if what is left of it is.
    """

    __slots__ = ("_known", "_largest", "_most_headers", "_seen", "get")

    def __init__(self, limits: LimitSettings) -> None:
        self._known: dict[bytes, PlainHead] = {}
        self._seen: set[int] = set()  # hashes of heads that came once
        self._largest = min(LARGEST, limits.max_header_bytes)
        self._most_headers = limits.max_headers - _CUT
        self.get = self._known.get
        """What the head, without the blank line that ends it, means; None if it is not known."""

    def __len__(self) -> int:
        """How many heads are known."""
        return len(self._known)

    def find(self, raw: bytes) -> tuple[PlainHead | None, Identity]:
        """As `get`, for a head with lines of its own; and what is in them."""
        if len(raw) > self._largest:
            return None, NOTHING
        rest, cut = _OWN.subn(b"", raw)
        if not 0 < cut <= _CUT:
            return None, NOTHING
        head = self._known.get(rest)
        return head, NOTHING if head is None else _own(raw)

    def learn(self, raw: bytes, plain: PlainHead, target: bytes, headers: Headers) -> None:
        """Remember what `raw`, which the parser read as `target` and `headers`, means."""
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
            # The oldest makes room; what is still in use is back the next time but one.
            del self._known[next(iter(self._known))]
        self._known[rest] = replace(plain, own=NOTHING)


def _own(raw: bytes) -> Identity:
    """What `Identity.of` says where the parser has read the head."""
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
    return Identity(given_id(request_id) if request_id is not None else None, trace)


def _is_read_alike(raw: bytes, target: bytes, headers: Headers) -> bool:
    """Whether `raw`, cut at its line ends and first colons, says what the parser made of it."""
    first, *lines = raw.split(b"\r\n")
    if first != _REQUEST_LINE % target or raw.count(b"\n") != len(lines):
        return False
    if raw.count(b"\r") != len(lines) or len(lines) != len(headers):
        return False
    for line, (name, value) in zip(lines, headers, strict=True):
        said, colon, rest = line.partition(b":")
        if not colon or said.lower() != name or rest.strip(b" \t") != value.strip(b" \t"):
            return False
    return True
