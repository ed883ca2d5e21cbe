"""Where a response ends: by length, in chunks, or with the connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.benching.generator.response import Head, Heads, NotHttp, dechunked, parse


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12", Head(200, 12, False)),
        (b"HTTP/1.1 503 Busy\r\ncontent-length:0\r\nConnection: Close", Head(503, 0, True)),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked", Head(200, -1, False)),
        (b"HTTP/1.0 200 OK", Head(200, -2, True)),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1", Head(200, 1, False)),
        (b"HTTP/1.1 204 No Content", Head(204, 0, False)),
    ],
)
def test_a_head_says_where_its_body_ends(head, expected):
    assert parse(head) == expected
    heads = Heads()
    assert heads.get(head) == heads.get(head) == expected


@pytest.mark.parametrize("head", [b"", b"SSH-2.0", b"HTTP/1.1 OK", b"HTTP/2 200"])
def test_what_is_no_head_is_refused(head):
    with pytest.raises(NotHttp):
        parse(head)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(0, 10))
def test_chunks_are_put_together_only_when_the_last_has_come(chunks, cut):
    data = b"".join(b"%x;e=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"

    assert dechunked(b"head" + data, 4) == b"".join(chunks)
    assert cut == 0 or dechunked(data[:-cut], 0) is None


def test_a_chunk_without_a_size_is_refused():
    with pytest.raises(NotHttp, match="zz"):
        dechunked(b"zz\r\nabc\r\n", 0)
