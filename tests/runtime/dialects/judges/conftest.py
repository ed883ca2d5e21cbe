"""Clients of other servers, installed from their registry into environments of their own."""

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest

from .environments import LARGE, Absent, python_of

HERE = Path(__file__).parent
WHICH = "MODELBUNDLE_JUDGES"  # a variable: `all` has the large one installed, too; `none`, none


@dataclasses.dataclass
class Judge:
    """An environment with somebody else's client."""

    python: Path

    def ask(self, script, *arguments, timeout=60):
        """Run a script of this folder; what it prints, line by line, as JSON."""
        command = [self.python, "-P", HERE / script, *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, env=_plain()
        )
        assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-1000:]
        return [json.loads(line) for line in done.stdout.splitlines()]


def _plain():
    """The environment without what would lead a client to other addresses or packages."""
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    own.pop("PYTHONPATH", None)
    return own | {"NO_PROXY": "*"}


@pytest.fixture(scope="module", params=["process"])
def isolation(request):
    """Where models run, of which clients notice nothing: the other way is tested with our own."""
    return request.param


@pytest.fixture(scope="session")
def judge():
    """`judge(TRITON)`: an environment with that; skips where there is none."""

    def find(requirements):
        which = os.environ.get(WHICH)
        is_made = which != "none" and (which == "all" or requirements not in LARGE)
        try:
            return Judge(python_of(requirements, is_made=is_made))
        except Absent as error:
            hint = "" if is_made else f" Set {WHICH}=all to install it."
            pytest.skip(f"{error}{hint}")

    return find
