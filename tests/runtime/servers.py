"""Real servers on loopback: how to start them, and what tests ask them."""

import atexit
import contextlib
import dataclasses
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from modelbundle.runtime.manifests.bundle_manifest import bundle_digest

from ..warm_process import warm_process

# What the processes of any server import.
IMPORTED = (
    "server", "process.starting", "http.app", "process.workers.front_server",
    "process.workers.supervisor_link", "process.workers.template", "frameworks.generic",
)  # fmt: skip


def wait_until(claim):
    """Until `claim()` is true; the time is a bound for a hang, on a machine that is busy."""
    deadline, pause = time.monotonic() + 90, 0.01
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(pause)
        pause = min(1.5 * pause, 0.1)  # who looks takes from what little a busy machine has


@dataclasses.dataclass
class Running:
    """A server process and how to talk to it."""

    process: subprocess.Popen
    port: int
    stdout: Path
    stderr: Path
    bundle: Path = Path()
    gate: Path = Path()  # once it exists, no model is kept from going on

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def log(self):
        return self.stderr.read_text()

    def access(self, is_enough=bool):
        """The lines of its log, once they are enough: they are written a tenth of a second late."""
        lines, deadline = [], time.monotonic() + 30
        while not is_enough(lines):
            assert time.monotonic() < deadline, lines
            time.sleep(0.02)
            whole = self.stdout.read_text().rpartition("\n")[0]
            lines = [json.loads(line) for line in whole.splitlines()]
        return lines

    def noted(self, name, count=1):
        """The lines of requests with that id, once there are so many."""

        def of_it(lines):
            return [line for line in lines if line["id"] == name]

        return of_it(self.access(lambda lines: len(of_it(lines)) >= count))

    def client(self, **more):
        # Without TLS there is nothing to verify, and what would takes 13 ms to be made.
        return httpx.Client(base_url=self.url, timeout=90, trust_env=False, verify=False, **more)

    def get(self, path):
        return httpx.get(self.url + path, timeout=90, trust_env=False, verify=False)

    def post(self, instances, path="/predict", **more):
        return httpx.post(
            self.url + path,
            json={"instances": instances},
            timeout=90,
            trust_env=False,
            verify=False,
            **more,
        )

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(90)

    @contextlib.contextmanager
    def holding(self, count=1):
        """Requests with which a model does not come to an end until the block does.

        All have come when it begins, and the model has begun with one; what was answered, or that
        the connection broke, stands in the list once it is over.
        """
        answers = []
        threads = [threading.Thread(target=self._held, args=(answers,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            wait_until(self.begun.exists)
            wait_until(lambda: self.in_flight() >= count)
            yield answers
        finally:
            self.gate.touch()
            for thread in threads:
                thread.join()
            self.close_gate()

    @property
    def begun(self):
        """A file that is there once a model has begun with what it holds."""
        return self.gate.with_name(self.gate.name + ".begun")

    def close_gate(self):
        """Have models hold what begins with -6 again."""
        for path in (self.gate, self.begun):
            path.unlink(missing_ok=True)

    def _held(self, answers):
        try:
            answers.append(self.post([[-6, 1]]))
        except httpx.TransportError as error:
            answers.append(error)

    def in_flight(self):
        """How many requests are being answered, beside the one that asks for that."""
        line = re.search(
            r"^bundle_in_flight_requests (\S+)$", self.get("/metrics").text, re.MULTILINE
        )
        return float(line.group(1)) - 1

    def connections(self):
        """How many of its clients' connections it has not closed."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        ends = [line.split()[1:4] for line in lines]
        own = f":{self.port:04X}"
        return sum(local.endswith(own) and state == "01" for local, _, state in ends)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=90)

    def ask(self, raw, until=b""):
        """What the server says to `raw` bytes until it has said `until`, or closes."""
        with self.connect() as sock:
            sock.sendall(raw)
            received = b""
            while not (until and until in received) and (data := sock.recv(1 << 16)):
                received += data
            return received


def _ports():
    """Ports that no kernel hands out by itself, and no other process of tests on this machine."""
    for number in range(SLICES):
        mine = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):  # another has this slice for as long as it runs
            mine.bind(f"\0modelbundle-tests-{number}")
            atexit.register(mine.close)
            first = 10_240 + number * SLICE
            return itertools.cycle(range(first, first + SLICE))
        mine.close()
    raise AssertionError


SLICES, SLICE = 64, 352  # a port whose server has closed a connection is not free for a minute
_PORTS = _ports()


def free_port():
    """One that is still free when it is listened on: whoever asks for any port gets another."""
    for port in _PORTS:
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    return None


def is_ready(running):
    try:
        return running.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def start_python(line, out, err, environment, cwd, passed):
    """A Python process: forked from a warm one, unless its environment is for a fresh one."""
    environment = {name: str(value) for name, value in environment.items()}
    warm = warm_process(*(f"modelbundle.runtime.{name}" for name in IMPORTED))
    if warm.takes(environment):
        with Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), out.fileno(), err.fileno()]
            return warm.start(
                line, cwd=cwd, environment=environment, streams=streams, passed=passed
            )
    return subprocess.Popen(
        [sys.executable, *line], stdout=out, stderr=err, env=environment, cwd=cwd, pass_fds=passed
    )


class Servers:
    """Starts servers, and ends them with the test."""

    def __init__(self, directory):
        self.directory = directory
        self.running = []

    def start(self, bundle, *options, wait=True, trusted=True, env=None, listener=None):
        """A server; with a `listener` that another may have as well, it can be taken over from."""
        port = free_port() if listener is None else listener.getsockname()[1]
        number = len(self.running)
        stdout, stderr = (self.directory / f"{number}.{name}" for name in ("out", "err"))
        variables = os.environ | (env or {})
        gate = variables["GATE"] = str(self.directory / f"{number}.gate")
        if trusted:
            variables["BUNDLE_TRUST"] = bundle_digest(bundle)
        if listener is not None:
            told = json.loads(variables.get("BUNDLE_HANDOVER", "{}"))
            variables["BUNDLE_HANDOVER"] = json.dumps(told | {"listener": listener.fileno()})
        line = ["-m", "modelbundle.runtime", bundle, f"--port={port}", *options]
        passed = [] if listener is None else [listener.fileno()]
        with stdout.open("wb") as out, stderr.open("wb") as err:
            process = start_python(line, out, err, variables, self.directory, passed)
        running = Running(process, port, stdout, stderr, bundle, Path(gate))
        self.running.append(running)
        if wait:
            self.await_ready(running)
        return running

    def await_ready(self, running):
        while not is_ready(running):
            assert running.process.poll() is None, running.log()
            time.sleep(0.02)
        assert running.process.poll() is None, "it is another that answers"

    def stop(self):
        for running in self.running:
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()
