"""Streams: stdin, stdout and stderr, which a process may be started without."""

import os
import sys
from typing import TextIO

_NAMES = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed() -> None:
    """Open what came closed to nowhere.

    Else the next file or socket that is opened becomes stdout, and a child prints into it.
    """
    for number, (name, mode) in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def reserved() -> TextIO:
    """Stdout for the result alone: what anybody else prints from now on goes to stderr.

    Until the end of the process, for a program of others may print as it leaves, too.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return os.fdopen(kept, "w", encoding=encoding, errors="backslashreplace")
