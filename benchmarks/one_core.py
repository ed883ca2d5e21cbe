"""What share of a core's possible work a server gets out of it.

    apt-get install wrk
    .venv/bin/python benchmarks/one_core.py

The server with all its processes on one core, wrk on another, one JSON row a request, keep-alive.
What a core could do at all is reckoned from the model alone, measured on that core before: N
clients in a closed loop can make no larger batch than N, so a row costs at least t(N)/N, plus 10 us
for a request of any kind, plus the reading of its JSON. Prints requests a second, that bound, and
their ratio.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from serving import LUA, free_port, under_load

import modelbundle

REQUEST = 10e-6  # seconds that a request may cost, whatever its model
MOST = 64  # rows, the server's largest batch


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--connections", nargs="+", type=int, default=[8, 32, 64, 128])
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    print(
        "| model | connections | requests/s | possible | share | CPU us a request |\n|" + "---|" * 6
    )
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["BUNDLE_HOME"] = scratch + "/store"
        for name in options.models:
            for line in shares(name, Path(scratch), options):
                print(line, flush=True)


def shares(name: str, work: Path, options: argparse.Namespace):
    """One line for each number of connections."""
    model, call, rows = MODELS[name]()
    modelbundle.save(name, model, sample=rows[:4], methods=() if call else ["predict"])
    body = orjson.dumps({"instances": rows[:1].tolist()})
    (work / "body.json").write_bytes(body)
    (work / "post.lua").write_text(LUA.format(body=body.decode()), encoding="utf-8")
    run = call or model.predict
    answer = np.asarray(run(rows[:1]))
    (work / "expected.json").write_bytes(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))
    os.sched_setaffinity(0, {0})
    reading = seconds(lambda: np.asarray(orjson.loads(body)["instances"], rows.dtype))
    alone = {n: seconds(lambda n=n: run(rows[: min(n, MOST)])) for n in options.connections}
    os.sched_setaffinity(0, {0, 1})
    for connections, figures in served(name, work, options):
        batch = min(connections, MOST)
        possible = 1 / (alone[connections] / batch + REQUEST + reading)
        rate, cpu = figures["rate"], figures["cpu"]
        cells = (
            f"{connections} | {rate:,.0f} | {possible:,.0f} | {rate / possible:.2f} | {cpu:,.0f}"
        )
        yield f"| {name} | {cells} |"


def served(name: str, work: Path, options: argparse.Namespace):
    """The server under each number of connections."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    bundle = str(Path(sys.executable).parent / "bundle")
    command = ["taskset", "-c", "0", bundle, "serve", name, "--env", "current", "--port", str(port)]
    with (work / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield from under_load(address, work, server, options)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def seconds(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes, the median of half a second of it."""
    work()
    took, until = [], time.perf_counter() + 0.5
    while time.perf_counter() < until:
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def forest() -> tuple[Any, None, np.ndarray]:
    """100 trees of scikit-learn on the digits."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    rows, labels = load_digits(return_X_y=True)
    return RandomForestClassifier(100, random_state=0).fit(rows, labels), None, rows


def boosted() -> tuple[Any, None, np.ndarray]:
    """200 trees of XGBoost on the digits."""
    from sklearn.datasets import load_digits
    from xgboost import XGBRegressor

    rows, labels = load_digits(return_X_y=True)
    model = XGBRegressor(n_estimators=200, max_depth=6, n_jobs=1)
    return model.fit(rows.astype("f4"), labels), None, rows.astype("f4")


def network() -> tuple[Any, Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """A perceptron of torch, 512-1024-1024-10."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    sizes = [512, 1024, 1024, 10]
    layers = [
        layer
        for this, following in pairwise(sizes)
        for layer in (torch.nn.Linear(this, following), torch.nn.ReLU())
    ]
    model = torch.nn.Sequential(*layers[:-1]).eval()
    rows = np.random.default_rng(0).random((128, 512), "f4")

    def call(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(batch)).numpy()

    return model, call, rows


MODELS: dict[str, Callable[[], tuple[Any, Any, np.ndarray]]] = {
    "forest": forest,
    "xgboost": boosted,
    "torch": network,
}


if __name__ == "__main__":
    main()
