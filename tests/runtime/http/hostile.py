"""Requests that servers on one road have read differently, or fallen over.

`REFUSED` is answered once, with 4xx, and nothing behind it on the connection is read. `ANSWERED`
is answered with a status, and the connection goes on.
"""

BODY = b'{"instances": [[1, 2]]}'
CHUNK = b"%x\r\n" % len(BODY) + BODY + b"\r\n"
LAST = b"0\r\n\r\n"


def post(*headers, body=BODY, line=b"POST /predict HTTP/1.1", host=b"Host: x"):
    """A prediction, with a right Content-Length."""
    length = b"Content-Length: %d" % len(body)
    lines = [line, *([host] if host is not None else ()), *headers, length]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(line=b"GET /livez HTTP/1.1", host=b"Host: x"):
    """A request without a body."""
    return line + b"\r\n" + host + b"\r\n\r\n"


def framed(headers, body=CHUNK + LAST):
    """A prediction, framed by `headers`."""
    return b"POST /predict HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n" + body


def coded(value, body=CHUNK + LAST):
    """With a Transfer-Encoding."""
    return framed(b"Transfer-Encoding: " + value, body)


def sized(value):
    """With a Content-Length."""
    return framed(b"Content-Length: " + value, BODY)


def chunked(body):
    """With chunks."""
    return coded(b"chunked", body)


