"""A child process that stands in for us: it gets our signals, we end with its exit code."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


def start(
    command: Sequence[str], variables: Mapping[str, str], *, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `command`; it ends when we are killed. With `log` its output goes there."""
    output = log.open("wb") if log else None
    try:
        return subprocess.Popen(
            command,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - one thread, and only a system call
            process_group=0,  # a Ctrl-C reaches it through us, once
        )
    finally:
        if output:
            output.close()


def stand_in(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run `command` in our place and return its exit code, 128 + the signal that killed it."""
    child = start(command, variables)
    before = {
        number: signal.signal(number, lambda n, _: child.send_signal(n)) for number in _FORWARDED
    }
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _end_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
