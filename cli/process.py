"""A child process that stands in for us: it gets our signals, we end with its exit code."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import IO

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
Child = subprocess.Popen[bytes]


def start(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    stdout: IO[str] | IO[bytes] | None = None,
    stderr: IO[str] | IO[bytes] | None = None,
) -> Child:
    """Start `command`; it ends when we are killed. Its output is ours, where nothing is given."""
    return subprocess.Popen(
        command,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - one thread, and only a system call
        process_group=0,  # a Ctrl-C reaches it through us, once
    )


def stand_in(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    stdout: IO[str] | None = None,
    meanwhile: Callable[[Child], None] = lambda _: None,
) -> int:
    """Run `command` in our place and return its exit code, 128 + the signal that killed it.

    `meanwhile` is called once, as soon as it has started.
    """
    child = start(command, variables, stdout=stdout)
    before = {
        number: signal.signal(number, lambda n, _: child.send_signal(n))
        for number in FORWARDED
        if signal.getsignal(number) is not signal.SIG_IGN  # as `nohup` and `&` in a script want it
    }
    try:
        meanwhile(child)
        return exit_code(child.wait())
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(code: int) -> int:
    """As a shell says it: 128 + the number of the signal that ended the process."""
    return code if code >= 0 else 128 - code


def _end_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
