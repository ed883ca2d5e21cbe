"""What one connection may do to a server."""

import contextlib
import select
import socket
import time
from pathlib import Path

import pytest

from ...conftest import wait_until
from ...process.watched import children, holds_listener

POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
BODY = b'{"instances": [[1, 2]]}'
GOOD = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
GET = b"GET /livez HTTP/1.1\r\n"
LIVE = GET + b"Host: x\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (GET + b"\r\n", 400),
        (GET + b"Host: a\r\nHost: b\r\n\r\n", 400),
        (GET + b"Host: a, b\r\n\r\n", 400),
        (GET + b"Host: user@a\r\n\r\n", 400),
        (GET + b"Host: <a>\r\n\r\n", 400),
        (GET + b"Host: a\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (GET + b"Host: a\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (GET + b"Host: a\r\nX: " + b"y" * 70_000, 431),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: +5\r\n\r\nabcde", 400),
        (POST + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, 400),
        (b"GET \xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (GET + b"Host: a\r\nA b: c\r\n\r\n", 400),
        (GET + b"Host: a\r\nX: a\r\n folded\r\n\r\n", 400),
        (GET + b"Host: a\r\nX: \x00\r\n\r\n", 400),
    ],
)
def test_what_no_application_should_see_is_refused_and_cut(server, raw, status):
    received = server.ask(raw)
    allowed = {status, 400, 505} if b"HTTP/1.2" in raw or b"HTTP/2" in raw else {status}
    assert int(received.split(b" ")[1]) in allowed
    assert received.count(b"content-length") == received.count(b'{"error":') == 1


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n"


def test_trailers_do_not_pass_for_headers(server):
    trailers = b"X-Request-Id: forged\r\nX-Request-Timeout: x\r\nContent-Type: image/png\r\n\r\n"
    received = server.ask(CHUNKED + CHUNKS + trailers, b"[3.0]")
    assert received.startswith(b"HTTP/1.1 200")
    assert b"forged" not in received


def feed(sock, piece, times, seconds=0.0):
    """Send `piece` again and again, with pauses."""
    for _ in range(times):
        time.sleep(seconds)
        sock.sendall(piece)


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (CHUNKS, b"X-Trailer: " + b"y" * 100 + b"\r\n"),
        (CHUNKS + b"X-Trailer: ", b"y" * 100),
        (b"5;", b"y" * 100),
        (b"", b"0" * 100),
    ],
    ids=["trailers", "a trailer", "a chunk extension", "a chunk size"],
)
def test_framing_without_end_is_cut(server, begin, more):
    with server.connect() as sock:
        sock.sendall(CHUNKED + begin)
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            feed(sock, more * 100, 1000)


@pytest.mark.parametrize("times", [1, 3])
def test_a_client_that_leaves_requests_behind_leaves_no_trace(make_server, times):
    server = make_server()
    for _ in range(20):
        with server.connect() as sock:
            sock.sendall(GOOD * times + GOOD.replace(b"[1,", b"[-2,") * times)
    assert server.post([[1, 2]]).status_code == 200
    assert '"error"' not in server.log()


def test_no_second_request_hides_in_a_refused_one(server):
    smuggled = POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GOOD
    assert server.ask(smuggled).count(b"HTTP/1.1 ") == 1


def test_what_came_before_a_bad_request_is_answered_first(server):
    received = server.ask(GOOD + b"nonsense\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200")
    assert b"[3.0]" in received
    assert b"connection: close" in received


def test_the_offer_of_an_upgrade_is_ignored(server):
    offer = b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA"
    received = server.ask(GOOD.replace(b"Host: x", offer), b"[3.0]")
    assert b"[3.0]" in received
    assert b"connection: close" not in received


def test_the_offer_of_an_upgrade_is_ignored_line_by_line(server):
    lines = (POST + b"Upgrade: h2c\r\nContent-Length: 23\r\n\r\n").splitlines(keepends=True)
    with server.connect() as sock:
        for line in lines:
            sock.sendall(line)
            time.sleep(0.02)
        sock.sendall(b'{"instances": [[1, 2]]}')
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")


def test_an_offer_in_pieces_is_refused_rather_than_misread(server):
    offer = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    with server.connect() as sock:
        sock.sendall(POST + offer[:25])
        time.sleep(0.1)
        sock.sendall(offer[25:] + b"Content-Length: 2\r\n\r\n{}")
        assert sock.recv(100).startswith(b"HTTP/1.1 400")


def test_blank_lines_in_front_of_a_request_are_none(server):
    received = server.ask(b"\n\r\n\r\n" * 3000 + GOOD, b"[3.0]")
    assert received.startswith(b"HTTP/1.1 200")
    assert "Error" not in server.log()


def test_a_tunnel_is_refused(server):
    assert b" 400 " in server.ask(b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", b"}")


def test_http_1_0_needs_no_host_and_is_closed_after_the_answer(server):
    assert server.ask(b"GET /livez HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "asked",
    [b"GET /livez HTTP/1.0\r\n", GOOD.partition(b"\r\n\r\n")[0].replace(b"1.1", b"1.0") + b"\r\n"],
)
def test_http_1_0_goes_on_where_the_client_wishes_it(server, asked):
    """It is told so, as `ab -k` wants it, and closed once it says no more."""
    body = BODY if asked.startswith(b"POST") else b""
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(asked + b"Connection: Keep-Alive\r\n\r\n" + body)
            head = read_one(sock)
            assert head.startswith(b"HTTP/1.1 200")
            assert b"connection: keep-alive" in head.lower()
            assert b"connection: close" not in head.lower()
        sock.sendall(asked + b"\r\n" + body)
        assert read_one(sock).lower().count(b"connection: close") == 1
        assert sock.recv(1) == b""


