"""Answer: what is read of it, and how much of it."""

from dataclasses import replace

import pytest

from modelbundle.bundler.errors import RegistryError
from modelbundle.bundler.registry.http.transient_error import TransientError
from modelbundle.bundler.registry.http.wire import Wire

from ..conftest import QUICK, answering


@pytest.fixture
def ask(liar):
    """Ask the registry, which answers as it is told; its answer."""
    wire = Wire("h", QUICK)

    def run(act, method="GET"):
        liar.twists.clear()
        liar.twist(method, "/", act)
        return wire.send(method, f"{liar.url}/", {})

    yield run
    wire.close()


def hanging_up(claimed, body):
    """Send less than was announced, or all of it in chunks but for their end."""

    def act(handler):
        handler.send_response(200)
        handler.send_header(*claimed)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return act


def test_a_body_is_read_to_the_limit_and_no_further(ask):
    answer = ask(answering(200, b"12345"))
    assert answer.read(5) == b"12345"
    assert answer.read(1) == b"12345"  # which is kept
    with pytest.raises(RegistryError, match="The page is longer than 4 bytes"):
        ask(answering(200, b"12345")).read(4, "page")
    assert b"".join(ask(answering(200, b"12345")).pieces(3)) == b"123"
    assert b"".join(ask(answering(200, b"12345")).pieces(9)) == b"12345"
    assert ask(answering(200, b"12345"), "HEAD").read(9) == b""


@pytest.mark.parametrize(
    ("claimed", "body"),
    [
        (("Content-Length", "9"), b"12345"),
        (("Content-Length", "9"), b""),
        (("Transfer-Encoding", "chunked"), b"5\r\n12345\r\n"),
        (("Transfer-Encoding", "chunked"), b"5\r\n123"),
        (("Transfer-Encoding", "chunked"), b"nonsense\r\n123"),
    ],
)
def test_a_body_that_breaks_off_is_no_body(ask, claimed, body):
    with pytest.raises(TransientError):
        ask(hanging_up(claimed, body)).read(100)


def test_who_sends_too_slowly_is_left(liar):
    """What is slow is a matter of the limits, which are those of no line here."""
    patient = replace(QUICK, window=0.0, slowest=0)
    greedy = replace(QUICK, window=0.0, slowest=1e15)
    liar.twist("GET", "/", answering(200, b"12345"))
    for limits, is_slow in ((patient, False), (greedy, True)):
        wire = Wire("h", limits)
        pieces = wire.send("GET", f"{liar.url}/", {}).pieces(9)
        assert next(pieces) == b"12345"
        if is_slow:
            with pytest.raises(RegistryError, match="bytes a second") as caught:
                next(pieces)
            assert not isinstance(caught.value, TransientError)
        else:
            assert list(pieces) == []
        wire.close()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7), (" 7 ", 7), ("", 0), ("-7", 0), ("7.5", 0), ("1" * 10, 0), ("soon", 0),
        ("Fri, 01 Jan 2016 00:00:00 GMT", 0), ("Fri, 99 Jan 2016 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_how_long_we_are_asked_to_wait(ask, said, seconds):
    assert ask(answering(429, Retry_After=said)).retry_after == seconds
    assert ask(answering(429, Retry_After="Fri, 01 Jan 2100 00:00:00 GMT")).retry_after > 1e9


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/json", b'{"errors":[{"code":"A","message":"b c"}]}', "A: b c"),
        ("application/json", b'{"errors":[{"message":"b\\n\\u001b[2Jc."}]}', "b ?[2Jc"),
        ("application/json", b'{"errors":[]}', ""),
        ("application/json", b'{"errors":[1]}', ""),
        ("application/json", b"[" * 100_000, ""),
        ("text/plain; charset=utf-8", b"no  room.\n", "no room"),
        ("text/plain", b"x" * 9999, "x" * 200),
        ("text/html", b"<p>no room</p>", ""),
        ("text/plain", b"x" * (2 << 20), ""),
    ],
)
def test_its_words_for_an_error_are_one_short_line(ask, kind, body, said):
    assert ask(answering(500, body, Content_Type=kind)).message() == said
