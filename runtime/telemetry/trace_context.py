"""TraceContext: the trace that a request belongs to, after W3C's Trace Context.

`current` is that of the request that is being answered: a service's code finds it there, and
`trace_headers` makes headers of it for the requests that this code sends to others.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_NO_VERSION = b"ff"
_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16
_STATE = re.compile(rb"[ -~\t]{1,512}")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The headers `traceparent` and `tracestate`.

    trace_id, span_id   hexadecimal digits, 32 and 16
    flags               two more; the last bit says that the caller records its trace
    state               `tracestate` as it came, or b""
    """

    trace_id: bytes
    span_id: bytes
    flags: bytes
    state: bytes = b""

    @classmethod
    def parse(cls, parent: bytes, state: bytes = b"") -> Self | None:
        """Parse the two headers; None if `parent` is invalid."""
        match = _PARENT.fullmatch(parent)
        if match is None:
            return None
        version, trace_id, span_id, flags, more = match.groups()
        if version == _NO_VERSION or (more is not None and version == b"00"):
            return None
        if trace_id == _NO_TRACE or span_id == _NO_SPAN:
            return None
        return cls(trace_id, span_id, flags, state if _STATE.fullmatch(state) else b"")

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self | None:
        """What `headers` has made."""
        parent, state = headers["traceparent"], headers.get("tracestate", "")
        return cls.parse(parent.encode(), state.encode())

    def headers(self) -> dict[str, str]:
        """The headers `traceparent` and, if any, `tracestate` of a request of this trace."""
        parent = b"00-%b-%b-%b" % (self.trace_id, self.span_id, self.flags)
        headers = {"traceparent": parent.decode()}
        if self.state:
            headers["tracestate"] = self.state.decode()
        return headers


current: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def trace_headers() -> dict[str, str]:
    """Headers for a request to another server on behalf of the current one.

    Empty where its client sent no `traceparent`, or none that is valid.
    """
    context = current.get()
    return {} if context is None else context.headers()
