"""Clients of other servers, installed from their registry into environments of their own."""

import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelbundle" / "judges"
SECONDS = 150  # that an installation may take; once for all sessions
ALL = "MODELBUNDLE_JUDGES"  # a variable: `all` has those installed, too, that take a minute


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


@pytest.fixture(scope="session")
def judge():
    """`judge("tritonclient[http]==2.73.0")`: an environment with that; skips where it has none.

    One that `is_large` is used where it is there, and installed where somebody asks for all.
    """

    def find(*requirements, is_large=False):
        name = "\n".join((sys.version, *requirements))
        home = CACHE / hashlib.sha256(name.encode()).hexdigest()[:16]
        home.parent.mkdir(parents=True, exist_ok=True)
        with home.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
            if not (home / "complete").exists():
                if is_large and os.environ.get(ALL) != "all":
                    pytest.skip(f"{', '.join(requirements)} is large; set {ALL}=all to install it.")
                _install(home, requirements)
        return Judge(home / "bin" / "python")

    return find


def _install(home, requirements):
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    command = [sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install"]
    try:
        subprocess.run(
            [*command, "--quiet", "--only-binary=:all:", *requirements],
            check=True, capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(error.stderr or error).strip().splitlines()[-1:]
        pytest.skip(f"{', '.join(requirements)} cannot be installed: {' '.join(said)}")
    (home / "complete").touch()