_CODINGS = [
    b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"xchunked", b"chunkedx",
    b"chunk", b" chunked ", b'"chunked"', b"chunked;q=1", b"chunked,", b",chunked", b"x, chunked",
    b"identity, chunked", b"chunked\x00", b"\x0cchunked", b"chunked\xa0", b"",
    b"chunked\r\n ,identity", b"identity\r\nTransfer-Encoding: chunked",
    b"chunked\r\nTransfer-Encoding: identity", b"chunked\r\nTransfer-Encoding: chunked",
]  # fmt: skip
_LENGTHS = [
    b"-1", b"-0", b"+23", b"0x17", b"1e1", b"23.0", b"23,23", b"23, 23", b"23,5", b"23 23", b"",
    b" ", b"abc", b"99999999999999999999", b"18446744073709551616", b"18446744073709551639",
    b"23;", b"\xb2\xb3", b"1_0", b"23\x00", b"\x0b23", b"NaN", b"'23'", b"23\r\n ",
    b"23\r\nContent-Length: 23", b"23\r\nContent-Length: 5", b"5\r\nContent-Length: 23",
    b"0\r\nContent-Length: 23", b"23\r\nContent-Length: 0",
]  # fmt: skip
_FRAMINGS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"Transfer-Encoding: chunked\r\nContent-Length: 0",
    b"content-length: 5\r\ntransfer-encoding: chunked",
    b"Content-Length: 5\r\nTransfer-Encoding: identity",
    b"Content-Length: 5\r\nTransfer-Encoding:",
    b"Content-Length: 5\r\nTransfer-Encoding: \x0bchunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked",
    b"Content-Length : 23", b" Content-Length: 23",
]  # fmt: skip
_CHUNKS = [
    b"zz\r\n", b"\r\n" + BODY, b"-1\r\n", b"+17\r\n" + BODY, b"0x17\r\n" + BODY, b" " + CHUNK,
    b"17 \r\n" + BODY, b"17\t\r\n" + BODY, b"17,\r\n" + BODY, b"17\n" + BODY, b"17\r" + BODY,
    b"10000000000000000\r\n", b"10000000000000017\r\n" + BODY, b"17;a\n" + BODY, b"17;a\rb\r\n",
    b"17;\x00\r\n" + BODY, b"17;\nxx\r\n" + BODY, b"18\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"16\r\n" + BODY + b"\r\n0\r\n\r\n", b"17\r\n" + BODY + b"0\r\n\r\n", CHUNK + b"0\r\n\n",
    b"17\r\n" + BODY + b"\n0\r\n\r\n", b"17\r\n" + BODY + b"xx0\r\n\r\n",
    CHUNK + b"0\r\nContent-Length: 50\r\n\r\n", CHUNK + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    CHUNK + b"0\r\nX y\r\n\r\n", CHUNK + b"0\r\nX: \x00\r\n\r\n", CHUNK + b"0\r\nX: y\n\r\n",
]  # fmt: skip
_LINES = [
    b"post /predict HTTP/1.1", b"FOO /predict HTTP/1.1", b" /predict HTTP/1.1", b"GET /livez",
    b"PO ST /predict HTTP/1.1", b"PO\x00ST /predict HTTP/1.1", b"A" * 5000 + b" / HTTP/1.1",
    b"POST HTTP/1.1", b"POST\t/predict HTTP/1.1", b"POST /pre dict HTTP/1.1",
    b"POST /predict HTTP/1.1 ", b"POST /predict\x00 HTTP/1.1", b"POST /\xff HTTP/1.1",
    b"POST /\x1b[31m HTTP/1.1", b"POST \\predict HTTP/1.1", b"POST predict HTTP/1.1",
    b"GET ftp://x/ HTTP/1.1", b"GET http:// HTTP/1.1", b"GET http://u:p@x/livez HTTP/1.1",
    b"GET x:80 HTTP/1.1", b"CONNECT x:80 HTTP/1.1", b"CONNECT /predict HTTP/1.1",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"GET /" + b"a" * 100_000 + b" HTTP/1.1",
    b"GET /?" + b"a" * 100_000 + b" HTTP/1.1", b"GET /livez HTTP/1", b"GET /livez HTTP/1.2",
    b"GET /livez HTTP/1.10", b"GET /livez HTTP/2.0", b"GET /livez HTTP/2", b"GET /livez HTTP/3.0",
    b"GET /livez HTTP/0.9", b"GET /livez HTTP/01.1", b"GET /livez HTTP/-1.1",
    b"GET /livez http/1.1", b"GET /livez HTTQ/1.1", b"GET /livez ICE/1.0", b"GET /livez HTTP/",
    b"GET /livez HTTP/x.y",
]  # fmt: skip
_HEADERS = [
    b"foo", b":", b": y", b"a b: c", b"a : c", b"a\t: c", b"a\x00: c", b"a: \x00", b"a\x01: c",
    b"a: \x01", b"a: \x1b[31m", b"a: \x7f", b"\xe4: c", b"a: b\r\n c", b"a: b\r\n\tc", b"a:\r\n b",
    b"a: b\rc: d", b"a: b\nc: d", b"a: b\r\r", b"a: b\n\r", b"a(): c", b"a/b: c", b"@: c",
    b'"a": c', b"{a}: c", b"a=b: c", b"a" * 40_000 + b": c", b"a: " + b"b" * 40_000,
    b"\r\n".join([b"a: b"] * 101), b"\r\n".join([b"a: b"] * 10_000), b"\r\n".join([b":"] * 10_000),
    b"Host: y", b"Host: x", b"HOST: y", b"Host : y", b"X-Request-Id: \x1b[31m",
    b"Content-Type: \x1b[31m", b"Content-Encoding: \x1b",
]  # fmt: skip
_HOSTS = [
    b"X: y", b"Host: u@x", b"Host: x/y", b"Host: x y", b"Host: a, b", b"Host: x\x01", b"Host: \xff",
    b"Host: x?y", b"Host: x#y", b"Host: x\\y", b'Host: "x"', b"Host: <script>",
]  # fmt: skip
_WHOLE = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    bytes(1000), b"\xff" * 1000, b"*1\r\n$4\r\nPING\r\n", b"SSH-2.0-x\r\n", b"EHLO x\r\n",
    BODY + b"\r\n\r\n", b"GET /livez\r\n", b"GET /livez HTTP/1.1\nHost: x\n\n",
    b"GET /livez HTTP/1.1\rHost: x\r\r", b"Host: x\r\nGET /livez HTTP/1.1\r\n\r\n",
    b" \r\n" + get(), b"GET /livez HTTP/1.1\r\n Host: x\r\n\r\n", b"\xef\xbb\xbf" + get(),
    b"GET /livez HTTP/1.1\r\n \r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    get().decode().encode("utf-16"), b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(),
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12) + get(),
    b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK + LAST,
]  # fmt: skip

