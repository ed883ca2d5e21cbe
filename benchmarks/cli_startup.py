"""Start-up of the command line against the interpreter's own.

    .venv/bin/python benchmarks/cli_startup.py

Whole processes, the minimum and the median of 20, interleaved; the store holds one model.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUNDLE = str(Path(sys.executable).parent / "bundle")
RUNS = 20
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "bundle --version": [BUNDLE, "--version"],
    "bundle --help": [BUNDLE, "--help"],
    "bundle build --help": [BUNDLE, "build", "--help"],
    "bundle models list": [BUNDLE, "models", "list"],
    "bundle models list --json": [BUNDLE, "models", "list", "--json"],
    "bundle models show": [BUNDLE, "models", "show", "one"],
}


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["BUNDLE_HOME"] = home
        import modelbundle

        modelbundle.save("one", len)
        times: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(RUNS):
            for name, command in COMMANDS.items():
                started = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                times[name].append((time.perf_counter() - started) * 1e3)
    print("| command | min ms | median ms |\n|---|---|---|")
    for name, values in times.items():
        print(f"| `{name}` | {min(values):.0f} | {statistics.median(values):.0f} |")


if __name__ == "__main__":
    main()
