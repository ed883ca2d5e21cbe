"""Real bundles, written by hand, and real servers on loopback."""

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
import numpy as np
import pytest

from modelbundle.runtime import digest
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.frameworks.generic import Generic
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest, bundle_digest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side, Signature

MATRIX = Side("array", (Field("input", "float64", (None, 2)),))
VECTOR = Side("array", (Field("output", "float64", (None,)),))


class Sums:
    """Adds up rows; a first number below zero stands for trouble."""

    def predict(self, rows):
        import os
        import time
        from pathlib import Path

        first = rows[:, 0]
        if (first == -1).any():
            raise ValueError("a secret path: /etc/passwd")
        if (first == -2).any():
            time.sleep(0.5)
        if (first == -3).any():
            os.abort()
        if (first == -4).any():
            return rows.sum(axis=1) * float("nan")
        if (first == -6).any():
            gate = Path(os.environ["GATE"])
            gate.with_name(gate.name + ".begun").touch()
            while not gate.exists():
                time.sleep(0.005)
        return rows.sum(axis=1)


def entries(directory):
    return tuple(
        FileEntry(path.relative_to(directory).as_posix(), digest.of_file(path), path.stat().st_size)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "bundle.json"
    )


def write_model(directory, model, *, inputs=MATRIX, outputs=VECTOR, sample=(), batchable=True):
    """A model directory as `bundle save` leaves it."""
    (directory / "samples").mkdir(parents=True)
    framework = Generic()
    saved = framework.save(model, directory, {})
    samples = {}
    if sample:
        answers = tuple(float(np.sum(row)) for row in sample)
        path = directory / "samples" / "predict.json"
        path.write_bytes(Samples("predict", tuple(sample), answers).encode())
        samples = {"predict": "samples/predict.json"}
    manifest = ModelManifest(
        framework="generic",
        loader="modelbundle.runtime.frameworks.generic:Generic",
        format=saved.format,
        python="3.11.7",
        packages={},
        methods={"predict": Signature(inputs, outputs, batchable)},
        files=entries(directory),
        executes_code=True,
        globals={"model.pkl": ("builtins.print",)},
        samples=samples,
    )
    (directory / "model.json").write_bytes(manifest.encode())
    return manifest


def write_bundle(
    directory, *, models=("sums",), service=None, routes=None, serve=None, lazy=(), **more
):
    """A bundle directory around the models that stand in `directory/models`."""
    listed = []
    for alias in models:
        path = directory / "models" / alias / "model.json"
        identity = digest.of_file(path)
        entry = ModelEntry(alias, alias, identity[7:19], identity, "generic", True)
        idle = lazy[alias] if isinstance(lazy, dict) and alias in lazy else 0.0
        listed.append(dataclasses.replace(entry, is_lazy=alias in lazy, unload_after=idle))
    if routes is None:
        routes = [Route("/predict", "predict", model=models[0])]
    manifest = BundleManifest(
        name="demo",
        version=None,
        description="Adds up <b>rows</b>.",
        labels={},
        models=tuple(listed),
        service=service,
        routes=tuple(routes),
        files=entries(directory),
        python="3.11",
        lock=None,
        hermetic=False,
        accelerator={"kind": "auto"},
        serve=serve or {},
        security={"pickle": "allow"},
        image={},
        packer="test",
    )
    (directory / "bundle.json").write_bytes(dataclasses.replace(manifest, **more).encode())
    return directory


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


SLICES, SLICE = 512, 44
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
        with stdout.open("wb") as out, stderr.open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "modelbundle.runtime", bundle, f"--port={port}", *options],
                stdout=out,
                stderr=err,
                env=variables,
                cwd=self.directory,
                pass_fds=() if listener is None else [listener.fileno()],
            )
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


@pytest.fixture
def servers(tmp_path_factory):
    """Start servers of bundles: `servers.start(bundle, "--workers=2")`."""
    started = Servers(tmp_path_factory.mktemp("servers"))
    yield started
    started.stop()


def make_sums(directory, **serve):
    """A bundle of one model that adds up rows of two numbers."""
    write_model(directory / "models" / "sums", Sums(), sample=[[1.0, 2.0], [3.0, 4.0]])
    return write_bundle(directory, serve=serve)


@pytest.fixture
def sums(tmp_path):
    """A bundle of one model that adds up rows; `sums(port=1)` with settings."""
    return lambda **serve: make_sums(tmp_path, **serve)


class Broken:
    """Cannot be unpickled."""

    def __reduce__(self):
        return (int, ("not a number",))


class Slow(Sums):
    """Is loaded once the gate of its server is open."""

    def __reduce__(self):
        return (_slowly, (type(self).__mro__[1],))


def _slowly(cls):
    import os
    import time
    from pathlib import Path

    while not Path(os.environ["GATE"]).exists():
        time.sleep(0.01)
    return cls()


@pytest.fixture
def broken():
    """A model that cannot be loaded."""
    return Broken()


@pytest.fixture
def slow():
    """A model that is loaded once there is a `gate` of its server."""
    return Slow()


@pytest.fixture
def make_bundle(tmp_path):
    """A bundle of one model, called `sums`."""

    def make(model, **serve):
        write_model(tmp_path / "models" / "sums", model)
        return write_bundle(tmp_path, serve=serve)

    return make


@pytest.fixture(scope="module")
def make_server(tmp_path_factory):
    """Start servers of `sums` for all tests of a module: `make_server(port=1)`."""
    started = Servers(tmp_path_factory.mktemp("servers"))

    def make(**serve):
        return started.start(make_sums(tmp_path_factory.mktemp("sums"), **serve))

    yield make
    started.stop()


@pytest.fixture(scope="module")
def server(make_server):
    """One server of `sums` for all tests of a module."""
    return make_server()


@pytest.fixture
def in_threads():
    """Call a function with each of many arguments at once."""

    def run(function, arguments):
        results = [None] * len(arguments)

        def work(position, argument):
            results[position] = function(argument)

        threads = [threading.Thread(target=work, args=pair) for pair in enumerate(arguments)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run
