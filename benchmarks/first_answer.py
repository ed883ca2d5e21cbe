"""From `bundle serve` to the first answer, against importing the framework and loading the model.

    .venv/bin/python benchmarks/first_answer.py [KIND ...]

Whole processes: from the start of `bundle serve TAG` to the last byte of the first 200, against a
fresh interpreter that imports the library, loads the model as the library's documentation says and
predicts one row. In turn, once on two cores and once on one; there processor time is all that
counts. The first round, in which Python keeps its bytecode, is not counted; minimum of 7 (RUNS).
Resident and proportional memory of each process are those at the first answer.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUNDLE = str(Path(sys.executable).parent / "bundle")
RUNS = int(os.environ.get("RUNS", "7"))
PAUSE = 0.01  # seconds between two questions
FEATURES = 20
ROLES = ("bundle serve", "supervisor", "front", "model")

FOREST = """
import pickle, numpy
pickle.load(open("{file}", "rb")).predict(numpy.zeros((1, 20)))
"""
BOOSTED = """
import xgboost, numpy
model = xgboost.XGBClassifier()
model.load_model("{file}")
model.predict(numpy.zeros((1, 20)))
"""
NET = """
import torch
model = torch.load("{file}", weights_only=False)
with torch.inference_mode():
    model(torch.zeros(1, 20))
