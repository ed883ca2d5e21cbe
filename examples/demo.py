"""The main job, as a person would type it: train, save, build, serve, predict.

Run it with `make demo`. It works in a directory of its own, which goes when it ends.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent / "sklearn_digits"
BIN = Path(sys.executable).parent


def main() -> None:
    """Tell the story, and how long each chapter took."""
    with tempfile.TemporaryDirectory(prefix="bundle-demo-") as scratch:
        project = Path(scratch) / "digits"
        shutil.copytree(EXAMPLE, project)
        environment = os.environ | {
            "BUNDLE_HOME": str(Path(scratch) / "store"),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }
        run("python train.py", project, environment)
        run("bundle save digits train:model --sample sample.json", project, environment)
        run("bundle build", project, environment)
        run("bundle test digits", project, environment)
        with serving(project, environment) as address:
            print(ask(address, project / "request.json"))
    print("\nThat was the main job. Next: examples/README.md.")


def run(command: str, project: Path, environment: dict[str, str]) -> None:
    """Run one command and say how long it took."""
    say(command)
    started = time.perf_counter()
    done = subprocess.run(shlex.split(command), cwd=project, env=environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)  # the command has said what is wrong
    say_time(started)


@contextmanager
def serving(project: Path, environment: dict[str, str]):
    """Run the server until the story ends, then stop it and wait for it."""
    command = "bundle serve digits --port 0 --json"
    say(command)
    started = time.perf_counter()
    server = subprocess.Popen(
        shlex.split(command), cwd=project, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        said = json.loads(server.stdout.readline())  # when it is ready, or why it is not
        if "error" in said:
            raise SystemExit(said["exit_code"])
        say_time(started)
        yield said["url"]
    finally:
        server.send_signal(signal.SIGTERM)
        print(f"  the server stopped with exit code {server.wait(30)}")


def ask(address: str, request: Path) -> str:
    """Post one row and return the prediction."""
    say(f"curl -d @{request.name} -H 'content-type: application/json' {address}/predict")
    started = time.perf_counter()
    post = urllib.request.Request(
        f"{address}/predict", request.read_bytes(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(post, timeout=10) as response:
        answer = json.load(response)
    say_time(started)
    return f"\n  prediction: {answer['predictions'][0]}\n"


def say(command: str) -> None:
    """Show a command as it would be typed."""
    print(f"\n$ {command}", flush=True)


def say_time(started: float) -> None:
    """Show how long that took."""
    print(f"  took {time.perf_counter() - started:.2f} s", flush=True)


if __name__ == "__main__":
    main()
