"""stdin, stdout and stderr made safe: open, able to write any text, quiet when nobody reads."""

import os
import sys
from typing import Any, ClassVar, TextIO

from ...runtime.system.standard_streams import open_closed, reserved


class Results:
    """Where results are written: stdout, or what `reserve` has kept of it."""

    _kept: ClassVar[TextIO | None] = None

    @classmethod
    def stream(cls) -> TextIO:
        """That stream."""
        return cls._kept or sys.stdout

    @classmethod
    def reserve(cls) -> None:
        """Have what a program of others prints go to stderr from now on."""
        cls._kept = cls._kept or reserved()


def prepare() -> None:
    """Open what came closed, and let text that the terminal cannot show be written as escapes."""
    open_closed()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def abandon(stream: TextIO | Any) -> None:
    """Send what is still to come, and what the buffer holds, to nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def flush_or_abandon(stream: TextIO | Any) -> None:
    """Write what the buffer holds; nowhere if that fails: Python would complain at its end."""
    try:
        stream.flush()
    except OSError:
        abandon(stream)


def takes_any_text(stream: TextIO | Any) -> bool:
    """Whether nothing has to be escaped: UTF-8, and no terminal that a character could drive."""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    return encoding == "utf8" and not stream.isatty()
