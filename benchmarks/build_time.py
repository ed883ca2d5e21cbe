"""How long `bundle build` takes with models of 1 MB, 1 GB and 10 GB, and what it adds to the disk.

Run: python benchmarks/build_time.py [--size 1MB 1GB 10GB] [--home DIR] [--command]

`--command` measures the command instead, as a person types it: with nothing changed, with one line
changed, without a lock, and without a lock and with empty caches (of uv, and of what wheels hold).

The weights are a file with a hole in it, so that the disk need not hold them; hashing at save
reads every byte all the same. A build links what is saved: its time and its new bytes should not
depend on the size. The lock is resolved once before (it needs a package index, or uv's cache).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from modelbundle.bundler.building.building import build
from modelbundle.bundler.building.locking import locking
from modelbundle.bundler.project.project import Project
from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.signature import Signature

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
REPEATS = 5  # builds after a changed line; the best is shown


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", nargs="+", default=["1MB", "1GB", "10GB"], metavar="SIZE")
    parser.add_argument("--home", type=Path, help="where the store goes; default: a temporary one")
    parser.add_argument("--command", action="store_true", help="the command, not the library")
    given = parser.parse_args()
    if given.command:
        with tempfile.TemporaryDirectory(dir=given.home) as folder:
            measure_command(Path(folder))
        return
    print(
        f"{'model':>8}  {'save':>9}  {'first build':>11}  {'changed line':>12}  {'new on disk':>11}"
    )
    with tempfile.TemporaryDirectory(dir=given.home) as folder:
        lock = b""
        for size in given.size:
            lock = measure(Path(folder) / size, size, lock)


def measure(root, size, lock):
    """Print one line; the lock, for the next size."""
    project, home = root / "project", root / "home"
    project.mkdir(parents=True)
    os.environ["BUNDLE_HOME"] = str(home)
    store = Store(home)
    began = time.perf_counter()
    save(store, root / "weights.bin", int(size[:-2]) * UNITS[size[-2:].upper()])
    saved = time.perf_counter() - began
    (project / "bundlefile.yaml").write_text("name: large\nmodels: [large]\n")
    (project / "helper.py").write_text("x = 0\n")
    if lock:
        (project / "bundle.lock").write_bytes(lock)
    build(project, store=store, dry_run=True, offline=bool(lock))  # loads what builds need
    locking.lock(Project.open(project), store=store, offline=bool(lock))
    before = on_disk(home)
    first = timed(project, store, 1)
    added = on_disk(home) - before
    changed = min(timed(project, store, number) for number in range(2, 2 + REPEATS))
    print(
        f"{size:>8}  {saved:>7.2f} s  {first * 1e3:>8.0f} ms  {changed * 1e3:>9.0f} ms  "
        f"{added / 1e3:>8.0f} kB"
    )
    return (project / "bundle.lock").read_bytes()


def measure_command(root):
    """Print the seconds of the command: the best of `REPEATS`, without a lock of one."""
    project, store = root / "project", Store(root / "home")
    project.mkdir()
    save(store, root / "weights.bin", UNITS["MB"])
    (project / "bundlefile.yaml").write_text("name: large\nmodels: [large]\n")
    (project / "helper.py").write_text("x = 0\n")
    lock = project / "bundle.lock"
    command(root, project)

    def unlocked(caches):
        lock.unlink()
        return command(root, project, caches)

    def changed(number):
        (project / "helper.py").write_text(f"x = {number}\n")
        return command(root, project)

    kinds = {
        "nothing changed": min(command(root, project) for _ in range(REPEATS)),
        "a changed line": min(changed(number) for number in range(1, 1 + REPEATS)),
        "no lock": unlocked(None),
        "no lock, empty caches": unlocked(root / "caches"),
    }
    for kind, seconds in kinds.items():
        print(f"{kind:>22}  {seconds:>6.2f} s")


def command(root, project, caches=None):
    """Seconds of one `bundle build`."""
    environment = {**os.environ, "BUNDLE_HOME": str(root / "home")}
    if caches:
        environment |= {"UV_CACHE_DIR": str(caches / "uv"), "XDG_CACHE_HOME": str(caches)}
    bundle = [sys.executable, "-m", "modelbundle.cli.main", "build", "--quiet", str(project)]
    began = time.perf_counter()
    subprocess.run(bundle, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def save(store, weights, size):
    """A model of `size` bytes, as a save would leave it."""
    with weights.open("wb") as file:
        file.truncate(size)
    blob = store.ingest(weights, move=True)
    manifest = ModelManifest(
        framework="generic",
        loader="modelbundle.runtime.frameworks.generic:Generic",
        format="bytes",
        python="3.11.7",
        packages={},
        methods={"predict": Signature()},
        files=(FileEntry("weights.bin", blob.digest, blob.size),),
        executes_code=False,
    )
    store.commit("model", "large", manifest.encode(), manifest.files)


def timed(project, store, number):
    """Seconds of one build after a change of one line."""
    (project / "helper.py").write_text(f"x = {number}\n")
    began = time.perf_counter()
    build(project, store=store, offline=True)
    return time.perf_counter() - began


def on_disk(home):
    """Bytes that the files below `home` occupy, linked ones counted once."""
    found = {}
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            found[status.st_ino] = status.st_blocks * 512
    return sum(found.values())


if __name__ == "__main__":
    main()
