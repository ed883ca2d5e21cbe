"""Counter: a number that only grows, across processes, without a lock or a clock."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from . import disk

_LOOKS = 100  # a listing may miss an entry while it is renamed


class Counter:
    """An empty file named after the number; only one process can rename it to the next one."""

    def __init__(self, directory: Path, floor: Callable[[], int]) -> None:
        self._directory = directory
        self._floor = floor  # the highest number in use, should the file be lost

    def value(self) -> int:
        """The last number that was given out; 0 if there is none."""
        for _ in range(_LOOKS):
            numbers = [int(name) for name in self._names() if name.isdecimal()]
            if numbers:
                return max(numbers)
        return 0

    def next(self, above: int = 0) -> int:
        """A number greater than `above` and all given out before, even after a power cut."""
        number = self.move(above)
        disk.sync_directory(self._directory)
        return number

    def move(self, above: int = 0) -> int:
        """Advance the number, so that processes see a change; need not survive a power cut."""
        while True:
            current = self.value() or self._restore()
            number = max(current, above) + 1
            try:
                os.rename(self._path(current), self._path(number))  # noqa: PTH104
            except FileNotFoundError:
                continue  # another process took it
            return number

    def _restore(self) -> int:
        """Create the counter above the highest number in use; one of several processes succeeds.

        The directory is renamed into place with its file, which fails if a counter exists.
        """
        number = max(self._floor(), 1)
        fresh = self._directory.with_name(f"{self._directory.name}.{secrets.token_hex(8)}")
        disk.make_directory(fresh)
        try:
            (fresh / str(number)).touch(disk.FILE_MODE)
            os.rename(fresh, self._directory)  # noqa: PTH104
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        return self.value() or number

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._directory)  # noqa: PTH208 - names are what it is about
        except FileNotFoundError:
            return []

    def _path(self, number: int) -> Path:
        return self._directory / str(number)
