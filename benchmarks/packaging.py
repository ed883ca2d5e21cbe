"""What packaging costs: save, export, build, image, and each of them again after a line was edited.

Run: python benchmarks/packaging.py [--base IMAGE] [--registry HOST] [--docker] [--bentoml PYTHON]
         [--mlflow PYTHON] [--only NAME]

`--base` is the base image for images without an engine, a reference or `oci:DIR[:NAME]`; with
`--registry` they are pushed there, else written to an OCI layout. `--docker` builds with the
engine of this machine, too. `--bentoml` is an interpreter that has BentoML 1.4: it then saves,
exports and builds the same. `--mlflow` is one that has MLflow 3: it saves the same and builds an
image with the engine of this machine, from `python:3.X.Y-slim` of its own exact version, whose tag
has to be there. cog is left out: its command is a program of GitHub's releases. One run
each, wall clock; the weights are random bytes.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
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
THEIR_MODEL = """
import mlflow.pyfunc, mlflow.sklearn
class Flowers(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.iris = mlflow.sklearn.load_model(context.artifacts["iris"])
    def predict(self, context, model_input, params=None):
        return self.iris.predict(model_input)
mlflow.models.set_model(Flowers())
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
    parser.add_argument("--mlflow", metavar="PYTHON")
    parser.add_argument("--only", choices=["modelbundle", "bentoml", "mlflow"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "big.py").write_text(MODEL)
        (root / "big.bin").write_bytes(os.urandom(200 * MIB))
        if given.only in {None, "modelbundle"}:
            print("modelbundle")
            ours(Bench(root, sys.executable), given)
        if given.bentoml and given.only in {None, "bentoml"}:
            print("BentoML")
            theirs(Bench(root, given.bentoml))
        if given.mlflow and given.only in {None, "mlflow"}:
            print("MLflow")
            mlflow(Bench(root, given.mlflow))


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


def mlflow(bench):
    """A pyfunc of a file of code and a scikit-learn model: what `build-docker` is for."""
    save = "import mlflow, sys; mlflow.pyfunc.save_model('big{0}', python_model='big{0}.py', "
    save += "artifacts={{'weights': 'big{0}.bin'}})"
    for size in (1024, 200):
        (bench.root / f"big{size}.bin").write_bytes(os.urandom(size * MIB))
        code = THEIR_MODEL.replace('["iris"]', '["weights"]')
        (bench.root / f"big{size}.py").write_text(code)
        bench.run(f"save {size} MiB (copied from a file)", save.format(size))
    iris = f"{IRIS}\nimport mlflow.sklearn; mlflow.sklearn.save_model(iris, 'iris')"
    bench.run("save iris", iris)
    (bench.root / "flowers.py").write_text(THEIR_MODEL)
    again = "import mlflow, shutil; shutil.rmtree('flowers', ignore_errors=True); "
    again += "mlflow.pyfunc.save_model('flowers', python_model='flowers.py', "
    again += "artifacts={'iris': 'iris'}, pip_requirements=['scikit-learn'])"
    build = (
        bench.python, "-m", "mlflow", "models", "build-docker", "--model-uri", "flowers",
        "--name", "bench/mlflow:1", "--env-manager", "local",
    )  # fmt: skip
    bench.run("save the code and the model", again)
    bench.time("image with Docker, first", *build)
    before = layers("bench/mlflow:1")
    bench.time("image with Docker, nothing changed", *build)
    with (bench.root / "flowers.py").open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    bench.run("save after an edit", again)
    bench.time("image with Docker, after an edit", *build)
    after = layers("bench/mlflow:1")
    new = sum(size for digest, size in after.items() if digest not in before)
    print(f"image {sum(after.values()) / 1e6:.1f} MB unpacked, new in it {new / 1e6:.3f} MB")


def layers(image):
    """Digest and unpacked bytes of each layer of an image of the engine, by `docker save`."""
    with tempfile.TemporaryFile() as file:
        subprocess.run(["docker", "save", image], stdout=file, check=True)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            listed = json.load(archive.extractfile("manifest.json"))[0]
            digests = json.load(archive.extractfile(listed["Config"]))["rootfs"]["diff_ids"]
            sizes = [archive.getmember(path).size for path in listed["Layers"]]
    return dict(zip(digests, sizes, strict=True))


if __name__ == "__main__":
    main()