"""
GRAPH = """
import onnxruntime, numpy
session = onnxruntime.InferenceSession("{file}")
session.run(None, {{session.get_inputs()[0].name: numpy.zeros((1, 20), "float32")}})
"""
PLAIN = """
import sys, numpy
sys.path.insert(0, "{folder}")
import nothing
nothing.Nothing().predict(numpy.zeros((1, 20)))
"""
KINDS = {
    "sklearn": (FOREST, "scikit-learn, 100 trees"),
    "xgboost": (BOOSTED, "xgboost, 50 trees"),
    "torch": (NET, "torch, 200 MB"),
    "onnx": (GRAPH, "onnx, a linear model"),
    "generic": (PLAIN, "a class that does nothing"),
}


def main() -> None:
    """Print the tables."""
    wanted = sys.argv[1:] or list(KINDS)
    cores = sorted(os.sched_getaffinity(0))[:2]
    pins = [cores, cores[:1]] if len(cores) > 1 else [cores]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["BUNDLE_HOME"] = f"{scratch}/store"
        codes = {kind: code for kind, code in prepare(Path(scratch)) if kind in wanted}
        seen: dict = {(kind, len(pin)): ([], []) for kind in codes for pin in pins}
        memory = {}
        for turn in range(RUNS + 1):
            for kind, code in codes.items():
                for pin in pins:
                    own, (ours, memory[kind]) = bare(code, pin), served(kind, pin)
                    if turn:
                        seen[kind, len(pin)][0].append(own)
                        seen[kind, len(pin)][1].append(ours)
    report(seen, memory)


def report(seen, memory) -> None:
    """Seconds, then memory."""
    print("| model | cores | import, load, predict: s | first answer: s | more: s | ratio |")
    print("|---|---|---|---|---|---|")
    for (kind, cores), (own, ours) in seen.items():
        low, high = min(own), min(ours)
        what = f"| {KINDS[kind][1]} | {cores} | {low:.2f} | {high:.2f} "
        print(f"{what}| {high - low:.2f} | {high / low:.2f} |")
    names = " | ".join(f"{role}: RSS / PSS" for role in ROLES)
    print(f"\n| model, MB | {names} | PSS of all |\n|---|{'---|' * len(ROLES)}---|")
    for kind, processes in memory.items():
        cells = " | ".join(f"{rss} / {pss}" for rss, pss in processes)
        print(f"| {KINDS[kind][1]} | {cells} | {sum(pss for _, pss in processes)} |")


def prepare(work: Path):
    """Train, save, build; (kind, the code of the library's own way) of each."""
    import pickle

    import numpy as np
    import torch
    import xgboost
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    rows = np.random.default_rng(0).random((500, FEATURES))
    labels = (rows.sum(1) > FEATURES / 2).astype(int)
    forest = RandomForestClassifier(100, random_state=0).fit(rows, labels)
    (work / "forest.pkl").write_bytes(pickle.dumps(forest, 5))
    yield "sklearn", kept(work, "sklearn", forest, rows[:4], FOREST, "forest.pkl")
    boosted = xgboost.XGBClassifier(n_estimators=50).fit(rows, labels)
    boosted.save_model(work / "boosted.ubj")
    yield "xgboost", kept(work, "xgboost", boosted, rows[:4], BOOSTED, "boosted.ubj")
    wide = (torch.nn.Linear(5000, 5000), torch.nn.ReLU(), torch.nn.Linear(5000, 5000))
    net = torch.nn.Sequential(
        torch.nn.Linear(FEATURES, 5000), *wide, torch.nn.Linear(5000, 2)
    ).eval()
    torch.save(net, work / "net.pt")
    yield "torch", kept(work, "torch", net, torch.zeros(4, FEATURES), NET, "net.pt")
    small = rows[:4].astype("float32")
    graph = to_onnx(LogisticRegression().fit(rows, labels), small, options={"zipmap": False})
    (work / "graph.onnx").write_bytes(graph.SerializeToString())
    yield "onnx", kept(work, "onnx", graph, small, GRAPH, "graph.onnx")
    (work / "nothing.py").write_text(
        "class Nothing:\n    def predict(self, rows):\n        return rows[:, 0]\n"
    )
    sys.path.insert(0, str(work))
    from nothing import Nothing

    yield "generic", kept(work, "generic", Nothing(), rows[:4], PLAIN, "")


def kept(work: Path, kind: str, model, sample, code: str, file: str) -> str:
    """Save and build under the name of the kind; `code` with its files named."""
    import modelbundle

    modelbundle.save(kind, model, sample=sample)
    project = work / kind
    project.mkdir()
    (project / "bundlefile.yaml").write_text(f"name: {kind}\nmodels: [{kind}]\n", "utf-8")
    subprocess.run([BUNDLE, "build", str(project), "-q"], check=True, capture_output=True)
    return code.format(file=work / file, folder=work)


def bare(code: str, cores) -> float:
    """Seconds of one interpreter that runs `code`."""
    started = time.perf_counter()
    subprocess.run([*pinned(cores), sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def served(tag: str, cores):
    """Seconds until the server answers, asked again and again; and its processes' memory then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    body = json.dumps({"instances": [[0.5] * FEATURES]}).encode()
    head = (
        "POST /predict HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    # As a container's entry point or a unit file names it; resolving a lock is not measured.
    command = [*pinned(cores), BUNDLE, "serve", tag, "--env", "current", "--port", str(port)]
    started = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not answers(port, head.encode() + body):
            time.sleep(PAUSE)
        return time.perf_counter() - started, memory_of(server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def answers(port: int, request: bytes) -> bool:
    """Whether one request gets a 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request)
            return connection.recv(1 << 12).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def memory_of(pid: int) -> list[tuple[int, int]]:
    """RSS and PSS in MB of a process and its descendants, oldest first."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop(0)
        rows = Path(f"/proc/{one}/smaps_rollup").read_text("ascii").splitlines()[1:]
        kib = {name: int(value.split()[0]) for name, value in (row.split(":") for row in rows)}
        found.append((kib["Rss"] >> 10, kib["Pss"] >> 10))
        children = Path(f"/proc/{one}/task/{one}/children").read_text("ascii")
        waiting.extend(map(int, children.split()))
    return found


def pinned(cores) -> list[str]:
    """Run what follows on these cores."""
    return ["taskset", "-c", ",".join(map(str, cores))]


if __name__ == "__main__":
    main()
