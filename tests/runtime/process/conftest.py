"""Clients that ask without end and never ask twice."""

import socket
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ..conftest import Servers, wait_until

BODY = b'{"instances": [[1, 2]]}'
PAUSE = 0.002  # s, so that whoever is to answer gets more of a core than who asks
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


class Callers:
    """Each keeps its connection until told otherwise; whatever goes wrong is a failure."""

    def __init__(self, server, count, rows):
        body = BODY.replace(b"[1, 2]", b",".join([b"[1, 2]"] * rows))
        self._request = HEAD % len(body) + body
        self._expected = b"[" + b",".join([b"3.0"] * rows) + b"]"
        self.answered = 0
        self.failures = []
        self._server = server
        self._is_over = False
        self._threads = [threading.Thread(target=self._call) for _ in range(count)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._is_over = True
        for thread in self._threads:
            thread.join()

    def _call(self):
        while not self._is_over:
            try:
                with self._server.connect() as sock:
                    self._use(sock)
            except OSError as error:
                self.failures.append(repr(error))
                return

    def _use(self, sock):
        received = b""
        while not self._is_over and b"connection: close" not in received:
            sock.sendall(self._request)
            received = b""
            while b"}" not in received:
                data = sock.recv(1 << 16)
                if not data:
                    raise ConnectionError(f"closed after {received!r}")
                received += data
            if self._expected not in received:
                self.failures.append(received)
            self.answered += 1
            time.sleep(PAUSE)


class Traffic:
    """Asks for a model without end; what is not a 200 is a failure."""

    def __init__(self, server, alias):
        self.answered = 0
        self.failures = []
        self._is_over = False
        self._thread = threading.Thread(target=self._ask, args=(server, alias))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        self._thread.join()

    def _ask(self, server, alias):
        with server.client() as client:
            while not self._is_over:
                row = [self.answered % 1000, 1]
                answer = client.post(f"/{alias}/predict", json={"instances": [row]})
                if answer.json() != {"predictions": [row[0] + 1.0]}:
                    self.failures.append(answer.text)
                self.answered += 1
                time.sleep(PAUSE)


@pytest.fixture
def callers():
    """Ask a server from many connections for as long as a block runs."""

    @contextmanager
    def asking(server, count, rows=1):
        asked = Callers(server, count, rows)
        asked.start()
        try:
            yield asked
        finally:
            asked.stop()

    return asking


@pytest.fixture
def listener():
    """A socket for several servers, as whoever starts them holds it."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as made:
        yield made


@pytest.fixture
def unstable(tmp_path):
    """A bundle with a service; `unstable(timeout=1)` with settings."""
    from .unstable_service import make_unstable

    return partial(make_unstable, tmp_path)


@pytest.fixture(scope="module")
def common():
    """Servers that all tests of a file use: with the usual timeout, and with a short one."""
    from .unstable_service import HANGS, SOURCE, make_unstable

    with TemporaryDirectory() as directory:
        home = Path(directory)
        servers = Servers(home)
        hangs = SOURCE.replace("return self.net(rows)", HANGS)
        bundles = make_unstable(home / "usual"), make_unstable(home / "hasty", hangs, timeout=0.5)
        yield {bundle.name: servers.start(bundle) for bundle in bundles}
        servers.stop()


@pytest.fixture
def lone(common):
    """The one with the usual timeout."""
    from .unstable_service import Resumed

    return Resumed(common["usual"])


@pytest.fixture
def hasty(common):
    """One whose requests have half a second."""
    from .unstable_service import Resumed, ask

    server = Resumed(common["hasty"])
    wait_until(lambda: ask(server, "/sync", how="", n=1).status_code == 200)
    return server
