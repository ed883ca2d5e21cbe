"""What a second process with the same model costs in memory, and how long the model takes to load.

    .venv/bin/python benchmarks/weights_memory.py

Models of 200 MB, saved once. Two processes at a time load one and answer a row; PSS (a shared page
counts half in each of two) and private memory are what their model adds, summed over both. `ours`
is the adapter's load of the saved model, `its own` what the library's documentation says. Seconds
are those of the load alone, best of 3, the file in the page cache and the library imported.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

MB = 1 << 20
SIDE = 5000  # two square float32 matrices of it are 200 MB
ROWS = 25_000  # of 1000 float64 columns: 200 MB

CHILD = """
import json, sys, time
import numpy as np
{imports}
def memory():
    rows = (line.split(":") for line in open("/proc/self/smaps_rollup") if line.count(":") == 1)
    kib = {{name: int(value.split()[0]) for name, value in rows}}
    return [kib["Pss"], kib["Private_Dirty"] + kib["Private_Clean"], kib["Rss"]]
def wait():
    print("here", flush=True)
    sys.stdin.readline()
wait()
before = memory()
began = time.perf_counter()
{load}
seconds = time.perf_counter() - began
{call}
wait()
after = memory()
print(json.dumps([seconds, *(b - a for a, b in zip(before, after))]), flush=True)
wait()
"""

OURS = """
from pathlib import Path
from modelbundle.runtime.models.model import LoadedModel
model = LoadedModel.load(Path("{saved}"))
"""

KINDS = {
    "torch, 200 MB of float32": {
        "imports": "import torch, safetensors.torch, modelbundle.runtime.models.model",
        "own": 'model = torch.load("{file}", weights_only=False)',
        "ask": f'model.call("predict", np.zeros((1, {SIDE}), "float32"))',
        "own_ask": f"with torch.inference_mode(): model(torch.zeros(1, {SIDE}))",
    },
    "scikit-learn, neighbors among 200 MB": {
        "imports": "import pickle, sklearn.neighbors, modelbundle.runtime.models.model",
        "own": 'model = pickle.load(open("{file}", "rb"))',
        "ask": 'model.call("predict", np.zeros((1, 1000)))',
        "own_ask": "model.predict(np.zeros((1, 1000)))",
    },
}


def main():
    print("| model | loaded by | load s | PSS of two, MB | private, MB | RSS of two, MB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["BUNDLE_HOME"] = f"{scratch}/store"
        for kind, (saved, file) in prepare(Path(scratch)).items():
            given = KINDS[kind]
            ways = {
                "its own": (given["own"].format(file=file), given["own_ask"]),
                "ours": (OURS.format(saved=saved), given["ask"]),
            }
            for way, (load, call) in ways.items():
                code = CHILD.format(imports=given["imports"], load=load, call=call)
                seconds, *kib = pair(code)
                pss, private, rss = (value / 1024 for value in kib)
                print(f"| {kind} | {way} | {seconds:.3f} | {pss:.0f} | {private:.0f} | {rss:.0f} |")


def prepare(scratch):
    """Make and save the models; kind -> (the saved directory, the library's own file)."""
    import pickle

    import numpy as np
    import torch
    from sklearn.neighbors import KNeighborsRegressor

    import modelbundle
    from modelbundle.bundler.store import Store

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(SIDE, SIDE), torch.nn.Linear(SIDE, SIDE)).eval()
    torch.save(net, scratch / "net.pt")
    table = np.random.default_rng(0).random((ROWS, 1000))
    near = KNeighborsRegressor(algorithm="brute").fit(table, table[:, 0])
    (scratch / "near.pkl").write_bytes(pickle.dumps(near, 5))
    sample = torch.zeros(2, SIDE)
    saved = (
        modelbundle.save("net", net, sample=sample),
        modelbundle.save("near", near, sample=table[:2]),
    )
    places = [Store.default().directory(item) for item in saved]
    files = scratch / "net.pt", scratch / "near.pkl"
    return dict(zip(KINDS, zip(places, files, strict=True), strict=True))


def pair(code):
    """Best load of three runs; memory of both processes while both have the model."""
    best = None
    for _ in range(3):
        children = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for _ in range(2):  # imported, then loaded: both at once, one after the other
            for child in children:
                child.stdout.readline()
            for child in children:
                child.stdin.write("\n")
                child.stdin.flush()
        told = [json.loads(child.stdout.readline()) for child in children]
        for child in children:
            child.communicate("\n")
        run = [min(one[0] for one in told), *(sum(one[i] for one in told) for i in (1, 2, 3))]
        best = run if best is None else [min(best[0], run[0]), *run[1:]]
    return best


if __name__ == "__main__":
    main()
