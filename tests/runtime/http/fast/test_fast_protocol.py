"""The fast path answers what the ASGI path answers, in the same order, to the byte."""

import asyncio

import pytest
from hypothesis import given, settings

from ...conftest import make_sums, write_bundle, write_model
from ..ways import Way, hearing
from .corpus import Corpus, Moody, post

GOOD = b'{"instances": [[1, 2]]}'
ROWS = b'{"instances": [[1, 2], [3, 4.5], [5, 6]]}'
CHUNKED = (
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"8\r\n" + GOOD[:8] + b"\r\nf\r\n" + GOOD[8:] + b"\r\n0\r\n\r\n"
)
LAST = post(GOOD, "Connection: close")

WHOLE = {
    "good": post(GOOD),
    "rows": post(ROWS, "Content-Type: application/json"),
    "numbers": post(b'{"instances": [[1e300, -2], [0.1, 0.2]]}'),
    "an id": post(GOOD, "X-Request-Id: own-1"),
    "a bad id": post(GOOD, "X-Request-Id: <b>"),
    "two ids": post(GOOD, "X-Request-Id: own-2", "X-Request-Id: own-3"),
    "a trace": post(GOOD, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    "no rows": post(b'{"instances": []}'),
    "odd spelling": post(GOOD, "cONTENT-tYPE:application/json  "),
    "curl": post(GOOD, "Content-Type: application/x-www-form-urlencoded"),
    "a query": post(GOOD, path="/predict?x=1"),
    "a slash": post(GOOD, path="/predict/"),
    "escapes": post(GOOD, path="/pred%69ct"),
    "absolute": post(GOOD, path="http://x/predict"),
    "an unknown path": post(GOOD, path="/nowhere"),
    "csv": post(b"1,2\n3,4\n", "Content-Type: text/csv"),
    "an image": post(b"\x89PNG", "Content-Type: image/png"),
    "gzip": post(GOOD, "Content-Encoding: gzip"),
    "identity": post(GOOD, "Content-Encoding: identity"),
    "a deadline": post(GOOD, "X-Request-Timeout: 5"),
    "no deadline": post(GOOD, "X-Request-Timeout: soon"),
    "past its deadline": post(GOOD, "X-Request-Timeout: 1e-9"),
    "accept json": post(GOOD, "Accept: application/json"),
    "accept npy": post(GOOD, "Accept: application/x-npy"),
    "not json": post(b'{"instances": [[1, 2]'),
    "not an object": post(b"[[1, 2]]"),
    "null": post(b"null"),
    "another key": post(b'{"instance": [[1, 2]]}'),
    "two keys": post(b'{"instances": [[1, 2]], "a": 1}'),
    "a key twice": post(b'{"instances": [[1, 2]], "instances": [[1, 2]]}'),
    "a short row": post(b'{"instances": [[1, 2], [1]]}'),
    "a string": post(b'{"instances": [[1, "2"]]}'),
    "NaN": post(b'{"instances": [[1, NaN]]}'),
    "a null": post(b'{"instances": [[1, null]]}'),
    "true": post(b'{"instances": [[1, true]]}'),
    "too many rows": post(b'{"instances": [%b]}' % b",".join([b"[1,2]"] * 101)),
    "over the limit": post(b'{"instances": [%b]}' % b",".join([b"[1,2]"] * 1000)),
    "the model raises": post(b'{"instances": [[-1, 2]]}'),
    "the model says NaN": post(b'{"instances": [[3, 3], [-4, 2]]}'),
    "chunked": CHUNKED,
    "a length twice as long": post(GOOD + b" " * len(GOOD)),
    "no body": b"POST /predict HTTP/1.1\r\nHost: x\r\n\r\n",
    "an empty body": post(b""),
    "get": b"GET /predict HTTP/1.1\r\nHost: x\r\n\r\n",
    "put": post(GOOD).replace(b"POST", b"PUT"),
    "livez": b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "head": b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "blank lines": b"\r\n\r\n" + post(GOOD),
    "expect": post(GOOD, "Expect: 100-continue"),
    "a long header": post(GOOD, "X-Long: " + "y" * 5000),
    "many headers": post(GOOD, *["X: y"] * 90),
}
FATAL = {
    "close": LAST,
    "http 1.0": post(GOOD, version="1.0"),
    "http 1.0 keep-alive": post(GOOD, "Connection: keep-alive", version="1.0"),
    "nonsense": b"nonsense\r\n\r\n",
    "no host": post(GOOD).replace(b"Host: x\r\n", b""),
    "two hosts": post(GOOD, "Host: y"),
    "two lengths": post(GOOD, "Content-Length: 5"),
    "equal lengths": post(GOOD, f"Content-Length: {len(GOOD)}"),
    "length and chunks": post(GOOD, "Transfer-Encoding: chunked"),
    "a space before the colon": post(GOOD, "X : y"),
    "a folded header": post(GOOD, "X: y", " z"),
    "a bare line feed": post(GOOD).replace(b"Host: x\r\n", b"Host: x\n"),
    "a bare carriage return": post(GOOD).replace(b"Host: x\r\n", b"Host: x\r"),
    "bare line feeds at the end": post(GOOD).replace(b"\r\n\r\n", b"\n\n"),
    "a negative length": post(GOOD).replace(b"Content-Length: ", b"Content-Length: -"),
    "too many headers": post(GOOD, *["X: y"] * 101),
    "a nul": post(GOOD, "X: \0"),
    "http 1.2": post(GOOD, version="1.2"),
    "a bad chunk": CHUNKED.replace(b"\r\nf\r\n", b"\r\nzz\r\n"),
    "connect": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
}
CORPUS = Corpus(WHOLE, FATAL, LAST)
ALL = CORPUS.all
UPGRADE = post(GOOD, "Connection: Upgrade", "Upgrade: h2c")  # ignored if it begins a piece


def make_moody(directory, **serve):
    write_model(directory / "models" / "sums", Moody())
    return write_bundle(directory, serve=serve)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """One bundle, for either way."""
    limits = {"max_rows": 100, "max_body": 6000}
    return {
        http: make_moody(tmp_path_factory.mktemp(http), http=http, **limits)
        for http in ("fast", "asgi")
    }


@pytest.fixture(scope="module")
def hear(bundles):
    """What both ways say to pieces of bytes, without what may differ: `hear(pieces)`."""
    with hearing(bundles.values()) as hear:
        yield hear


@pytest.mark.parametrize("name", ALL)
def test_both_ways_say_the_same(hear, name):
    CORPUS.check(hear, name)


def test_both_ways_ignore_an_offer(hear):
    fast, asgi = hear([UPGRADE + LAST])
    assert fast == asgi
    assert fast.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("name", ["good", "rows", "close", "chunked", "a bad chunk", "two hosts"])
def test_a_request_may_be_cut_anywhere(hear, name):
    CORPUS.check_cut(hear, name)


@pytest.mark.parametrize("first", ["good", "the model raises", "livez", "chunked", "csv"])
@pytest.mark.parametrize("second", ["nonsense", "a bad chunk", "two hosts", "not json", "close"])
def test_answers_come_in_the_order_of_their_requests(hear, first, second):
    fast, asgi = hear([post(ROWS) + ALL[first] + ALL[second] + post(GOOD) + LAST])
    assert fast == asgi
    assert fast.startswith(b"HTTP/1.1 200")
    assert b'{"predictions":[3.0,7.5,11.0]}HTTP/1.1 ' in fast


@settings(max_examples=150, deadline=None)
@given(pieces=CORPUS.in_pieces())
def test_any_requests_in_any_pieces_get_the_same_answers_in_order(hear, pieces):
    fast, asgi = hear(pieces)
    assert fast == asgi


def test_what_is_not_answered_when_the_server_must_end_is_told_so(tmp_path, monkeypatch):
    """Whoever waits hears of it, in order, and no connection just breaks."""
    gate = tmp_path / "gate"
    monkeypatch.setenv("GATE", str(gate))

    async def main():
        way = Way(make_sums(tmp_path))
        await way.start()
        client, protocol = await way.connect()
        held = post(b'{"instances": [[-6, 2]]}')
        with client:
            listening = asyncio.create_task(way.listen(client))
            await way.say(client, [held + held])
            while protocol.fast_path.open < 2:  # noqa: ASYNC110  nobody else is told
                await asyncio.sleep(0.01)
            protocol.give_up()
            gate.touch()
            protocol.transport.close()
            heard = await listening
        assert heard.count(b"HTTP/1.1 503 ") == 2
        assert heard.count(b"The server is shutting down.") == 2
        assert protocol.fast_path.open == 0
        await way.stop()

    asyncio.run(main())


def test_a_client_that_does_not_read_its_answers_is_asked_for_no_more(tmp_path):
    """What it sends stays with it, until it reads again."""

    async def main():
        way = Way(make_sums(tmp_path))
        await way.start()
        client, protocol = await way.connect()
        with client:
            protocol.pause_writing()
            assert not protocol.transport.is_reading()
            listening = asyncio.create_task(way.listen(client))
            await way.say(client, [LAST])
            assert protocol.fast_path.open == 0
            protocol.resume_writing()
            assert (await listening).startswith(b"HTTP/1.1 200")
        await way.stop()

    asyncio.run(main())
