"""StderrTail: passes a worker's stderr on, and keeps its last lines for the exit report.

A library that aborts writes the reason to stderr and nowhere else.
"""

from collections import deque

from ...system import log_output

STDERR = 2  # file descriptor
KEPT = 40  # lines: most libraries write one or two, Python also writes a traceback
LONGEST = 400  # characters of a line that are kept
TOO_LONG = 1 << 16  # bytes of a line that are passed on without waiting for its end


class StderrTail:
    """Passes on whole lines, so that those of several workers never mix."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: deque[bytes] = deque(maxlen=KEPT)

    def feed(self, data: bytes) -> None:
        """Process bytes that the worker has written."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > TOO_LONG:
            lines, self._rest = [*lines, self._rest], b""
        self._pass_on(lines)

    def end(self) -> str:
        """Flush an unfinished line; returns the last lines."""
        rest, self._rest = self._rest, b""
        self._pass_on([rest] if rest else [])
        lines = (line.decode(errors="replace")[:LONGEST] for line in self._lines)
        return "\n".join(line for line in lines if line.strip())

    def _pass_on(self, lines: list[bytes]) -> None:
        # Lines of our own log are events by themselves, not the reason of a death.
        self._lines.extend(line for line in lines if not line.startswith(b'{"ts":'))
        if lines:
            log_output.STDERR.write(b"".join(line + b"\n" for line in lines))
