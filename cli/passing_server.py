"""A server for one request: started, asked when it is ready, stopped."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from ..runtime.errors import BundleError
from . import process

if TYPE_CHECKING:
    from subprocess import Popen

    from ..bundler.serving import Launch

PATIENCE = 120  # seconds until a server must be ready
FAREWELL = 10  # seconds until one that does not stop is killed
PAUSE = 0.02  # seconds between two looks


@contextmanager
def running(launch: "Launch") -> Iterator[str]:
    """The address of a server of `launch`, ready to answer, for as long as the block runs.

    Raises:
        BundleError: when it does not start; in the server's own words and with its exit code.
    """
    address = f"http://127.0.0.1:{free_port()}"
    options = ["--host=127.0.0.1", f"--port={address.rpartition(':')[2]}"]
    with NamedTemporaryFile(suffix=".log") as log:
        child = process.start(launch.command(options), launch.variables(), stdout=log, stderr=log)
        try:
            _wait(address, child, Path(log.name))
            yield address
        finally:
            _stop(child)


def is_ready(address: str) -> bool:
    """Whether the server there answers, and says that it is ready."""
    from urllib.request import urlopen

    try:
        with urlopen(f"{address}/readyz", timeout=2):  # noqa: S310 - our own server
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on right now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(address: str, child: "Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise _failure(log, child.returncode)
        if is_ready(address):
            return
        time.sleep(PAUSE)
    raise BundleError(f"The server was not ready within {PATIENCE} s.")


def _stop(child: "Popen[bytes]") -> None:
    from subprocess import TimeoutExpired

    child.terminate()
    try:
        child.wait(FAREWELL)
    except TimeoutExpired:
        child.kill()
        child.wait()


def _failure(log: Path, code: int) -> BundleError:
    """What the server wrote before it ended, as an error of ours."""
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith("error: ")), None)
    words = lines[-3:] if start is None else lines[start:]
    message, _, hint = "\n".join(words).removeprefix("error: ").partition("\nhint: ")
    error = BundleError(message or "The server ended without a word.", hint=hint or None)
    error.exit_code = code if code > 0 else 1
    return error
