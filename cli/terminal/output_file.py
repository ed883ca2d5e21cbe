"""OutputFile: writes a file atomically."""

from pathlib import Path

from ...runtime.errors import BundleError


def write(path: Path, data: bytes) -> None:
    """Write or replace it; what was there stays until everything has been written.

    Raises:
        BundleError: when it cannot be written.
    """
    from ...bundler import atomic_file  # the store with it, which `--help` and <TAB> do without

    place = path.resolve()  # a link is followed, as every tool does
    try:
        if place.exists() and not place.is_file():
            place.write_bytes(data)  # a pipe, a device: what goes there is gone at once
            return
        atomic_file.write(place, data)
    except OSError as error:
        raise BundleError(
            f"`{path}` cannot be written: {error.strerror}.",
            hint=atomic_file.hint(error) or _hint(place),
        ) from error


def _hint(place: Path) -> str | None:
    if place.is_dir():
        return "Name a file in it."
    return None if place.parent.is_dir() else f"Make the directory `{place.parent}` first."
