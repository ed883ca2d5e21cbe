"""Packages and megabytes of the base install, with BentoML's beside it.

    .venv/bin/python benchmarks/install_size.py [REQUIREMENT ...]

Each requirement is installed into a fresh environment; pip itself is not counted.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print a row a requirement."""
    print("| install | packages | MB |\n|---|---|---|")
    for requirement in sys.argv[1:] or [str(ROOT), "bentoml"]:
        with tempfile.TemporaryDirectory() as directory:
            count, size = measure(requirement, Path(directory))
        name = "modelbundle" if requirement == str(ROOT) else requirement
        print(f"| {name} | {count} | {size / 1e6:.1f} |")


def measure(requirement: str, directory: Path) -> tuple[int, int]:
    """Install into `directory`; count distributions, and bytes, those of commands (uv) too."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    python = str(directory / "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "-q", "--no-compile", requirement], check=True)
    listed = subprocess.run([*pip, "list", "--format", "json"], check=True, capture_output=True)
    files = (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
    return len(json.loads(listed.stdout)), sum(path.stat().st_size for path in files)


if __name__ == "__main__":
    main()
