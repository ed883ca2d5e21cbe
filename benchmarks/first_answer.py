"""From `bundle serve` to the first answer, against importing the framework and loading the model.

    .venv/bin/python benchmarks/first_answer.py

The forest of examples/sklearn_digits; whole processes, the minimum and the median of 7.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLE = str(Path(sys.executable).parent / "bundle")
RUNS = 7


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        os.environ["BUNDLE_HOME"] = str(work / "store")
        body = prepare(work)
        figures = {"import + load + predict": [], "bundle serve, to the first answer": []}
        for _ in range(RUNS):
            figures["import + load + predict"].append(bare(work))
            figures["bundle serve, to the first answer"].append(served(body))
    print("| what | min s | median s |\n|---|---|---|")
    for name, values in figures.items():
        print(f"| {name} | {min(values):.2f} | {statistics.median(values):.2f} |")


def prepare(work: Path) -> bytes:
    """Train, save, build; return the body of one request."""
    sys.path.insert(0, str(HERE.parent / "examples/sklearn_digits"))
    import pickle

    from train import model, test_x

    import modelbundle

    (work / "model.pkl").write_bytes(pickle.dumps(model, 5))
    modelbundle.save("digits", model, sample=test_x[:4])
    (work / "bundlefile.yaml").write_text("name: digits\nmodels: [digits]\n", encoding="utf-8")
    subprocess.run([BUNDLE, "build", str(work), "-q"], check=True)
    return json.dumps({"instances": test_x[:1].tolist()}).encode()


def bare(work: Path) -> float:
    """Import scikit-learn, unpickle, predict one row, in a fresh interpreter."""
    code = (
        "import pickle, numpy; "
        f"model = pickle.load(open({str(work / 'model.pkl')!r}, 'rb')); "
        "model.predict(numpy.zeros((1, 64)))"
    )
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def served(body: bytes) -> float:
    """Start the server and ask until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    post = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict", body, {"content-type": "application/json"}
    )
    command = [BUNDLE, "serve", "digits", "--env", "current", "--port", str(port)]
    started = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urllib.request.urlopen(post, timeout=5):
                    return time.perf_counter() - started
            except OSError:
                time.sleep(0.01)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


if __name__ == "__main__":
    main()
