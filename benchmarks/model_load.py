"""From a fresh interpreter to a first answer: our load of a saved model against the library's own.

    .venv/bin/python benchmarks/model_load.py

Seconds of processor time (less noisy than a clock), interpreter and imports included, best of 7,
the two ways in turn. What a server adds around it is in `first_answer.py`.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from first_answer import BOOSTED, FOREST, NET

RUNS = 7
OURS = """
from pathlib import Path
import numpy
from modelbundle.runtime.models.model import LoadedModel
LoadedModel.load(Path("{saved}")).call("predict", numpy.zeros((1, 20), "{dtype}"))
"""
OWN = {
    "scikit-learn, 100 trees": ("float64", FOREST),
    "xgboost, 50 trees": ("float64", BOOSTED),
    "torch, 200 MB": ("float32", NET),
}


def main():
    print("| model | import, load, predict: s | ours: s | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["BUNDLE_HOME"] = f"{scratch}/store"
        for (kind, (dtype, own)), (saved, file) in zip(
            OWN.items(), prepare(Path(scratch)), strict=True
        ):
            codes = own.format(file=file), OURS.format(saved=saved, dtype=dtype)
            runs = [tuple(map(spent, codes)) for _ in range(RUNS)]
            bare, ours = (min(way) for way in zip(*runs, strict=True))
            print(f"| {kind} | {bare:.2f} | {ours:.2f} | {ours / bare:.2f} |")


def prepare(scratch):
    """Train and save; (the saved directory, the library's own file) of each."""
    import pickle

    import numpy as np
    import torch
    import xgboost
    from sklearn.ensemble import RandomForestClassifier

    import modelbundle
    from modelbundle.bundler.store import Store

    rows = np.random.default_rng(0).random((500, 20))
    labels = (rows.sum(1) > 10).astype(int)
    forest = RandomForestClassifier(100, random_state=0).fit(rows, labels)
    (scratch / "forest.pkl").write_bytes(pickle.dumps(forest, 5))
    boosted = xgboost.XGBClassifier(n_estimators=50).fit(rows, labels)
    boosted.save_model(scratch / "boosted.ubj")
    wide = (torch.nn.Linear(5000, 5000), torch.nn.ReLU(), torch.nn.Linear(5000, 5000))
    net = torch.nn.Sequential(torch.nn.Linear(20, 5000), *wide, torch.nn.Linear(5000, 2)).eval()
    torch.save(net, scratch / "net.pt")
    samples = rows[:2], rows[:2], torch.zeros(2, 20)
    files = ("forest.pkl", "boosted.ubj", "net.pt")
    for name, model, sample in zip(files, (forest, boosted, net), samples, strict=True):
        item = modelbundle.save(name.partition(".")[0], model, sample=sample)
        yield Store.default().directory(item), scratch / name


def spent(code):
    """Processor seconds of one interpreter that runs `code`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
