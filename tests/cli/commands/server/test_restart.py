"""`bundle restart`: what a tag now names takes over, and nobody notices."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelbundle.bundler.serving.running import RunningServer

ROWS = {"instances": [[1.0, 2.0]]}
TWICE = {"predictions": [[2.0, 4.0]]}
THRICE = {"predictions": [[3.0, 6.0]]}


def triple(project):
    """The next version of the model."""
    source = project / "train.py"
    source.write_text(source.read_text().replace("2 * number", "3 * number"))


@pytest.fixture
def served(double, serving):
    """The model `double`, served by its name."""
    with serving("model:double") as server:
        yield server


class Asking:
    """Keeps connections until told otherwise, never asks twice, and counts what goes wrong."""

    BODY = b'{"instances": [[1.0, 2.0]]}'
    REQUEST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY

    def __init__(self, url):
        self.port = int(url.rpartition(":")[2])
        self.answers = []
        self.failures = []
        self.is_over = False

    def call(self):
        while not self.is_over:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 30) as sock:
                    self.use(sock)
            except OSError as error:
                self.failures.append(repr(error))
                return

    def use(self, sock):
        received = b""
        while not self.is_over and b"connection: close" not in received:
            sock.sendall(self.REQUEST)
            received = b""
            while not received.endswith(b"}"):
                data = sock.recv(1 << 16)
                if not data:
                    raise ConnectionError(f"closed after {received!r}")
                received += data
            head, _, body = received.partition(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                self.failures.append(received)
            self.answers.append(body)
            time.sleep(0.02)


@contextmanager
def asking(url, count=4):
    asked = Asking(url)
    threads = [threading.Thread(target=asked.call) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        asked.is_over = True
        for thread in threads:
            thread.join()


def test_the_newest_version_takes_over_with_no_request_lost(served, bundle, plain):
    assert served.post("/predict", ROWS) == TWICE
    triple(plain)
    with asking(served.url) as asked:
        saved = bundle("save", "double", "train:model", "--sample", "sample.json", "--json").json
        done = bundle("restart", "--json").json
        answered = len(asked.answers)
        assert served.post("/predict", ROWS) == THRICE
        bundle("restart", "double")
    assert asked.failures == []
    kinds = {body.replace(b".0", b"") for body in asked.answers}
    assert kinds == {b'{"predictions":[[2,4]]}', b'{"predictions":[[3,6]]}'}
    assert b"3" in asked.answers[-1]
    assert answered < len(asked.answers)
    assert list(done)[:2] == ["tag", "digest"]
    assert done["tag"] == saved["tag"]
    assert done["before"]["tag"] != saved["tag"]
    assert done["url"] == served.url
    assert done["pid"] == served.process.pid == served.ready["pid"]


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(served, bundle, plain):
    (plain / "train.py").write_text(
        "class Breaks:\n"
        "    def predict(self, rows):\n        return rows\n"
        "    def __setstate__(self, state):\n        raise ValueError('too old')\n"
        "model = Breaks()\nmodel.size = 1\n"
    )
    bundle("save", "double", "train:model")
    failed = bundle("restart", code=1)
    assert failed.err.count("error: ") == 1
    assert "The restart failed, and the old server goes on: " in failed.err
    assert "too old" in failed.err
    assert served.post("/predict", ROWS) == TWICE
    assert served.process.poll() is None


def test_a_target_that_is_gone_leaves_the_old_one_serving(served, bundle):
    bundle("models", "delete", "-y", served.ready["tag"])
    failed = bundle("restart", "--json", code=1)
    assert "the old server goes on" in failed.json["error"]
    assert served.post("/predict", ROWS) == TWICE


def test_sighup_is_the_same(served, bundle, plain, eventually):
    triple(plain)
    bundle("save", "double", "train:model", "--sample", "sample.json")
    served.process.send_signal(signal.SIGHUP)
    eventually(lambda: served.post("/predict", ROWS) == THRICE)
    assert served.stop() == 0


STOPPED_WHILE_IT_STARTS = """
import os
import signal

from modelbundle.cli.main import main
from modelbundle.cli.serving import process

start = process.start


def interrupted(*given, **more):
    os.kill(os.getpid(), signal.SIGTERM)
    return start(*given, **more)


process.start = interrupted
main()
"""


def test_who_is_told_to_stop_while_the_next_server_is_started_ends(shop):
    """The first is a fork; only a successor is another program."""
    arguments = ["serve", "twice", "--env=current", "--port=0", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED_WHILE_IT_STARTS, *arguments],
        cwd=shop.project,
        env=os.environ | {"BUNDLE_HOME": str(shop.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        try:
            process.communicate(timeout=90)
        finally:
            process.kill()
    assert process.returncode == 0


def test_a_restart_that_is_asked_for_during_another_follows_it(served, home, eventually):
    def record():
        (path,) = (home / "run").glob("*.json")
        return json.loads(path.read_text())

    served.process.send_signal(signal.SIGHUP)
    eventually(lambda: record()["state"] == "restarting")
    for _ in range(2):
        served.process.send_signal(signal.SIGHUP)
    eventually(lambda: record()["attempts"] == 2)
    assert served.post("/predict", ROWS) == TWICE
    assert record()["attempts"] == 2


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_server_that_is_told_to_stop_is_not_restarted_once_more(served, home, eventually):
    """Two restarts were asked for, the second during the first; then the end."""

    def state():
        (path,) = (home / "run").glob("*.json")
        return json.loads(path.read_text())["state"]

    served.process.send_signal(signal.SIGHUP)
    eventually(lambda: state() == "restarting")
    served.process.send_signal(signal.SIGHUP)
    eventually(lambda: len(children(served.process.pid)) == 2)
    assert served.stop() == 0
    assert "failed" not in "".join(served.talk)


def port_of(server):
    return server.url.rpartition(":")[2]


def test_without_a_server_it_says_so(bundle):
    missing = bundle("restart", code=1)
    assert missing.err.startswith("error: No `bundle serve` of yours is running.")
    assert "bundle serve TAG" in missing.err
    assert "bundle serve TAG" in bundle("restart", "8080", code=1).err
    assert "bundle serve fraud" in bundle("restart", "fraud", code=1).err


def test_a_server_goes_by_many_names_and_between_several_one_must_be_given(
    served, serving, bundle, home
):
    pid, tag = served.ready["pid"], served.ready["tag"]
    for name in (None, port_of(served), str(pid), tag, "model:double", "double"):
        assert RunningServer.find(home, name).url == served.url
    with serving("model:double") as other:
        many = bundle("restart", code=1)
        assert "2 servers are running" in many.err
        assert "`bundle restart " in many.err
        unknown = bundle("restart", "nobody", code=1)
        assert "No server answers to `nobody`" in unknown.err
        for server in (served, other):
            assert RunningServer.find(home, port_of(server)).url == server.url
        assert bundle("restart", port_of(other), "--json").json["url"] == other.url


def test_a_server_that_has_ended_leaves_no_trace_and_a_killed_one_is_not_taken_for_alive(
    double, serving, bundle
):
    run = Path(os.environ["BUNDLE_HOME"]) / "run"
    with serving("model:double") as server:
        assert len(list(run.iterdir())) == 1
        server.stop()
    assert list(run.iterdir()) == []
    with serving("model:double") as server:
        server.process.kill()
        server.process.wait()
    bundle("restart", code=1)
    assert list(run.iterdir()) == []
