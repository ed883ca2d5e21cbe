"""Identity: headers that differ from request to request: its id and its trace."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...telemetry.trace_context import TraceContext
from .headers import valid_id

PARENT = b"traceparent"


class Identity(NamedTuple):
    """The id that the client gave a request, if it is well-formed, and its trace."""

    id: bytes | None
    trace: TraceContext | None

    @classmethod
    def of(
        cls, by_name: Mapping[bytes, bytes], headers: Sequence[tuple[bytes, bytes]]
    ) -> "Identity":
        """From headers, and from the same as a mapping."""
        return cls(valid_id(by_name.get(b"x-request-id", b"")), trace_context(by_name, headers))


NOTHING = Identity(None, None)


def trace_context(
    by_name: Mapping[bytes, bytes], headers: Sequence[tuple[bytes, bytes]]
) -> TraceContext | None:
    """The trace in headers, and in the same as a mapping; two parents are none."""
    parent = by_name.get(PARENT)
    if parent is None or sum(name == PARENT for name, _ in headers) > 1:
        return None
    state = b",".join(value.strip(b" ") for name, value in headers if name == b"tracestate")
    return TraceContext.parse(parent, state)
