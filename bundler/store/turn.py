"""Turn: lets one process at a time change a file that several machines share, without locks.

On NFS a lock may do nothing, but only one process can create a file. The file names the process.
When that process has ended, or belongs to another machine and is silent, the turn is passed on.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StoreError
from ..progress import SILENT, Progress
from . import drafts
from .files import disk
from .files.process import Process

GRACE = 30.0  # seconds; a turn takes milliseconds
_QUIET = 1.0  # seconds of waiting before it is told
_LOOK = 0.02  # seconds between two looks, at most


@contextmanager
def taken(
    path: Path,
    grace: float = GRACE,
    progress: Progress = SILENT,
) -> Iterator[None]:
    """Create the file at `path`, when its turn has come; it is removed when the block ends.

    Whose turn it is, `progress` hears after a second.

    Raises:
        StoreError: when another process has held it for `grace` seconds, and may be at work.
        OSError: when it cannot be created.
    """
    since, is_told = time.monotonic(), False
    while not _is_created(path):
        waited = time.monotonic() - since
        if waited > _QUIET and not is_told:
            progress.step(f"Waiting for {_who(path)}, which has `{path}`")
            is_told = True
        _wait(path, grace, is_late=waited > grace)
    try:
        yield
    finally:
        with suppress(OSError):
            disk.remove(path)


def _is_created(path: Path) -> bool:
    try:
        disk.write(path, str(Process.current()).encode(), durable=False)
    except FileExistsError:
        return False
    except OSError:  # a full disk: it may be there, and empty
        with suppress(OSError):
            disk.remove(path)
        raise
    return True


def _wait(path: Path, grace: float, *, is_late: bool) -> None:
    """Remove the file of a process that has ended; else wait a little."""
    try:
        text = disk.read(path)
    except FileNotFoundError:
        return
    holder = _holder(text)
    is_near = holder is not None and holder.is_near
    is_over = is_late and disk.age(path) > grace
    if holder is not None and is_near and holder.is_alive:
        if is_over:
            raise StoreError(
                f"Process {holder.pid} has kept `{path}` for more than {grace:.0f} seconds.",
                hint=f"See what it waits for, or end it: `kill -9 {holder.pid}`.",
            )
    elif is_near or is_over:
        _end(path, text)
        return
    time.sleep(_LOOK * random.random())  # noqa: S311 - so that two do not look in step


def _who(path: Path) -> str:
    with suppress(OSError):
        holder = _holder(disk.read(path))
        if holder is not None and holder.is_near:
            return f"process {holder.pid}"
    return "a process of another machine"


def _holder(text: bytes) -> Process | None:
    """The process that holds the turn; None if the file is empty."""
    try:
        return Process.parse(text.decode())
    except ValueError:
        return None


def _end(path: Path, text: bytes) -> None:
    """Remove the file, unless it is the next process's by now."""
    aside = drafts.new(path.parent, path.name)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if disk.read(aside) == text:
        disk.remove(aside)
    else:
        aside.rename(path)
