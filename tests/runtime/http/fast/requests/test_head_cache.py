"""Which heads are remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.http.fast.requests.head_cache import LARGEST, MOST, HeadCache
from modelbundle.runtime.http.fast.requests.plain_head import PlainHead
from modelbundle.runtime.http.request.identity import NOTHING, Identity
from modelbundle.runtime.manifests.settings import LimitSettings
from modelbundle.runtime.telemetry.trace_context import TraceContext

TARGET = b"/predict"
HEADERS = [(b"host", b"x"), (b"content-length", b"23")]
RAW = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 23"
PLAIN = PlainHead(
    intake=None,
    length=23,
    is_large=False,
    seconds=1.0,
    content_type="",
    is_json=True,
    accept="",
    own=NOTHING,
    is_last=False,
    priority=1,
    client=None,
)


def learn(memo, raw=RAW, target=TARGET, headers=HEADERS, times=2):
    for _ in range(times):
        memo.learn(raw, PLAIN, target, headers)
    return memo.get(raw)


def test_a_head_is_known_once_it_has_come_twice():
    memo = HeadCache(LimitSettings())
    assert learn(memo, times=1) is None
    assert learn(memo, times=1) == PLAIN


def test_other_bytes_are_another_head():
    memo = HeadCache(LimitSettings())
    learn(memo)
    for raw in (RAW.lower(), RAW + b" ", RAW[:-1], RAW.replace(b"23", b"24")):
        assert memo.get(raw) is None


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (RAW.replace(b"\r\n", b"\n"), HEADERS),
        (RAW.replace(b"Host: x\r\n", b"Host: x\n"), HEADERS),
        (RAW.replace(b"Host: x\r\n", b"Host: x\r"), HEADERS),
        (RAW.replace(b"HTTP/1.1", b"HTTP/1.0"), HEADERS),
        (RAW.replace(b"POST", b"GET"), HEADERS),
        (RAW.replace(b"/predict", b"/other"), HEADERS),
        (b"\r\n" + RAW, HEADERS),
        (RAW, HEADERS[:1]),
        (RAW, [*HEADERS, (b"x", b"y")]),
        (RAW, HEADERS[::-1]),
        (RAW, [(b"host", b"x"), (b"content-length", b"99")]),
        (RAW.replace(b"Host: x", b"Host x"), HEADERS),
        (RAW.replace(b"Host: x", b" Host: x"), HEADERS),
    ],
)
def test_what_another_parser_could_read_otherwise_is_not_remembered(raw, headers):
    assert learn(HeadCache(LimitSettings()), raw, TARGET, headers) is None


def test_names_in_any_case_and_blanks_around_values_are_remembered():
    raw = b"POST /predict HTTP/1.1\r\nHOST:x\r\ncontent-Length: \t23 "
    assert learn(HeadCache(LimitSettings()), raw) == PLAIN


def test_ten_thousand_heads_that_come_once_push_nothing_out():
    memo = HeadCache(LimitSettings())
    learn(memo)
    for number in range(10_000):
        learn(
            memo, RAW + b"\r\nX: %d" % number, headers=[*HEADERS, (b"x", b"%d" % number)], times=1
        )
    assert len(memo) == 1
    assert memo.get(RAW) == PLAIN


def test_ten_thousand_heads_that_come_twice_take_no_more_room():
    memo = HeadCache(LimitSettings())
    for number in range(10_000):
        value = b"%d" % number
        assert learn(memo, RAW + b"\r\nX: " + value, headers=[*HEADERS, (b"x", value)]) == PLAIN
        assert len(memo) <= MOST


def test_a_large_head_is_not_remembered():
    value = b"y" * LARGEST
    assert (
        learn(
            HeadCache(LimitSettings()), RAW + b"\r\nX: " + value, headers=[*HEADERS, (b"x", value)]
        )
        is None
    )


PARENT = b"00-%b-%b-01" % (b"4bf9" * 8, b"00f0" * 4)
TRACED = RAW.replace(b"Host", b"TraceParent: %b\r\nHost" % PARENT) + b"\r\nX-Request-ID: a.1"
HEADERS_TRACED = [(b"traceparent", PARENT), *HEADERS, (b"x-request-id", b"a.1")]


def test_what_names_one_request_does_not_keep_its_head_from_being_known():
    memo = HeadCache(LimitSettings())
    learn(memo, TRACED, headers=HEADERS_TRACED)
    assert memo.get(RAW) == PLAIN
    assert memo.find(TRACED) == (
        PLAIN,
        Identity(b"a.1", TraceContext(b"4bf9" * 8, b"00f0" * 4, b"01")),
    )
    assert memo.find(RAW + b"\r\nb3: 1-2-3") == (PLAIN, NOTHING)
    assert memo.find(RAW + b"\r\nx-request-id:one\r\nx-request-id: two") == (
        PLAIN,
        Identity(b"two", None),
    )
    assert memo.find(RAW + b"\r\nx-request-id: one\r\nx-request-id: <>") == (PLAIN, NOTHING)


OWN = st.sampled_from(
    [
        (b"traceparent", PARENT),
        (b"traceparent", PARENT.upper()),
        (b"traceparent", b""),
        (b"tracestate", b"a=1, b=2"),
        (b"tracestate", b""),
        (b"x-request-id", b"one"),
        (b"x-request-id", b"<>"),
        (b"baggage", b"a=1 ,b=2;c"),
    ]
)


@given(st.lists(OWN, min_size=1, max_size=6))
def test_what_a_known_head_says_of_one_request_is_what_the_parser_says(lines):
    memo = HeadCache(LimitSettings())
    learn(memo)
    headers = [*HEADERS, *lines]
    head, own = memo.find(RAW + b"".join(b"\r\n%b: %b" % line for line in lines))
    assert head == PLAIN
    assert own == Identity.of(dict(headers), headers)


@pytest.mark.parametrize("line", [b"traceparent : x", b"traceparent: x y", b"x-request-id: x y"])
def test_a_head_with_an_odd_line_of_its_own_is_not_remembered(line):
    memo = HeadCache(LimitSettings())
    name, _, value = line.partition(b":")
    assert learn(memo, RAW + b"\r\n" + line, headers=[*HEADERS, (name, value.strip())]) is None


@pytest.mark.parametrize(
    "raw",
    [
        RAW + b"\r\nx-request-id: a b",
        RAW + b"\r\nx-request-id : a",
        RAW + b"\r\n x-request-id: a",
        RAW + b"\r\nx-request-id: a\n",
        RAW + b"\r\nx-request-id: a\r",
        RAW + b"\nx-request-id: a",
        RAW + b"\rx-request-id: a",
        RAW + b"\r\nx-request-id: a\0",
        RAW + b"\r\nx-request-id: \xff",
        RAW + b"\r\nx-request-id: a\r\n folded",
        RAW + b"\r\nx-request-id: a\r\nTransfer-Encoding: chunked",
        RAW + b"\r\nx-request-id: a" * 11,
        RAW + b"\r\nx-request-id: " + b"a" * LARGEST,
        b"\r\nb3: 1" + RAW,
    ],
)
def test_only_well_formed_lines_are_cut_out(raw):
    memo = HeadCache(LimitSettings())
    learn(memo)
    assert memo.find(raw)[0] is None


def test_a_head_is_not_known_where_more_lines_would_be_too_many():
    assert learn(HeadCache(LimitSettings(max_headers=11))) is None


@given(st.binary(max_size=60), st.integers(0, len(RAW)), st.integers(0, len(RAW)))
def test_nothing_is_remembered_that_does_not_say_what_the_parser_read(noise, start, stop):
    raw = RAW[:start] + noise + RAW[max(start, stop) :]
    if learn(HeadCache(LimitSettings()), raw) == PLAIN:
        lines = raw.split(b"\r\n")
        assert lines[0] == b"POST /predict HTTP/1.1"
        read = [
            (n.lower(), v.strip(b" \t")) for n, _, v in (line.partition(b":") for line in lines[1:])
        ]
        assert read == HEADERS


def test_heads_that_never_come_again_take_little_memory_and_push_nothing_out():
    memo = HeadCache(LimitSettings())
    learn(memo)
    for number in range(2 * MOST + 1):
        raw = b"POST /predict HTTP/1.1\r\nHost: x%d\r\nContent-Length: 23" % number
        headers = [(b"host", b"x%d" % number), HEADERS[1]]
        assert learn(memo, raw, TARGET, headers, times=1) is None
        assert len(memo._seen) <= MOST
    assert memo.get(RAW) == PLAIN