REFUSED = [
    *map(coded, _CODINGS), *map(sized, _LENGTHS), *map(framed, _FRAMINGS), *map(chunked, _CHUNKS),
    *(get(line) for line in _LINES), *map(post, _HEADERS), *(post(host=host) for host in _HOSTS),
    *_WHOLE,
]  # fmt: skip

ANSWERED = [
    (200, coded(b"CHUNKED")), (200, coded(b"\tchunked")), (200, sized(b"\t23\t")),
    (200, framed(b"Transfer_Encoding: chunked\r\nContent-Length: 23", BODY)),
    (400, sized(b"0" * 24 + b"23")), (400, b"POST /predict HTTP/1.1\r\nHost: x\r\n\r\n"),
    (200, chunked(b"0" * 200 + CHUNK + LAST)), (200, chunked(b"17;a=b\r\n" + CHUNK[4:] + LAST)),
    (200, chunked(b'17;a="b;c"\r\n' + CHUNK[4:] + LAST)), (200, chunked(CHUNK + b"00\r\n\r\n")),
    (200, chunked(CHUNK + b"0\r\nX: y\r\n\r\n")), (200, chunked(CHUNK + b"0\r\nHost: y\r\n\r\n")),
    (200, chunked(b"".join(b"1\r\n%c\r\n" % each for each in BODY) + LAST)), (400, chunked(LAST)),
    (200, get(b"GET  /livez HTTP/1.1")), (404, get(b"GET /%zz HTTP/1.1")),
    (404, get(b"GET /livez%00 HTTP/1.1")), (404, get(b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1")),
    (404, get(b"GET /../../etc/passwd HTTP/1.1")), (404, get(b"GET /a%0d%0aX:y HTTP/1.1")),
    (404, get(b"GET /%ed%a0%80 HTTP/1.1")), (404, get(b"GET /%ff%fe HTTP/1.1")),
    (404, get(b"GET /%c2%9b31m%e2%80%ae HTTP/1.1")), (404, get(b"GET //livez HTTP/1.1")),
    (200, get(b"GET http://x/livez HTTP/1.1")), (200, get(b"GET HTTPS://y:1/livez HTTP/1.1")),
    (200, post(line=b"POST http://x/predict HTTP/1.1")), (404, get(b"GET * HTTP/1.1")),
    (200, get(b"GET http://x HTTP/1.1")), (200, get(b"GET http://x?y HTTP/1.1")),
    (404, get(b"OPTIONS * HTTP/1.1")), (405, get(b"TRACE /predict HTTP/1.1")),
    (405, get(b"OPTIONS /predict HTTP/1.1")), (405, get(b"PURGE /predict HTTP/1.1")),
    (200, post(b"a: \xff")), (200, post(b"a_b: c")), (200, post(b"a::b")), (200, post(b"a:")),
    (200, post(b"a: " + b"b" * 31_000)), (200, post(*[b"a: b"] * 98)), (200, post(host=b"Host:")),
    (200, post(host=b"Host: [::1]:80")), (200, post(b"Connection: upgrade")),
    (200, post(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA")),
    (200, post(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13")),
    (200, post(b"Expect: 200-ok")), (200, post(b"Connection: content-length")),
    (415, post(b"Content-Type: \xff\xfe")), (415, post(b"Content-Type: " + b"a" * 10_000)),
    (400, post(b"Content-Encoding: gzip")), (415, post(b"Content-Encoding: \xff")),
    (400, post(b"X-Request-Timeout: nan")), (400, post(b"X-Request-Timeout: \xff")),
    (200, post(b"X-Request-Timeout: 1e999")), (200, post(b'X-Request-Id: "}')),
    (200, post(b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: gopher\r\nForwarded: for=[")),
    (200, post(b"traceparent: 00-" + b"\xff" * 32 + b"-1-01")), (200, post(b"TE: trailers")),
    (200, b"\r\n" * 5 + get()),
]  # fmt: skip
