"""Tensors over REST: a bundle beside MLServer, KServe and PyTriton, all up at once.

    .venv/bin/python benchmarks/v2_way.py --mlserver PYTHON --kserve PYTHON --pytriton PYTHON

Each PYTHON is the interpreter of an environment with that server; one that is not given is left
out. The servers are asked in turn, round after round; printed are requests a second, the median
latency, and the CPU seconds of each server's processes for a thousand requests. The model adds up
rows in numpy, so that what is left is the servers' own.

    (nothing)                        4 numbers a row, binary, 16 clients
    --json --size 64                 64 numbers a row, JSON, 16 clients
    --size 150528 --clients 4        600 kB a row, binary, 4 clients
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from field import add_arguments, bundle, compare, peers

from modelbundle.bundler.benching.generator.generator import Generator
from modelbundle.bundler.benching.generator.load import Load
from modelbundle.bundler.benching.generator.tally import quantile
from modelbundle.bundler.benching.subject.bench_request import BenchRequest
from modelbundle.tests.runtime.conftest import Servers

PATH = "/v2/models/sums/infer"
DIALECTS = ["native", "v2"]


def bench_request(size, is_binary, outputs):
    """One row; outputs as the inputs are."""
    row = np.arange(size, dtype=np.float32)
    tensor = {"name": "input", "shape": [1, size], "datatype": "FP32"}
    document = {"inputs": [tensor]}
    if not is_binary:
        tensor["data"] = row.tolist()
        return BenchRequest(json.dumps(document).encode())
    tensor["parameters"] = {"binary_data_size": row.nbytes}
    document["parameters"] = {"binary_data_output": True}
    if outputs:
        document["outputs"] = [{"name": "output", "parameters": {"binary_data": True}}]
    head = json.dumps(document).encode()
    # The generator knows one header; another stands behind it.
    kind = f"application/octet-stream\r\ninference-header-content-length: {len(head)}"
    return BenchRequest(head + row.tobytes(), kind)


def measure(given, asked):
    """Each in turn."""
    with Generator() as generator:

        def ask(name, port):
            is_binary = not given.json and name != "mlserver"  # it takes JSON alone
            asks = bench_request(given.size, is_binary, name == "kserve")
            generator.aim(("127.0.0.1", port), PATH, [asks])
            tally = generator.run(Load(clients=given.clients, seconds=given.seconds, warm=0))
            assert not tally.errors, (name, tally.errors)
            return tally.finished, tally.finished / tally.seconds, quantile(tally.ok.sorted(), 0.5)

        compare(given, asked, ask)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--asgi", action="store_true", help="beside the way through ASGI, too")
    parser.add_argument("--json", action="store_true", help="JSON instead of binary data")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        servers = Servers(home)
        try:
            own = {"bundle": "fast"} | ({"asgi": "asgi"} if given.asgi else {})
            running = {
                name: servers.start(bundle(home / name, given.size, dialects=DIALECTS, http=http))
                for name, http in own.items()
            }
            with peers(given, home) as asked:
                ours = {name: (each.port, each.process.pid) for name, each in running.items()}
                measure(given, asked | ours)
        finally:
            servers.stop()


if __name__ == "__main__":
    main()
