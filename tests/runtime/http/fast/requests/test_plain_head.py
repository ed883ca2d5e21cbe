"""What may take the fast path, which no answer shows: the standard way gives the same."""

import asyncio

import pytest

from ....conftest import make_sums
from ...ways import Way


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """What a server makes of the head of a POST: `read(b"accept: */*", target=b"/predict")`."""
    bundle = make_sums(tmp_path_factory.mktemp("sums"), timing="request", max_body=1000, timeout=7)
    with asyncio.Runner() as runner:
        way = Way(bundle)
        runner.run(way.start())

        def made(*lines, target=b"/predict", length=b"20", is_last=False):
            headers = [tuple(line.split(b": ")) for line in lines]
            headers += [] if length is None else [(b"content-length", length)]
            return way.application.fast_path.reader.read(target, headers, is_last=is_last)

        yield made
        runner.run(way.stop())


@pytest.mark.parametrize(
    ("lines", "is_json", "accept", "is_odd"),
    [
        ((), True, "", False),
        ((b"content-type: application/json", b"accept: */*"), True, "", False),
        ((b"accept: application/json, text/html",), True, "", False),
        ((b"content-type: application/x-www-form-urlencoded",), True, "", False),
        ((b"content-type: application/x-npy",), False, "", False),
        ((b"accept: application/x-npy",), True, "application/x-npy", True),
        ((b"x-timing: 1",), True, "", True),
        ((b"content-encoding: identity",), True, "", False),
    ],
)
def test_usual_requests_take_it(read, lines, is_json, accept, is_odd):
    head = read(*lines)
    assert (head.is_json, head.accept, head.is_odd) == (is_json, accept, is_odd)
    assert (head.length, head.seconds, head.is_large, head.is_last) == (20, 7.0, False, False)
    assert head.intake.path == "/predict"


def test_what_a_head_says_is_read(read):
    head = read(b"x-request-timeout: 0.5", b"x-request-id: own", length=b"1000", is_last=True)
    assert (head.seconds, head.own.id, head.length, head.is_last) == (0.5, b"own", 1000, True)


@pytest.mark.parametrize(
    "lines",
    [
        (b"transfer-encoding: chunked",),
        (b"expect: 100-continue",),
        (b"upgrade: h2c",),
        (b"content-encoding: gzip",),
        (b"x-request-timeout: soon",),
        (b"content-type: application/msgpack",),
        (b"accept: text/csv",),
    ],
)
def test_others_are_left_to_the_standard_way(read, lines):
    assert read(*lines) is None


@pytest.mark.parametrize("length", [None, b"", b"0", b"1001", b"-1", b"1" * 19, b"2 0"])
def test_bodies_of_no_size_or_too_much_are_as_well(read, length):
    assert read(length=length) is None


@pytest.mark.parametrize(
    "target", [b"/", b"/predict/", b"/predict?x", b"/docs", b"/v2/models/no/infer"]
)
def test_so_is_what_no_prediction_route_is_for(read, target):
    assert read(target=target) is None
