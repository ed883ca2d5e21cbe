"""Standard streams: handles stdin, stdout or stderr that were closed at the start."""

import os
import sys
from typing import TextIO

_NAMES = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed() -> None:
    """Open closed ones to /dev/null.

    Else the next file or socket that is opened becomes stdout, and a child prints into it.
    """
    for number, (name, mode) in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def reserved() -> TextIO:
    """Keep stdout for the result; what others print from now on goes to stderr.

    Until the end of the process, for a program of others may print as it leaves, too.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return os.fdopen(kept, "w", encoding=encoding, errors="backslashreplace")
