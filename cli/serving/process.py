"""A child process that ends with its parent; and its exit code."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

from ...runtime.system.prctl import end_with_parent

Child = subprocess.Popen[bytes]


def start(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    stdout: IO[str] | IO[bytes] | None = None,
    stderr: IO[str] | IO[bytes] | None = None,
    inherited: Sequence[int] = (),
) -> Child:
    """Start `command`; it ends when we are killed. Its output is ours, where nothing is given.

    Of our descriptors it gets those that are `inherited`.
    """
    parent = os.getpid()
    return subprocess.Popen(
        command,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=lambda: end_with(parent),  # noqa: PLW1509 - one thread, and only a system call
        pass_fds=inherited,
        process_group=0,  # a Ctrl-C reaches it through us, once
    )


def exit_code(code: int) -> int:
    """As a shell says it: 128 + the number of the signal that ended the process."""
    return code if code >= 0 else 128 - code


def end_with(parent: int) -> None:
    """In a child of `parent`: get a SIGTERM when that is gone."""
    end_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
