"""Ten times the same image, each under other circumstances: are all of its bytes the same?

Run: python benchmarks/reproducible_images.py [--bytecode none]

Each time a model is saved into a new store, a bundle is built of it and an image is made without
an engine, on a tiny base image that is written here. What varies: clock and time zone (with
`faketime`, where it is installed), locale, umask, working directory, HOME, host name and user (in
namespaces of their own, with `unshare`), PYTHONHASHSEED, the number of processors, the order in
which files were written, and the file system. The lock is resolved once before; that and the
wheels need a package index, or uv's cache.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from modelbundle.runtime import canonical, digest

SCRIPT = """
import sys, modelbundle as mb
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
rows, labels = load_iris(return_X_y=True)
mb.save("iris", LogisticRegression(max_iter=500).fit(rows, labels), sample=rows[::50])
"""
FILES = {
    "bundlefile.yaml": "name: flowers\nmodels: [iris]\ninclude: ['**']\nexclude: [bundle.lock]\n",
    "b.py": "A = {'x', 'y'}\n",
    "a/__init__.py": "",
    "a/é.txt": "text\n",
    "a.py": "B = frozenset('abc')\n",
    **{f"data/{number}.csv": f"{number}\n" for number in range(40)},
}


@dataclass(frozen=True)
class Circumstances:
    name: str
    variables: dict
    umask: int = 0o022
    command: tuple = ()
    folder: str | None = None
    cwd: str = "project"
    seed: int = 0


CASES = (
    Circumstances("as it is", {}),
    Circumstances("next year", {"TZ": "Pacific/Kiritimati"}, command=("faketime", "-f", "+1y")),
    Circumstances("1999", {"TZ": "America/St_Johns"}, command=("faketime", "1999-12-31 23:59:59")),
    Circumstances("locale", {"LANG": "C", "LC_ALL": "POSIX", "PYTHONHASHSEED": "1"}, seed=1),
    Circumstances("umask 077", {"PYTHONHASHSEED": "2"}, umask=0o077, seed=2),
    Circumstances("umask 000", {"PYTHONHASHSEED": "3"}, umask=0o000, cwd="/", seed=3),
    Circumstances("one processor", {"LANG": "C.UTF-8"}, command=("taskset", "-c", "0"), seed=4),
    Circumstances(
        "another host",
        {},
        command=("unshare", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"),
    ),
    Circumstances("another user", {"USER": "eve"}, command=("unshare", "-U", "--map-user=4242")),
    Circumstances("another disk", {"HOME": "/nonexistent"}, folder="/dev/shm", seed=5),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bytecode", choices=["auto", "none"], default="auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base, lock = write_base(Path(folder) / "base"), resolve(Path(folder) / "lock")
        found = [measure(case, base, lock, given.bytecode) for case in CASES]
    seen = {tuple(one) for one in found if one}
    print(f"{len(seen)} different of {sum(bool(one) for one in found)}")
    return len(seen) != 1


def measure(case, base, lock, bytecode):
    if case.command and not shutil.which(case.command[0]):
        print(f"{case.name:>14}  left out: `{case.command[0]}` is not installed")
        return None
    with tempfile.TemporaryDirectory(dir=case.folder) as folder:
        root = Path(folder)
        write_project(root / "project", lock, case.seed)
        cwd = root / "project" if case.cwd == "project" else Path(case.cwd)
        environment = dict(os.environ) | {
            "HOME": str(root), "BUNDLE_HOME": str(root / "store"), "UV_CACHE_DIR": cache(),
        } | case.variables  # fmt: skip

        def run(*command):
            return subprocess.run(
                [*case.command, *command], cwd=cwd, env=environment, umask=case.umask,
                check=True, capture_output=True, text=True,
            ).stdout  # fmt: skip

        bundle = (sys.executable, "-m", "modelbundle.cli.main")
        run(sys.executable, "-c", SCRIPT)
        built = json.loads(run(*bundle, "build", str(root / "project"), "--offline", "--json"))
        out = f"oci:{root / 'out'}"
        options = ("--base", base, "--output", out, "--bytecode", bytecode, "--json")
        image = json.loads(run(*bundle, "containerize", "flowers", *options))["image"]
        digests = [built["digest"], image["digest"], *image["layers"]]
    print(f"{case.name:>14}  bundle {digests[0][7:19]}  image {digests[1][7:19]}")
    return digests


def cache():
    command = [find_uv_bin(), "cache", "dir"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or str(Path.home() / ".cache" / "uv")


def write_project(root, lock, seed):
    names = sorted(FILES)
    random.Random(seed).shuffle(names)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(FILES[name], encoding="utf-8")
    (root / "bundle.lock").write_bytes(lock)


def resolve(root):
    write_project(root, b"", 0)
    (root / "bundle.lock").unlink()
    environment = dict(os.environ) | {"BUNDLE_HOME": str(root / "store")}
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True, capture_output=True)
    command = [sys.executable, "-m", "modelbundle.cli.main", "lock", str(root)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return (root / "bundle.lock").read_bytes()


def write_base(folder):
    """An OCI layout with an image of nothing."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    with tarfile.open(folder / "layer.tar", "w"):
        pass
    data = (folder / "layer.tar").read_bytes()

    def put(data, kind):
        (blobs / digest.of_bytes(data)[7:]).write_bytes(data)
        kind = f"application/vnd.oci.image.{kind}"
        return {"mediaType": kind, "digest": digest.of_bytes(data), "size": len(data)}

    layer = put(data, "layer.v1.tar")
    config = {"architecture": "amd64", "os": "linux", "config": {}}
    config["rootfs"] = {"type": "layers", "diff_ids": [layer["digest"]]}
    about = put(canonical.dumps(config), "config.v1+json")
    manifest = {"schemaVersion": 2, "config": about, "layers": [layer]}
    entry = put(canonical.dumps(manifest), "manifest.v1+json")
    index = {"schemaVersion": 2, "manifests": [entry]}
    (folder / "index.json").write_bytes(canonical.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"oci:{folder}"


if __name__ == "__main__":
    sys.exit(main())
