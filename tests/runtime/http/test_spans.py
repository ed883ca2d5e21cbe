"""Requests and batches as OpenTelemetry sees them, on both ways."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from modelbundle.runtime.telemetry.spans import Spans

from .fast.corpus import post
from .ways import Way

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = b'{"instances": [[1, 2]]}'


def asked(*headers, body=GOOD, flags="01"):
    parent = f"traceparent: 00-{TRACE}-{PARENT}-{flags}"
    return post(body, parent, "tracestate: a=1, b=2", *headers)


LAST = "Connection: close"


@pytest.fixture
def traced(sums):
    """The spans of what several connections say at once."""
    bundle = sums()

    def run(*conversations, sampler=None):
        exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler)
        provider.add_span_processor(SimpleSpanProcessor(exporter))

        async def main():
            way = Way(bundle, tracing=Spans(provider))
            await way.start()
            await asyncio.gather(*(way.converse(pieces) for pieces in conversations))
            await way.stop()
            way.application.tracing.stop()

        asyncio.run(main())
        return sorted(exporter.get_finished_spans(), key=lambda span: span.name)

    return run


def by_name(spans):
    return {span.name: span for span in spans}


def test_a_request_is_a_span_of_its_callers_trace_with_its_parts_below_it(traced):
    spans = traced([asked("X-Request-Id: own", LAST)])
    assert [span.name for span in spans] == ["POST /predict", "batch /predict", "compute", "queue"]
    named = by_name(spans)
    server = named["POST /predict"]
    assert (server.kind, server.status.status_code) == (SpanKind.SERVER, StatusCode.UNSET)
    assert f"{server.context.trace_id:032x}" == TRACE
    assert f"{server.parent.span_id:016x}" == PARENT
    assert server.parent.is_remote
    assert dict(server.context.trace_state) == {"a": "1", "b": "2"}
    assert dict(server.attributes) == {
        "http.request.method": "POST",
        "url.path": "/predict",
        "url.scheme": "http",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "http.request.body.size": len(GOOD),
        "http.response.body.size": len(b'{"predictions":[3.0]}'),
        "modelbundle.request.id": "own",
        "modelbundle.rows": 1,
    }
    queue, compute, batch = named["queue"], named["compute"], named["batch /predict"]
    assert queue.parent.span_id == compute.parent.span_id == server.context.span_id
    assert compute.attributes["modelbundle.batch.rows"] == 1
    assert [link.context.span_id for link in compute.links] == [batch.context.span_id]
    assert [link.context.span_id for link in batch.links] == [server.context.span_id]
    times = [server.start_time, queue.start_time, queue.end_time, compute.end_time, server.end_time]
    assert times == sorted(times)
    assert queue.end_time == compute.start_time == batch.start_time


def test_a_batch_is_linked_with_each_of_its_requests(traced):
    slow = b'{"instances": [[-2, 2]]}'
    others = [[post(slow), asked(LAST, body=GOOD)]] + [[post(slow, LAST)] for _ in range(4)]
    spans = traced(*others)
    servers = {s.context.span_id: s for s in spans if s.name == "POST /predict"}
    batches = {s.context.span_id: s for s in spans if s.name.startswith("batch")}
    computes = [s for s in spans if s.name == "compute"]
    assert len(servers) == len(computes) == 6
    linked = [link.context.span_id for batch in batches.values() for link in batch.links]
    assert sorted(linked) == sorted(servers)
    for compute in computes:
        (link,) = compute.links
        batch = batches[link.context.span_id]
        assert compute.parent.span_id in {each.context.span_id for each in batch.links}
        assert batch.attributes == compute.attributes
    assert sum(batch.attributes["modelbundle.batch.rows"] for batch in batches.values()) == 6


def test_a_request_that_fails_is_a_span_that_says_so(traced):
    (server,) = (s for s in traced([post(b'{"instances": [[-1, 2]]}', LAST)]) if not s.parent)
    assert server.attributes["http.response.status_code"] == 500
    assert server.attributes["error.type"] == "500"
    assert server.status.status_code is StatusCode.ERROR
    (refused,) = traced([post(b"{}", LAST)])
    assert refused.attributes["http.response.status_code"] == 422
    assert refused.status.status_code is StatusCode.UNSET


def test_other_pages_are_spans_too_but_no_probes(traced):
    pages = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /docs HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"PROPFIND /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    spans = traced([pages + last])
    assert [(span.name, span.attributes["url.path"]) for span in spans] == [
        ("GET", "/docs"),
        ("_OTHER", "/nowhere"),
    ]


def test_a_caller_that_records_nothing_is_not_recorded(traced):
    sampler = ParentBased(TraceIdRatioBased(1.0))
    assert traced([asked(flags="00"), asked(LAST, flags="00")], sampler=sampler) == []


@pytest.mark.parametrize("parent", ["00-0-0-01", f"ff-{TRACE}-{PARENT}-01"])
def test_a_parent_that_is_not_valid_begins_a_trace(traced, parent):
    spans = traced([post(GOOD, f"traceparent: {parent}", LAST)])
    assert by_name(spans)["POST /predict"].parent is None


class Receiver(BaseHTTPRequestHandler):
    """Takes what an exporter sends."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_server_sends_them_where_the_variables_say(sums, servers):
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    receiver.received = []
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{receiver.server_address[1]}"
    server = servers.start(sums(), env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    assert server.post([[1, 2]], headers=headers).json() == {"predictions": [3.0]}
    assert server.stop() == 0
    receiver.shutdown()
    receiver.server_close()
    assert {path for path, _ in receiver.received} == {"/v1/traces"}
    found = [
        (span.name, span.trace_id.hex())
        for _, request in receiver.received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    names = ["POST /predict", "batch /predict", "compute", "queue"]
    assert sorted(found) == [(name, TRACE) for name in names]
    _, request = receiver.received[0]
    said = {a.key: a.value.string_value for a in request.resource_spans[0].resource.attributes}
    assert said["service.name"] == "demo"
