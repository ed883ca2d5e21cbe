"""Spans: requests and batches as OpenTelemetry spans.

Most requests are answered without a task of their own. They become spans when all is known of
them, with the times at which things happened: one for the request, one while it waited and one
while its batch ran, which is linked with the span of that batch, as are all others in it.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..batching.request import Request, Run
from ..version import __version__
from .trace_context import TraceContext, current
from .traced import Ending, TracedRequest

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

log = logging.getLogger(__name__)

OPEN = 0.5  # seconds that the span of a batch waits for more of its requests
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"})
_SERVER_ERROR = 500
_PARENTS = TraceContextTextMapPropagator()


class Spans:
    """A Tracing that sends spans to `provider`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("modelbundle", __version__)
        self._batches: dict[Run, trace.Span] = {}
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def around(self, traced: TracedRequest) -> Iterator[Ending]:
        """A span around a request; its own requests to other servers are part of it."""
        offset = _offset()
        span = self._begin(traced, offset)
        token = contexts.attach(trace.set_span_in_context(span))
        set_before = current.set(_context(span, traced.trace))
        ending = _Ending()
        try:
            yield ending
        finally:
            current.reset(set_before)
            contexts.detach(token)
            now = time.monotonic()
            self._end(span, traced, ending.route, now, offset)
            if ending.queued is not None:
                self._parts(span, ending.queued, ending.route, offset)

    def ended(self, traced: TracedRequest, request: Request, route: str, now: float) -> None:
        """A request was answered `now`; no code of an author's ran for it in this process."""
        offset = _offset()
        span = self._begin(traced, offset)
        self._end(span, traced, route, now, offset)
        self._parts(span, request, route, offset)

    def stop(self) -> None:
        """Export the remaining spans. May take as long as the receiver."""
        self._close()
        self._provider.shutdown()

    def _begin(self, traced: TracedRequest, offset: int) -> trace.Span:
        method = traced.method if traced.method in _METHODS else "_OTHER"
        return self._tracer.start_span(
            method,
            context=_parent(traced.trace),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "url.path": traced.path,
                "url.scheme": "http",
                "modelbundle.request.id": traced.id.decode(),
            },
            start_time=_nanoseconds(traced.began, offset),
        )

    def _end(
        self, span: trace.Span, traced: TracedRequest, route: str, now: float, offset: int
    ) -> None:
        if span.is_recording():
            attributes: dict[str, AttributeValue] = {
                "http.response.status_code": traced.status,
                "http.request.body.size": traced.received,
                "http.response.body.size": traced.sent,
                "modelbundle.rows": traced.rows,
            }
            if route:
                method = traced.method if traced.method in _METHODS else "HTTP"
                span.update_name(f"{method} {route}")
                attributes["http.route"] = route
            if traced.status >= _SERVER_ERROR:
                attributes["error.type"] = str(traced.status)
                span.set_status(Status(StatusCode.ERROR))
            span.set_attributes(attributes)
        span.end(_nanoseconds(now, offset))

    def _parts(self, span: trace.Span, request: Request, route: str, offset: int) -> None:
        """The spans of waiting and of the batch."""
        run = request.run
        if run is None or not span.get_span_context().trace_flags.sampled:
            return
        inside = trace.set_span_in_context(span)
        released = _nanoseconds(run.released, offset)
        arrived = _nanoseconds(request.arrived, offset)
        queue = self._tracer.start_span("queue", context=inside, start_time=arrived)
        queue.end(released)
        if not run.finished:
            return
        batch = self._batch(run, inside, route, released)
        batch.add_link(span.get_span_context())
        compute = self._tracer.start_span(
            "compute",
            context=inside,
            attributes={"modelbundle.batch.rows": run.rows},
            links=[Link(batch.get_span_context())],
            start_time=released,
        )
        compute.end(_nanoseconds(run.finished, offset))

    def _batch(self, run: Run, inside: contexts.Context, route: str, released: int) -> trace.Span:
        """The span of a batch, in the trace of its first request that ended."""
        batch = self._batches.get(run)
        if batch is None:
            batch = self._batches[run] = self._tracer.start_span(
                f"batch {route}",
                context=inside,
                attributes={"modelbundle.batch.rows": run.rows},
                start_time=released,
            )
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(OPEN, self._close)
        return batch

    def _close(self) -> None:
        """The batches are complete."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batches, self._batches = self._batches, {}
        offset = _offset()
        for run, batch in batches.items():
            batch.end(_nanoseconds(run.finished, offset))


class _Ending:
    """An Ending without data."""

    def __init__(self) -> None:
        self.route = ""
        self.queued: Request | None = None


def provider(exporter: str, name: str, version: str | None) -> TracerProvider:
    """The provider that OpenTelemetry already has, or a new one for `exporter`."""
    known = trace.get_tracer_provider()
    if isinstance(known, TracerProvider):
        return known
    attributes: dict[str, AttributeValue] = {"service.name": name}
    if version is not None:
        attributes["service.version"] = version
    variables = OTELResourceDetector().detect().attributes  # the variables have the last word
    made = TracerProvider(resource=Resource.create({**attributes, **variables}))
    made.add_span_processor(BatchSpanProcessor(_exporter(exporter)))
    trace.set_tracer_provider(made)  # for the code of a service
    return made


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        import sys

        return ConsoleSpanExporter(out=sys.stderr)  # stdout is the access log
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _parent(parent: TraceContext | None) -> contexts.Context:
    """The context of `traceparent`; an empty one begins a trace."""
    if parent is None:
        return contexts.Context()
    return _PARENTS.extract(parent.headers(), contexts.Context())


def _context(span: trace.Span, parent: TraceContext | None) -> TraceContext:
    """The trace headers of a request that is sent on behalf of `span`."""
    own = span.get_span_context()
    trace_id, span_id = trace.format_trace_id(own.trace_id), trace.format_span_id(own.span_id)
    flags = b"%02x" % int(own.trace_flags)
    state = parent.state if parent is not None else b""
    return TraceContext(trace_id.encode(), span_id.encode(), flags, state)


def _offset() -> int:
    """Nanoseconds between the clock that spans are on and the monotonic one."""
    return time.time_ns() - time.monotonic_ns()


def _nanoseconds(seconds: float, offset: int) -> int:
    return int(seconds * 1e9) + offset
