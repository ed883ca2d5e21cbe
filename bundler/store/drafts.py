"""Drafts: unfinished files beside their final path, named after the process that writes them.

A process that is killed leaves its drafts. The next process that writes to the same path removes
them. Drafts of living processes stay, and so do those of other machines that share the directory
for a day after their last change.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import disk
from .files.process import Process
from .files.workspace import is_abandoned

_LONGEST = 100  # bytes of a place's name in its draft's; a file system takes 255 in all
_OWNED = re.compile(r"\.([0-9]+\.[0-9]+\.[^./]+\.[0-9a-f]{8})\.part\Z")


def beside(place: Path) -> Path:
    """An unused name in the same folder; removes drafts of the file whose process has ended."""
    prefix = f".{os.fsencode(place.name)[:_LONGEST].decode(errors='ignore')}"
    clear(place.parent, prefix)
    return new(place.parent, prefix)


def new(folder: Path, prefix: str = "") -> Path:
    """An unused name in a folder, which names its owner process."""
    return folder / f"{prefix}.{Process.current()}.{secrets.token_hex(4)}.part"


def keep(place: Path, data: bytes) -> None:
    """Write or replace a file that only saves work; where nothing may be written, it is missing."""
    draft = beside(place)
    with suppress(OSError):
        disk.make_directories(place.parent)
        disk.write(draft, data, durable=False)
        draft.replace(place)


@contextmanager
def called(place: Path, draft: Path | None = None) -> Iterator[None]:
    """Name `place` in errors; with `draft`, only in those about that path or one below it."""
    try:
        yield
    except OSError as error:
        about = os.fsdecode(error.filename or "")
        if draft is None or not about or about.startswith(str(draft)):
            error.filename, error.filename2 = str(place), None
        raise


def clear(folder: Path, prefix: str = ".") -> None:
    """Remove drafts in a folder whose process has ended, if permitted."""
    with suppress(OSError), os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.name.startswith(prefix)]
        for name in found:
            owner = _OWNED.search(name)
            if owner and is_abandoned(folder / name, owner[1]):
                _remove(folder / name)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            disk.remove(path)
