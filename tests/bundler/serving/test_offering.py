"""Offering: a program that is started for each model that a running server asks for."""

import json
import subprocess
import sys

import modelbundle
from modelbundle.bundler.serving import offering

RUN = f"""
import sys
from {offering.MODULE} import main
assert main(sys.argv[1:]) == 0
print()
print(*sys.modules)
"""
NEEDLESS = (
    "asyncio", "modelbundle.bundler.building.plan", "modelbundle.bundler.image",
    "modelbundle.runtime.batching", "pydantic", "sklearn", "yaml",
)  # fmt: skip


def test_nothing_is_imported_that_builds_or_serves(home, tmp_path):
    """Whoever asks the server for the model waits for it."""
    modelbundle.save("double", lambda rows: [2 * row for row in rows])
    line = [sys.executable, "-c", RUN, f"--store={home}", f"--place={tmp_path}", "double"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    answer, modules = done.stdout.splitlines()
    assert json.loads(answer)["entry"]["name"] == "double"
    assert not set(modules.split()).intersection(NEEDLESS)
