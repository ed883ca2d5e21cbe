"""How long the store takes to save and to list ten thousand models.

    python benchmarks/store_listing.py [--models 10000] [--directory DIR]

Prints the time of a save (in a loop, with every sync), of listing all models in this process, and
of fresh processes that list or save and do nothing else, interpreter start included. The target
for a listing is half a second.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.file_entry import FileEntry

SAVE = """
import sys
from pathlib import Path
from modelbundle.bundler.store import Store
Store(Path(sys.argv[1])).commit("model", "one-more", b"{}", [])
"""
LIST = """
import sys
from pathlib import Path
from modelbundle.bundler.store import Store
print(len(Store(Path(sys.argv[1])).items("model")))
"""


def fill(store, models):
    """Save this many small models under as many names; seconds a save."""
    start = time.perf_counter()
    for number in range(models):
        blob = store.ingest_bytes(b"weights of model %d" % number)
        files = [FileEntry("model.bin", blob.digest, blob.size)]
        store.commit("model", f"model-{number:05}", b"{}", files, framework="sklearn")
    store.settle()
    return (time.perf_counter() - start) / models


def best(action, times=5):
    """The shortest of several runs, in seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def fresh(code, store):
    """Run `code` on the store in a process of its own."""
    command = [sys.executable, "-c", code, str(store.root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--directory", type=Path, default=None, help="on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        store = Store(Path(directory, "store"))
        save = fill(store, options.models)
        result = {
            "models": options.models,
            "save_ms": round(save * 1e3, 2),
            "list_s": round(best(lambda: store.items("model")), 3),
            "list_fresh_process_s": round(best(lambda: fresh(LIST, store)), 3),
            "find_ms": round(best(lambda: store.find("model-00042", "model")) * 1e3, 3),
            "save_fresh_process_s": round(best(lambda: fresh(SAVE, store)), 3),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
