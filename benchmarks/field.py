"""The field: MLServer, KServe and PyTriton with a model that adds up rows, beside a bundle.

What `v2_way.py` and `grpc_way.py` share. Each server has its gRPC port behind its HTTP port.
"""

import contextlib
import json
import os
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.tests.runtime.conftest import Sums, write_bundle, write_model

PEERS = Path(__file__).parent / "peers"
PORTS = {"mlserver": 21310, "kserve": 21320, "pytriton": 21330}


def bundle(directory, size, **serve):
    """A bundle of the same model, for rows of `size` numbers."""
    inputs = Side("array", (Field("input", "float32", (None, size)),))
    outputs = Side("array", (Field("output", "float32", (None,)),))
    write_model(directory / "models" / "sums", Sums(), inputs=inputs, outputs=outputs)
    return write_bundle(directory, serve={"workers": 1} | serve)


def add_arguments(parser):
    """The interpreters of the peers' environments, and what all measurements need."""
    for name in PORTS:
        parser.add_argument(f"--{name}", metavar="PYTHON")
    parser.add_argument("--size", type=int, default=4, help="numbers in a row")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)


@contextmanager
def peers(given, home):
    """The peers that were asked for, all up: their HTTP ports and processes by name."""
    started = {name: _start(command) for name, command in _commands(given, home).items()}
    try:
        for name in started:
            _wait(PORTS[name])
        yield {name: (PORTS[name], peer.pid) for name, peer in started.items()}
    finally:
        for peer in started.values():
            os.killpg(peer.pid, 15)
        for peer in started.values():
            peer.wait()


def _commands(given, home):
    settings = {"host": "127.0.0.1", "http_port": PORTS["mlserver"], "parallel_workers": 0}
    settings |= {"grpc_port": PORTS["mlserver"] + 1, "metrics_port": PORTS["mlserver"] + 2}
    settings |= {"grpc_max_message_length": 1 << 27}
    model = {"name": "sums", "implementation": "v2_mlserver.Sums"}
    model |= {"max_batch_size": 64, "max_batch_time": 0.001}
    (home / "settings.json").write_text(json.dumps(settings))
    (home / "model-settings.json").write_text(json.dumps(model))
    made = {
        "mlserver": [Path(given.mlserver or "x").with_name("mlserver"), "start", home],
        "kserve": [given.kserve, PEERS / "v2_kserve.py", PORTS["kserve"]],
        "pytriton": [given.pytriton, PEERS / "v2_pytriton.py", PORTS["pytriton"], given.size],
    }
    return {name: command for name, command in made.items() if getattr(given, name)}


def _start(command):
    environment = os.environ | {"PYTHONPATH": str(PEERS), "NO_PROXY": "*"}
    return subprocess.Popen(
        list(map(str, command)),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait(port):
    """Until the model answers."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            url = f"http://127.0.0.1:{port}/v2/models/sums/ready"
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise SystemExit(f"Nobody answers on {port}.")


def _tree(pid):
    """A process and all that it has started."""
    pids = [pid]
    for each in pids:
        for task in Path(f"/proc/{each}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that has ended meanwhile
                pids += map(int, (task / "children").read_text().split())
    return pids


def spent(pid):
    """CPU seconds of a process and its children."""
    ticks = 0
    for each in _tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def compare(given, asked, ask):
    """Ask each in turn, round after round, and print the medians.

    `asked` has a port and a process for each name; `ask(name, port)` answers how many requests
    were answered, how many that is a second, and their median latency in seconds.
    """
    seen = {name: [] for name in asked}
    for number in range(given.rounds + 1):
        for name, (port, pid) in asked.items():
            before = spent(pid)
            count, rate, latency = ask(name, port)
            if number:  # the first one is to warm up
                seen[name].append((rate, latency, 1000 * (spent(pid) - before) / count))
    for name, rounds in seen.items():
        rate, latency, cost = (median(each) for each in zip(*rounds, strict=True))
        spoken = f"p50 {1000 * latency:7.2f} ms  {cost:.3f} CPU s / 1000"
        print(f"{name:9} {rate:8.0f} requests/s  {spoken}", flush=True)
