"""Schemathesis asks a server for all that its OpenAPI document promises.

Prints one JSON line if it finds nothing; anything else raises.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# OPEN: paths of which a schema cannot say all, a regular expression. PHASES: of schemathesis.
URL, OPEN, PHASES = sys.argv[1:]

# Neither the numbers of values that a shape makes, nor columns of as many rows, are sayable.
CONFIG = f"""
[[operations]]
include-path-regex = '{OPEN}'
checks.positive_data_acceptance.enabled = false
"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(CONFIG)
        command = [Path(sys.executable).with_name("st"), "--config-file", config, "run"]
        command += [f"{URL}/openapi.json", "--url", URL, "-n", "4", "--seed", "1"]
        command += ["--phases", PHASES, "--generation-deterministic", "--request-timeout", "60"]
        done = subprocess.run(
            command, check=False, timeout=200, capture_output=True, text=True, cwd=folder
        )
    found = done.stdout[-6000:]
    assert done.returncode == 0, found + done.stderr[-1000:]
    tested = re.search(r"Tested: (\d+)", found)
    print(json.dumps({"part": "openapi", "count": int(tested[1])}))


if __name__ == "__main__":
    main()
