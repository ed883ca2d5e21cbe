"""Requests that nobody means well: each is refused, or means what it says, on both ways."""

import re
import time

import pytest

from .hostile import ANSWERED, BODY, REFUSED, get, post

HIDDEN = get(b"GET /hidden HTTP/1.1")
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_SECRETS = re.compile(rb"Traceback|\.py|site-packages|0x[0-9a-f]{6}|[a-z]Error: ")


def hear(server, raw):
    """What the server says to `raw` until it closes, which it may do before all of it is sent."""
    heard = b""
    with server.connect() as sock:
        try:
            sock.sendall(raw)
            while data := sock.recv(1 << 16):
                heard += data
        except OSError:
            return heard
    return heard


@pytest.mark.parametrize("raw", REFUSED, ids=lambda raw: repr(raw[:60]))
def test_it_is_refused_and_nothing_behind_it_is_read(server, raw):
    heard = hear(server, raw + HIDDEN + LAST)
    assert re.match(rb"HTTP/1\.1 4\d\d ", heard)
    assert heard.count(b"HTTP/1.1 ") == heard.count(b'{"error":') == 1
    assert b"connection: close" in heard
    assert not _SECRETS.search(heard)


@pytest.mark.parametrize(("status", "raw"), ANSWERED, ids=lambda part: repr(part)[:60])
def test_it_means_what_it_says(server, status, raw):
    heard = hear(server, raw + LAST)
    assert heard.startswith(b"HTTP/1.1 %d " % status)
    assert heard.count(b"HTTP/1.1 ") == 2
    assert b"`/last`" in heard
    assert b"\xc2\x9b" not in heard
    assert not _SECRETS.search(heard)


@pytest.mark.parametrize("bad", REFUSED[::7], ids=lambda raw: repr(raw[:60]))
def test_what_stands_before_it_is_answered(server, bad):
    heard = hear(server, post() + get() + bad + HIDDEN + LAST)
    statuses = re.findall(rb"HTTP/1\.1 (\d)", heard)
    assert statuses == [b"2", b"2", b"4"]
    assert heard.count(b'{"predictions":[3.0]}') == 1


@pytest.mark.parametrize(
    "size", [b"1" + b"0" * 15, b"f" * 16, b"7" + b"f" * 15], ids=["large", "all", "half"]
)
def test_a_chunk_beyond_any_memory_is_cut_at_the_limit(make_server, size):
    server = make_server(max_body=1000)
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    heard = server.ask(head + size + b"\r\n" + b" " * 2000, b"}")
    assert heard.startswith(b"HTTP/1.1 413")


def test_a_body_is_waited_for_only_by_who_was_told_to_go_on(server):
    with server.connect() as sock:
        sock.sendall(post(b"Expect: 100-Continue")[: -len(BODY)])
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(BODY + LAST)
        time.sleep(0.1)
        assert b"[3.0]" in sock.recv(1 << 16)


def test_nothing_of_all_this_stands_in_the_log_as_a_failure(server):
    assert server.post([[1, 2]]).status_code == 200
    assert '"error"' not in server.log()
    assert server.access()
