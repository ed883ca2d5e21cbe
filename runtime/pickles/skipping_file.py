"""SkippingFile: a file whose long pickle strings are skipped by seeking."""

from typing import IO

_LONG = 1 << 20  # bytes; longer strings are stepped over
_LINE = 1 << 16  # bytes of a text opcode's argument


class _Blank(bytes):
    """Stands for skipped bytes: only its length is right."""

    length: int

    def __len__(self) -> int:
        return self.length


class SkippingFile:
    """The part of the file interface that `pickletools` uses."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        """The next bytes; a placeholder of the same length for long ones, which are skipped."""
        if size <= _LONG:
            return self._file.read(size)
        self.skip(size)
        blank = _Blank()
        blank.length = size
        return blank

    def readline(self) -> bytes:
        """A line of a text opcode, with its line end.

        Raises:
            ValueError: when the line is too long, or has no end.
        """
        line = self._file.readline(_LINE)
        if not line.endswith(b"\n"):
            raise ValueError("no end of line")
        return line

    def skip(self, size: int) -> None:
        """Skip the next bytes; raises ValueError when there are fewer."""
        try:
            self._file.seek(size - 1, 1)
        except OSError as error:  # further than any file of this disk is long
            raise ValueError(f"no {size} bytes more") from error
        if not self._file.read(1):
            raise ValueError(f"no {size} bytes more")
