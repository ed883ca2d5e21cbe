"""Which trace a request is part of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.telemetry.trace_context import TraceContext, current, trace_headers

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
PARENT = b"00-%b-%b-01" % (TRACE, SPAN)


def test_a_parent_is_read():
    context = TraceContext.parse(PARENT, b"congo=t61rcWkgMzE")
    assert (context.trace_id, context.span_id, context.flags) == (TRACE, SPAN, b"01")
    assert context.headers() == {
        "traceparent": PARENT.decode(),
        "tracestate": "congo=t61rcWkgMzE",
    }


def test_a_later_version_may_say_more():
    for more in (b"", b"-", b"-what-the-future-holds"):
        context = TraceContext.parse(b"cc" + PARENT[2:] + more)
        assert context.headers() == {"traceparent": PARENT.decode()}


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        PARENT + b"-",
        PARENT + b"-more",
        PARENT + b" ",
        PARENT + b"0",
        PARENT[:-1],
        b"ff" + PARENT[2:],
        b"0x" + PARENT[2:],
        b"cc" + PARENT[2:] + b".01",
        PARENT.replace(TRACE, b"0" * 32),
        PARENT.replace(SPAN, b"0" * 16),
        PARENT.replace(TRACE, TRACE.upper()),
        PARENT.replace(b"-", b"_"),
        PARENT.replace(TRACE, TRACE[:-1]),
        PARENT.replace(b"-01", b"-0g"),
        PARENT + b"\n",
    ],
)
def test_a_parent_that_is_not_valid_is_none(parent):
    assert TraceContext.parse(parent, b"a=1") is None


@given(st.binary(max_size=80))
def test_whatever_stands_there_is_read_or_not(parent):
    context = TraceContext.parse(parent)
    assert context is None or len(context.headers()["traceparent"]) == len(PARENT)


@pytest.mark.parametrize("state", [b"", b"a=\xff", b"a=1\r\nX: y", b"a" * 513])
def test_a_state_that_cannot_be_passed_on_is_left_out(state):
    assert "tracestate" not in TraceContext.parse(PARENT, state).headers()


def test_code_finds_the_headers_of_the_request_that_it_answers():
    assert trace_headers() == {}
    token = current.set(TraceContext.parse(PARENT))
    try:
        assert trace_headers() == {"traceparent": PARENT.decode()}
    finally:
        current.reset(token)