def read_one(sock):
    """One answer's head; its body, as long as that says, is read as well."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += sock.recv(1)
    length = int(received.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while length:
        length -= len(sock.recv(length))
    return received


@pytest.fixture(scope="module")
def hasty(make_server):
    """A server that gives its clients half a second."""
    return make_server(limits={"receive_timeout": 0.5, "keep_alive": 0.5})


def drip(server, raw, times=600):
    """Send `raw`, then one byte again and again, until the server has had enough."""
    with server.connect() as sock:
        sock.sendall(raw)
        sock.settimeout(0.1)
        for _ in range(times):
            try:
                answer = sock.recv(1000)
            except TimeoutError:
                sock.sendall(b"a")
                continue
            except ConnectionResetError:
                return b""
            return answer
    pytest.fail("The server never cut it.")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"GET /", b"408"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ", b"408"),
        (POST + b"Content-Length: 1000\r\n\r\n", b"408"),
        (GOOD + b"GET /livez HTTP/1.1\r\nX: ", b"200"),
    ],
)
def test_a_client_that_drips_is_cut(hasty, raw, said):
    assert said in drip(hasty, raw)


@pytest.mark.parametrize("begin", [b"\r\n", GOOD])
def test_blank_lines_keep_nobody_connected(hasty, begin):
    with hasty.connect() as sock:
        sock.sendall(begin)
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            feed(sock, b"\r\n", 600, 0.1)


def test_a_connection_that_says_nothing_is_closed(hasty):
    with hasty.connect() as sock:
        assert sock.recv(100) == b""


def test_an_answer_may_take_longer_than_the_request_had_to_arrive(hasty):
    """Whoever sends the body behind the head, as `urllib` does, and asks for nothing more."""
    body = b'{"instances": [[-6, 0]]}'
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    try:
        with hasty.connect() as sock:
            sock.sendall(head)
            time.sleep(0.1)  # so that it comes as two pieces; in one it passed before
            sock.sendall(body)
            wait_until(hasty.begun.exists)
            assert not select.select([sock], [], [], 1.0)[0]  # twice the deadline
            hasty.gate.touch()
            assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    finally:
        hasty.gate.touch()
        wait_until(lambda: hasty.in_flight() == 0)
        hasty.close_gate()


def test_a_body_that_comes_fast_enough_may_take_longer_than_the_deadline(hasty):
    size = 1 << 20
    with hasty.connect() as sock:
        sock.sendall(POST + b"Content-Type: image/png\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(16):
            sock.sendall(b" " * (size // 16))
            time.sleep(0.06)
        assert sock.recv(100).startswith(b"HTTP/1.1 415")


def test_a_client_that_never_reads_is_cut(make_server):
    server = make_server(limits={"receive_timeout": 0.3}, max_rows=1_000_000)
    rows = b",".join([b"[1.234567890123456,0]"] * 400_000)
    body = b'{"instances": [' + rows + b"]}"
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        server.access()  # it was answered
        assert server.connections() == 1
        while server.connections():
            time.sleep(0.1)


def test_clients_that_never_read_are_cut_before_their_answers_fill_the_memory(make_server):
    server = make_server(
        limits={"max_in_flight": 5 << 20}, max_rows=230_000, batch={"max_batch_size": 1 << 14}
    )
    # An answer of 4.1 MB: the kernel may take 3 MB of it.
    rows = b",".join([b"[1.234567890123456,0]"] * 230_000)
    body = b'{"instances": [' + rows + b"]}"
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            assert poll.poll(90_000), "it begins to be answered"
        while server.connections() > 8:
            time.sleep(0.05)
        assert server.connections() > 0
    assert server.post([[1, 2]]).status_code == 200


@pytest.mark.parametrize(("request_", "clients", "mebibytes"), [(GOOD, 1, 12), (LIVE, 20, 30)])
def test_requests_that_wait_on_a_connection_do_not_fill_the_memory(
    make_server, request_, clients, mebibytes
):
    """Their answers are not read: no more are read than may wait, nor parsed of what was read."""
    server = make_server(limits={"receive_timeout": 1}, workers=1)
    front = next(pid for pid in children(server.process.pid) if holds_listener(pid, server))
    before = peak(front)
    with contextlib.ExitStack() as stack:
        for _ in range(clients):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            sock.settimeout(2)
            with contextlib.suppress(OSError):  # it is cut, or no more is taken
                for _ in range(30_000 // clients // 1000):
                    sock.sendall(request_ * 1000)
        assert server.post([[1, 2]]).status_code == 200
    assert peak(front) - before < mebibytes << 10


@pytest.mark.parametrize("request_", [GOOD, LIVE])
def test_every_one_of_many_requests_on_a_connection_is_answered(make_server, request_):
    """Also of those that were kept until others were answered, in whatever pieces they came."""
    server = make_server(workers=1)
    many = (request_ * 100 + GOOD + LIVE) * 5
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
        for start in range(0, len(many), 4001):
            sock.sendall(many[start : start + 4001])
        received = b""
        while received.count(b"HTTP/1.1 200") < 510 or received.count(b"[3.0]") < many.count(BODY):
            piece = sock.recv(1 << 16)
            assert piece, received[-500:]
            received += piece
    assert received.count(b"HTTP/1.1 ") == 510


def peak(pid):
    """The most memory that a process has had, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
