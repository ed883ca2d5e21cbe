"""What packaging costs: save, export, build, image, and each of them again after a line was edited.

Run: python benchmarks/packaging.py [--base IMAGE] [--registry HOST] [--docker] [--bentoml PYTHON]

`--base` is the base image for images without an engine, a reference or `oci:DIR[:NAME]`; with
`--registry` they are pushed there, else written to an OCI layout. `--docker` builds with the
engine of this machine, too. `--bentoml` is an interpreter that has BentoML 1.4: it then saves,
exports and builds the same. One run each, wall clock; the weights are random bytes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 1 << 20
MODEL = """
import numpy as np
class Model:
    def __init__(self, size):
        self.weights = np.random.default_rng(0).bytes(size)
    def predict(self, rows):
        return [len(self.weights)] * len(rows)
"""
SERVICE = """
import modelbundle as mb
import numpy as np

@mb.service
class Flowers:
    def __init__(self):
        self.iris = mb.model("iris")

    @mb.api(batchable=True)
    async def predict(self, rows: np.ndarray) -> np.ndarray:
        return await self.iris(rows)
"""
THEIR_SERVICE = """
import bentoml
import numpy as np

@bentoml.service
class Flowers:
    def __init__(self):
        self.iris = bentoml.sklearn.load_model("iris:latest")

    @bentoml.api(batchable=True)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.iris.predict(rows)
"""
IRIS = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
rows, labels = load_iris(return_X_y=True)
iris = LogisticRegression(max_iter=500).fit(rows, labels)
"""


class Bench:
    """A folder of its own, and a clock."""

    def __init__(self, root, python):
        self.root = root
        self.python = python
        self.environment = dict(os.environ) | {
            "BUNDLE_HOME": str(root / "store"),
            "BENTOML_HOME": str(root / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
            "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
        }

    def time(self, what, *command, note=lambda _: ""):
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.monotonic() - began
        if done.returncode:
            print(f"{what:<44} failed: {done.stderr.strip().splitlines()[-1][:120]}")
            return ""
        print(f"{what:<44} {took:8.2f} s  {note(done.stdout)}", flush=True)
        return done.stdout

    def run(self, what, code, **options):
        return self.time(what, self.python, "-c", code, **options)

    def bundle(self, what, *arguments, **options):
        command = (self.python, "-m", "modelbundle.cli.main", *arguments, "--json")
        return self.time(what, *command, **options)


def moved(out):
    image = json.loads(out)["image"]
    return f"image {image['size'] / 1e6:.1f} MB, moved {image['moved'] / 1e6:.3f} MB"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="python:3.11-slim")
    parser.add_argument("--registry")
    parser.add_argument("--docker", action="store_true")
    parser.add_argument("--bentoml", metavar="PYTHON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "big.py").write_text(MODEL)
        (root / "big.bin").write_bytes(os.urandom(200 * MIB))
        print("modelbundle")
        ours(Bench(root, sys.executable), given)
        if given.bentoml:
            print("BentoML")
            theirs(Bench(root, given.bentoml))


def ours(bench, given):
    save = "import modelbundle as mb; from big import Model; "
    save += "mb.save('big{0}', Model({0} << 20), sample=[[1.0]])"
    bench.run("save 1 GiB (made, pickled, stored)", save.format(1024))
    bench.run("save 200 MiB", save.format(200))
    bench.bundle("export 200 MiB", "export", "big200", "big.tar")
    bench.run(
        "save iris", f"{IRIS}\nimport modelbundle as mb; mb.save('iris', iris, sample=rows[:3])"
    )
    project = bench.root / "project"
    project.mkdir()
    (project / "service.py").write_text(SERVICE)
    (project / "bundlefile.yaml").write_text(
        "name: flowers\nservice: service:Flowers\nmodels: [iris]\n"
    )
    bench.bundle("build, cold lock", "build", str(project))
    bench.bundle("build, nothing changed", "build", str(project))
    tag = f"{given.registry}/bench-{os.getpid()}/flowers" if given.registry else "flowers"
    where = ("--push",) if given.registry else ("--output", f"oci:{bench.root / 'out'}")
    image = ("containerize", "flowers", "--base", given.base, *where, "--tag", tag)
    bench.bundle("image without an engine, packages unpacked", *image, note=moved)
    bench.bundle("image without an engine, nothing changed", *image, note=moved)
    edit(project)
    bench.bundle("build after an edit", "build", str(project))
    bench.bundle("image without an engine, after an edit", *image, note=moved)
    if given.docker:
        image = ("containerize", "flowers", "--engine", "docker", "--tag", "bench/flowers:1")
        bench.bundle("image with Docker, first", *image, note=size)
        edit(project)
        bench.bundle("build after an edit", "build", str(project))
        bench.bundle("image with Docker, after an edit", *image, note=size)


def size(out):
    return f"image {json.loads(out)['image']['size'] / 1e6:.1f} MB unpacked"


def edit(project):
    path = project / "service.py"
    path.write_text(path.read_text() + "# edited\n")


def theirs(bench):
    save = "import bentoml; from big import Model; "
    save += "bentoml.picklable_model.save_model('big{0}', Model({0} << 20))"
    bench.run("save 1 GiB (made, pickled, stored)", save.format(1024))
    bench.run("save 200 MiB", save.format(200))
    command = (bench.python, "-m", "bentoml", "models", "export", "big200", "big.bentomodel")
    bench.time("export 200 MiB (their default)", *command)
    bench.run("save iris", f"{IRIS}\nimport bentoml; bentoml.sklearn.save_model('iris', iris)")
    project = bench.root / "theirs"
    project.mkdir()
    (project / "service.py").write_text(THEIR_SERVICE)
    (project / "bentofile.yaml").write_text(
        "service: 'service:Flowers'\ninclude: ['*.py']\nmodels: ['iris:latest']\n"
        "python: {packages: [scikit-learn]}\n"
    )
    build = (bench.python, "-m", "bentoml", "build", str(project))
    bench.time("build, cold lock", *build)
    bench.time("build, nothing changed", *build)
    edit(project)
    bench.time("build after an edit", *build)


if __name__ == "__main__":
    main()
