"""OutputFile: a file that a command writes, whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from ...runtime.errors import BundleError


def write(path: Path, data: bytes) -> None:
    """Write or replace it; what was there stays until everything has been written.

    Raises:
        BundleError: when it cannot be written.
    """
    place = path.resolve()  # a link is followed, as every tool does
    try:
        if place.exists() and not place.is_file():
            place.write_bytes(data)  # a pipe, a device: what goes there is gone at once
            return
        _replace(place, data)
    except OSError as error:
        raise BundleError(
            f"`{path}` cannot be written: {error.strerror}.", hint=_hint(place)
        ) from error


def _replace(place: Path, data: bytes) -> None:
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _hint(place: Path) -> str | None:
    if place.is_dir():
        return "Name a file in it."
    return None if place.parent.is_dir() else f"Make the directory `{place.parent}` first."
