"""Requests per second and CPU per request, ours against what people have, in one run.

    apt-get install wrk
    .venv/bin/python benchmarks/serving.py            # makes benchmarks/.peers on its first run

The forest of examples/sklearn_digits, one JSON row a request, keep-alive. The server has one core,
the generator another; the rounds are interleaved and reversed, the medians are printed. CPU is the
server's whole process tree, from /proc. Every server must first answer one row right.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".peers"
TICKS = os.sysconf("SC_CLK_TCK")
REQUIREMENTS = ["fastapi", "uvicorn[standard]", "bentoml", "scikit-learn==1.9.1", "joblib"]
LUA = 'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = {body!r}\n'


def main() -> None:
    """Measure and print the table."""
    options = arguments()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt-get install wrk")
    peers_python()
    with tempfile.TemporaryDirectory() as scratch:
        work = prepare(Path(scratch))
        results: dict[tuple[str, int], list[dict[str, float]]] = {}
        for number in range(options.rounds):
            names = options.servers if number % 2 == 0 else options.servers[::-1]
            for name in names:
                measure(name, work, options, results)
    print(table(options, results))


def arguments() -> argparse.Namespace:
    """What to measure, and for how long."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--servers", nargs="+", default=list(COMMANDS))
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 8, 32, 64])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def peers_python() -> Path:
    """Make the peers' environment once."""
    python = PEERS / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *REQUIREMENTS], check=True)
    return python


def prepare(work: Path) -> Path:
    """Train, and keep the model for the peers and a bundle for us."""
    sys.path.insert(0, str(HERE.parent / "examples/sklearn_digits"))
    import joblib
    from train import model, test_x

    import modelbundle

    joblib.dump(model, work / "model.joblib")
    os.environ["BUNDLE_HOME"] = str(work / "store")
    modelbundle.save("digits", model, sample=test_x[:4], methods=["predict"])
    (work / "bundlefile.yaml").write_text("name: digits\nmodels: [digits]\n", encoding="utf-8")
    bundle = Path(sys.executable).parent / "bundle"
    subprocess.run([str(bundle), "build", str(work), "-q"], check=True)
    body = json.dumps({"instances": test_x[:1].tolist()})
    (work / "body.json").write_text(body, encoding="utf-8")
    (work / "post.lua").write_text(LUA.format(body=body), encoding="utf-8")
    (work / "expected.json").write_text(json.dumps(model.predict(test_x[:1]).tolist()))
    return work


def ours(port: int, _: Path) -> list[str]:
    """`bundle serve` of the built bundle."""
    bundle = str(Path(sys.executable).parent / "bundle")
    return [bundle, "serve", "digits", "--env", "current", "--port", str(port)]


def uvicorn(app: str):
    """A FastAPI application under uvicorn with its fast loop."""

    def command(port: int, _: Path) -> list[str]:
        python = str(PEERS / "bin/python")
        flags = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
        return [python, "-m", "uvicorn", f"{app}:app", *flags]

    return command


def bento(port: int, _: Path) -> list[str]:
    """`bentoml serve`."""
    return [str(PEERS / "bin/bentoml"), "serve", "bento:Digits", "--port", str(port)]


COMMANDS = {
    "modelbundle": ours,
    "fastapi": uvicorn("fastapi_plain"),
    "fastapi + batcher": uvicorn("fastapi_batch"),
    "bentoml": bento,
}


def measure(name: str, work: Path, options: argparse.Namespace, results: dict) -> None:
    """Start one server on core 0, load it from core 1, stop it."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "BENCH_MODEL": str(work / "model.joblib"),
        "PYTHONPATH": "" if name == "modelbundle" else str(HERE / "peers"),
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "1",
    }
    command = ["taskset", "-c", "0", *COMMANDS[name](port, work)]
    log = (work / "server.log").open("wb")
    server = subprocess.Popen(
        command, env=environment, stdout=log, stderr=log, cwd=HERE / "peers", start_new_session=True
    )
    try:
        for connections, figures in under_load(address, work, server, options):
            results.setdefault((name, connections), []).append(figures)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
        log.close()


def under_load(address: str, work: Path, server: subprocess.Popen, options: argparse.Namespace):
    """The figures of a server for each number of connections, once it has answered right."""
    wait_for_answer(address, work, server)
    wrk(address, work, 16, 1)
    for connections in options.connections:
        before = cpu_seconds(server.pid)
        figures = wrk(address, work, connections, options.seconds)
        figures["cpu"] = (cpu_seconds(server.pid) - before) / max(figures["requests"], 1) * 1e6
        yield connections, figures


def wait_for_answer(address: str, work: Path, server: subprocess.Popen) -> None:
    """Wait until the first row is answered, and answered right."""
    expected = json.loads((work / "expected.json").read_text())
    post = urllib.request.Request(
        f"{address}/predict",
        (work / "body.json").read_bytes(),
        {"content-type": "application/json"},
    )
    for _ in range(600):
        if server.poll() is not None:
            sys.exit((work / "server.log").read_text())
        try:
            with urllib.request.urlopen(post, timeout=5) as response:
                answer = json.load(response)
        except OSError:
            time.sleep(0.1)
            continue
        got = answer["predictions"] if isinstance(answer, dict) else answer
        assert np.allclose(got, expected, rtol=1e-4), f"wrong answer: {answer}"
        return
    sys.exit("The server never answered.\n" + (work / "server.log").read_text())


def wrk(address: str, work: Path, connections: int, seconds: int) -> dict[str, float]:
    """Load for some seconds; errors end the benchmark."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    text = subprocess.run(
        [*command, "-s", str(work / "post.lua"), f"{address}/predict"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Non-2xx" not in text, text
    requests, took = re.search(r"(\d+) requests in ([\d.]+)s", text).groups()
    p50, p99 = (
        milliseconds(re.search(rf"^ +{p}% +(\S+)", text, re.MULTILINE).group(1)) for p in (50, 99)
    )
    return {"requests": int(requests), "rate": int(requests) / float(took), "p50": p50, "p99": p99}


def milliseconds(text: str) -> float:
    """Read wrk's `1.23ms`, `456.00us` or `1.02s`."""
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def cpu_seconds(root: int) -> float:
    """CPU of a process and all its descendants, from /proc."""
    stats, children = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            stats[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICKS
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    family, total = [root], 0.0
    while family:
        pid = family.pop()
        total += stats.get(pid, 0.0)
        family += children.get(pid, [])
    return total


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def table(options: argparse.Namespace, results: dict) -> str:
    """Medians over the rounds: requests/s (p50/p99 ms), CPU microseconds a request, ratio to us."""
    lines = ["| server | " + " | ".join(f"{c} connections" for c in options.connections) + " |"]
    lines.append("|---" * (len(options.connections) + 1) + "|")
    for name in options.servers:
        cells = []
        for connections in options.connections:
            runs = results[name, connections]
            rate, p50, p99, cpu = (
                statistics.median(run[key] for run in runs) for key in ("rate", "p50", "p99", "cpu")
            )
            base = statistics.median(r["rate"] for r in results[options.servers[0], connections])
            cells.append(
                f"{rate:,.0f}/s ({p50:.1f}/{p99:.1f} ms) {cpu:,.0f} us [{rate / base:.2f}]"
            )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
