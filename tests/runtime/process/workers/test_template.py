"""Processes that share a model: forked from one that has loaded it."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ...conftest import wait_until
from ..watched import alive, children, holds_listener, metric, readiness

SIZE = 64_000_000  # bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are adopted on Linux only")


class Large:
    """Carries what is in no file that could be mapped."""

    def __init__(self):
        self.text = b"a" * SIZE

    def predict(self, rows):
        import os

        if (rows[:, 0] == -3).any():
            os.abort()
        return rows.sum(axis=1) + self.text.count(b"b")


class Threaded:
    """Starts a thread when it is loaded, as some libraries do."""

    def __setstate__(self, state):
        import time

        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()

    def __getstate__(self):
        return {"some": "state"}

    def predict(self, rows):
        return rows.sum(axis=1)


def pss(pid):
    """Kibibytes, each shared page counted in parts."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def models(server):
    """Template and model processes, the template first: it was forked first."""
    return sorted(pid for pid in children(server.process.pid) if not holds_listener(pid, server))


@pytest.fixture
def two(sums, servers):
    server = servers.start(sums(), "--workers=2")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    return server


def test_two_models_take_the_memory_of_one(make_bundle, servers):
    server = servers.start(make_bundle(Large()), "--workers=2")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    found = models(server)
    assert len(found) == 3
    assert server.post([[1, 2]]).json() == {"predictions": [3.0]}
    together = sum(map(pss, found))
    assert together < 2 * SIZE / 1024, "a second copy would be as much again beside Python itself"


def test_a_crash_is_mended_by_a_fork_of_the_supervisors_own(two):
    template, *before = models(two)
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: before[0] not in models(two) and len(models(two)) == 3)
    assert template in models(two)
    for number in range(20):
        assert two.post([[number, 1]]).json() == {"predictions": [number + 1.0]}
    assert "was killed by SIGKILL" in two.log()


def test_without_its_template_everything_goes_on(two):
    template, *before = models(two)
    os.kill(template, signal.SIGKILL)
    wait_until(lambda: template not in models(two) and len(models(two)) == 3)
    assert set(before) < set(models(two))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(before) & set(models(two)) and len(models(two)) == 3)
    wait_until(lambda: readiness(two) == (200, None))
    assert two.post([[1, 2]]).json() == {"predictions": [3.0]}


def test_a_template_and_its_models_that_die_at_once_are_replaced(two):
    before = models(two)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(before) & set(models(two)) and len(models(two)) == 3)
    wait_until(lambda: metric(two, "bundle_ready_workers") == 2)
    for number in range(20):
        assert two.post([[number, 1]]).json() == {"predictions": [number + 1.0]}


def test_a_model_that_has_threads_is_not_forked(make_bundle, servers):
    server = servers.start(make_bundle(Threaded()), "--workers=2")
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    assert len(models(server)) == 2
    assert "each process loads it by itself" in server.log()
    assert server.post([[1, 2]]).json() == {"predictions": [3.0]}


def test_a_front_that_dies_gets_new_models_from_the_template(two):
    before = set(children(two.process.pid))
    template = models(two)[0]
    front = next(pid for pid in before if holds_listener(pid, two))
    os.kill(front, signal.SIGKILL)
    wait_until(lambda: front not in children(two.process.pid))
    wait_until(lambda: metric(two, "bundle_ready_workers") == 2)
    now = set(children(two.process.pid))
    assert template in now
    assert len(now) == len(before)
    assert len(now - before) == 2, "a front and its model"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_of_them_end_with_their_supervisor(two, number):
    everybody = children(two.process.pid)
    assert len(everybody) == 5
    two.process.send_signal(number)
    two.process.wait(90)
    wait_until(lambda: not any(alive(pid) for pid in everybody))


def test_a_restart_replaces_template_and_models(two, callers):
    before = set(children(two.process.pid))
    with callers(two, 8) as asked:
        os.kill(two.process.pid, signal.SIGHUP)
        wait_until(lambda: len(now := set(children(two.process.pid))) == 5 and not now & before)
    assert asked.failures == []
    assert asked.answered > 50


def test_a_template_that_does_not_fork_is_ended_and_keeps_nobody_waiting(
    sums, servers, tmp_path_factory
):
    hurry = tmp_path_factory.mktemp("hurry")  # a patience that tests have, too
    patience = "from modelbundle.runtime.process.crew import process_table as t\nt.FORK_TIMEOUT = t.FORK_SLACK = 0.2\n"
    (hurry / "sitecustomize.py").write_text(patience)
    server = servers.start(sums(), "--workers=2", env={"PYTHONPATH": str(hurry)})
    wait_until(lambda: metric(server, "bundle_ready_workers") == 2)
    template, *before = models(server)
    os.kill(template, signal.SIGSTOP)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    for number in range(20):
        assert server.post([[number, 1]]).json() == {"predictions": [number + 1.0]}
    wait_until(lambda: template not in models(server) and len(models(server)) == 3)
    assert "does not fork: it is ended" in server.log()


DYING = """
import json
import os
import signal
import socket
from types import SimpleNamespace

from modelbundle.runtime.system.prctl import adopt_orphans
from modelbundle.runtime.process.workers.template import Template
from modelbundle.runtime.remote.channel import Channel


class Dying(socket.socket):
    def send(self, data):
        os.kill(os.getpid(), signal.SIGKILL)


adopt_orphans()
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
told, teller = os.pipe()
if os.fork() == 0:
    os.close(told)
    os.close(teller)
    line = Dying(fileno=theirs.detach())
    Template(line, SimpleNamespace(call=None), lambda: None).fork()
channel = Channel.create()
asked = json.dumps({"fork_id": 1, "generation": 1}).encode()
socket.send_fds(ours, [asked], [teller, os.dup(2), *channel.descriptors])
os.close(teller)
print(os.read(told, 100), sorted(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)))
"""


def test_whoever_is_forked_by_a_template_that_dies_before_it_tells_so_serves_nobody():
    command = [sys.executable, "-c", DYING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "b'' [-9, 1]\n", done.stderr


FULL = """
import json
import os
import resource
import socket

from modelbundle.runtime.process.workers.template import Template

ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
template = Template(theirs, None, lambda: None)
if os.getuid() == 0:
    os.setuid(65534)  # nobody keeps root from starting more
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
before = os.listdir("/proc/self/fd")
for fork_id in range(3):
    asked = json.dumps({"fork_id": fork_id, "generation": 1}).encode()
    socket.send_fds(ours, [asked], [2, 2])
    template.fork()
    print(json.loads(ours.recv(100)))
assert os.listdir("/proc/self/fd") == before
"""


def test_where_there_may_be_no_more_processes_a_template_says_so_and_keeps_no_descriptor():
    command = [sys.executable, "-c", FULL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    told = [str({"fork_id": fork_id, "errno": errno.EAGAIN}) for fork_id in range(3)]
    assert done.stdout.splitlines() == told, done.stderr
    assert done.returncode == 0, done.stderr
