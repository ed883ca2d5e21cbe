"""A temporary server: started, awaited, used, stopped."""

import errno
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from ...runtime.errors import BundleError
from . import process

if TYPE_CHECKING:
    from subprocess import Popen

    from ...bundler.serving.serving import Launch

PATIENCE = 120  # seconds until a server must be ready
FAREWELL = 10  # seconds until one that does not stop is killed
PAUSE = 0.02  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Running:
    """Where it is, and which process started the others."""

    url: str
    pid: int


@contextmanager
def running(launch: "Launch", options: Sequence[str] = ()) -> Iterator[Running]:
    """A server of `launch`, ready to answer, for as long as the block runs.

    Its access log goes nowhere; what else it says is kept in case that it does not start.

    Raises:
        BundleError: when it does not start; in the server's own words and with its exit code.
    """
    port = free_port()
    _check_loopback(port)
    command = launch.command(["--host=127.0.0.1", f"--port={port}", *options])
    with NamedTemporaryFile(suffix=".log") as log, Path(os.devnull).open("wb") as nowhere:
        child = process.start(command, launch.variables(), stdout=nowhere, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, child, Path(log.name))
            yield Running(url, child.pid)
        finally:
            _stop(child)


def is_ready(address: str) -> bool:
    """Whether the server there answers, and says that it is ready."""
    from http.client import HTTPException

    from ...bundler.http_opener import opened

    try:
        with opened(f"{address}/readyz", 2):
            return True
    except (OSError, HTTPException):  # another program may have the port
        return False


def free_port() -> int:
    """A free port."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _check_loopback(port: int) -> None:
    """Refuse to wait for what can never be reached: a sandbox may have no network at all.

    Raises:
        BundleError: when nobody could be asked at 127.0.0.1.
    """
    import socket

    with socket.socket() as probe:
        number = probe.connect_ex(("127.0.0.1", port))
    if number in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}:
        raise BundleError(
            f"This machine cannot reach itself: 127.0.0.1 answers `{os.strerror(number)}`.",
            hint="Turn the loopback interface on with `ip link set lo up`.",
        )


def _wait(address: str, child: "Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise _failure(log, child.returncode)
        if is_ready(address):
            return
        time.sleep(PAUSE)
    raise BundleError(
        f"The server was not ready within {PATIENCE} s; it says: {_reason(address, log)}"
    )


def _reason(address: str, log: Path) -> str:
    """What the server itself says it waits for, or the last that it has said at all."""
    from urllib.error import HTTPError

    from ...bundler.http_opener import opened

    try:
        with opened(f"{address}/readyz", 2) as answer:
            return str(answer.read().decode())
    except HTTPError as error:
        return error.read().decode("utf-8", "replace").strip()
    except OSError:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
        return "\n".join(lines[-3:]) or "nothing."


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
