"""The main job, as a person would type it: train, save, build, serve, predict.

Run it with `make demo`. It works in a directory of its own, which goes when it ends.
"""

import json
import os
import select
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
MOST = float(os.environ.get("DEMO_STEP_SECONDS", "900"))
"""Seconds that a step may take: most need two, and the first build fetches packages."""
GRACE = 30.0  # seconds for a process to end by itself


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
    step = begin(command, project, environment)
    try:
        code = step.wait(MOST)
    except subprocess.TimeoutExpired:
        end(step)
        raise SystemExit(too_long(command)) from None
    if code:
        sys.exit(code)  # the command has said what is wrong
    say_time(started)


@contextmanager
def serving(project: Path, environment: dict[str, str]):
    """Run the server until the story ends, then stop it and wait for it."""
    command = "bundle serve digits --port 0 --json"
    say(command)
    started = time.perf_counter()
    server = begin(command, project, environment, stdout=subprocess.PIPE, text=True)
    try:
        ready, _, _ = select.select([server.stdout], [], [], MOST)
        if not ready:
            raise SystemExit(too_long(command))
        said = json.loads(server.stdout.readline())  # when it is ready, or why it is not
        if "error" in said:
            raise SystemExit(said["exit_code"])
        say_time(started)
        yield said["url"]
    finally:
        print(f"  the server stopped with exit code {end(server)}")


def begin(command: str, project: Path, environment: dict[str, str], **streams) -> subprocess.Popen:
    """Start a command that waits for nobody to type."""
    return subprocess.Popen(
        shlex.split(command), cwd=project, env=environment, stdin=subprocess.DEVNULL, **streams
    )


def end(process: subprocess.Popen) -> int:
    """Have a process end, whether it wants to or not; its exit code."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def too_long(command: str) -> str:
    """A step that does not come back is told, and what to try."""
    return (
        f"error: `{command}` took longer than {MOST:g} seconds and was ended.\n"
        "hint: On a busy machine try `OMP_NUM_THREADS=1 make demo`; "
        "`DEMO_STEP_SECONDS=3600 make demo` waits longer."
    )


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
