"""Binary tensors over REST: a bundle beside MLServer, KServe and PyTriton, all up at once.

    .venv/bin/python benchmarks/v2_way.py --mlserver PYTHON --kserve PYTHON --pytriton PYTHON

Each PYTHON is the interpreter of an environment with that server; one that is not given is left
out. The servers are asked in turn, round after round; printed are requests a second, the median
latency, and the CPU seconds of each server's processes for a thousand requests. The model adds up
rows in numpy, so that what is left is the servers' own.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median

import numpy as np

from modelbundle.bundler.benching.generator import Generator
from modelbundle.bundler.benching.load import Load
from modelbundle.bundler.benching.question import Question
from modelbundle.bundler.benching.tally import quantile
from modelbundle.runtime.signature import Field, Side
from modelbundle.tests.runtime.conftest import Servers, Sums, write_bundle, write_model

PEERS = Path(__file__).parent / "peers"
PATH = "/v2/models/sums/infer"
PORTS = {"mlserver": 21310, "kserve": 21320, "pytriton": 21330}


def question(size, is_binary, outputs):
    """One row; outputs as the inputs are."""
    row = np.arange(size, dtype=np.float32)
    tensor = {"name": "input", "shape": [1, size], "datatype": "FP32"}
    document = {"inputs": [tensor]}
    if not is_binary:
        tensor["data"] = row.tolist()
        return Question(json.dumps(document).encode())
    tensor["parameters"] = {"binary_data_size": row.nbytes}
    document["parameters"] = {"binary_data_output": True}
    if outputs:
        document["outputs"] = [{"name": "output", "parameters": {"binary_data": True}}]
    head = json.dumps(document).encode()
    # The generator knows one header; another stands behind it.
    kind = f"application/octet-stream\r\ninference-header-content-length: {len(head)}"
    return Question(head + row.tobytes(), kind)


def commands(given, home):
    """How each peer is started."""
    settings = {"host": "127.0.0.1", "http_port": PORTS["mlserver"], "parallel_workers": 0}
    settings |= {"grpc_port": PORTS["mlserver"] + 1, "metrics_port": PORTS["mlserver"] + 2}
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


def start(command):
    environment = os.environ | {"PYTHONPATH": str(PEERS), "NO_PROXY": "*"}
    return subprocess.Popen(
        list(map(str, command)),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait(port):
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


def tree(pid):
    """A process and all that it has started."""
    pids = [pid]
    for each in pids:
        for task in Path(f"/proc/{each}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return pids


def spent(pid):
    """CPU seconds of a process and its children."""
    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def bundle(directory, size, http="fast"):
    inputs = Side("array", (Field("input", "float32", (None, size)),))
    outputs = Side("array", (Field("output", "float32", (None,)),))
    write_model(directory / "models" / "sums", Sums(), inputs=inputs, outputs=outputs)
    return write_bundle(directory, serve={"dialects": ["native", "v2"], "workers": 1, "http": http})


def compare(given, asked):
    """Each in turn, round after round."""
    seen = {name: [] for name in asked}
    with Generator() as generator:
        for number in range(given.rounds + 1):
            for name, (port, pid) in asked.items():
                is_binary = not given.json and name != "mlserver"  # it takes JSON alone
                asks = question(given.size, is_binary, name == "kserve")
                generator.aim(("127.0.0.1", port), PATH, [asks])
                before = spent(pid)
                tally = generator.run(Load(clients=given.clients, seconds=given.seconds, warm=0))
                assert not tally.errors, (name, tally.errors)
                cost = 1000 * (spent(pid) - before) / tally.finished
                latency = quantile(tally.ok.sorted(), 0.5)
                if number:  # the first one is to warm up
                    seen[name].append((tally.finished / tally.seconds, latency, cost))
    for name, rounds in seen.items():
        rate, latency, cost = (median(each) for each in zip(*rounds, strict=True))
        spoken = f"p50 {1000 * latency:6.2f} ms  {cost:.3f} CPU s / 1000"
        print(f"{name:9} {rate:8.0f} requests/s  {spoken}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in PORTS:
        parser.add_argument(f"--{name}", metavar="PYTHON")
    parser.add_argument("--size", type=int, default=4, help="numbers in a row")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--asgi", action="store_true", help="beside the way through ASGI, too")
    parser.add_argument("--json", action="store_true", help="JSON instead of binary data")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        servers = Servers(home)
        running = servers.start(bundle(home / "bundle", given.size))
        peers = {name: start(command) for name, command in commands(given, home).items()}
        try:
            for peer in peers:
                wait(PORTS[peer])
            asked = {name: (PORTS[name], peer.pid) for name, peer in peers.items()}
            asked["bundle"] = (running.port, running.process.pid)
            if given.asgi:
                slower = servers.start(bundle(home / "asgi", given.size, "asgi"))
                asked["asgi"] = (slower.port, slower.process.pid)
            compare(given, asked)
        finally:
            for peer in peers.values():
                os.killpg(peer.pid, 15)
            for peer in peers.values():
                peer.wait()
            servers.stop()


if __name__ == "__main__":
    main()
