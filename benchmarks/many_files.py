"""A project of many small files: built, built again, edited, looked at, exported, collected.

    python benchmarks/many_files.py [--files 100000] [--bundle PATH] [--home DIR]

Prints seconds on the clock and of CPU for each command. `--home` chooses the disk, which decides:
what memory holds is synced at once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUNDLEFILE = """\
name: many
service: service:Service
include: ["**"]
python: {version: "3.11"}
"""
SERVICE = '''\
import modelbundle as mb


@mb.service
class Service:
    """Echoes."""

    @mb.api
    def echo(self, text: str) -> str:
        """The text."""
        return text
'''


def write(root, count):
    """Files of 160 bytes, a thousand in a folder."""
    (root / "bundlefile.yaml").write_text(BUNDLEFILE)
    (root / "service.py").write_text(SERVICE)
    for number in range(count):
        folder = root / f"data{number // 1000:03}"
        if number % 1000 == 0:
            folder.mkdir()
        (folder / f"{number:06}.txt").write_text(f"file number {number}\n" * 9)


def measure(what, command, root):
    """Run it; what it took."""
    before = os.times()
    start = time.monotonic()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    seconds, after = time.monotonic() - start, os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    if done.returncode:
        sys.exit(f"{what}: {done.stderr}")
    print(json.dumps({"what": what, "seconds": round(seconds, 2), "cpu": round(cpu, 2)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--bundle", default="bundle", help="the command that is measured")
    parser.add_argument("--home", type=Path, help="where everything is made; default: $TMPDIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.home) as place:
        root = Path(place, "project")
        root.mkdir()
        write(root, options.files)
        os.environ["BUNDLE_HOME"] = f"{place}/home"
        run(options.bundle, root, Path(place, "many.tar"))


def run(bundle, root, archive):
    """Every command, one behind another."""
    measure("build", [bundle, "build", "--offline"], root)
    measure("build, nothing changed", [bundle, "build", "--offline"], root)
    (root / "service.py").write_text(SERVICE.replace("Echoes.", "Echoes it."))
    measure("build after an edit", [bundle, "build", "--offline"], root)
    measure("list", [bundle, "list"], root)
    measure("verify many", [bundle, "verify", "many"], root)
    measure("du", [bundle, "du"], root)
    measure("gc, nothing to free", [bundle, "gc"], root)
    measure("export", [bundle, "export", "many", str(archive)], root)
    listed = subprocess.run([bundle, "list", "--json"], capture_output=True, text=True, check=True)
    for item in json.loads(listed.stdout)["bundles"]:
        measure("delete", [bundle, "delete", "-y", item["tag"]], root)
    measure("gc of all of it", [bundle, "gc"], root)
    measure("import", [bundle, "import", str(archive)], root)


if __name__ == "__main__":
    main()
