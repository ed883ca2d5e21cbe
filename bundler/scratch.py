"""Scratch: directories for temporary files outside of the store, in `TMPDIR`."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .store import drafts

_PREFIX = "bundle-"


@contextmanager
def folder(purpose: str) -> Iterator[Path]:
    """An empty folder of ours alone, removed afterwards; those of killed processes go first.

    Raises:
        OSError: when none can be made.
    """
    place = Path(tempfile.gettempdir())
    drafts.clear(place, _PREFIX)
    made = drafts.new(place, f"{_PREFIX}{purpose}")
    made.mkdir(0o700)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
