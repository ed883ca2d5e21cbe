"""Files and folders that tools have made, from whom they can be had again: never a project's own.

A store, an archive or a bundle in a project would be packed into its next bundle, with the one
before inside, and so on.
"""

import os
from contextlib import suppress
from pathlib import Path

_MARKS = (
    ("pyvenv.cfg",),  # an environment
    ("oci-layout",),  # a store, an archive
    ("bundle.json", "server.py", "modelbundle"),  # a bundle
)
_PROJECT = "bundlefile.yaml"
_VENDORED = ("bundle.lock", "wheels")  # of what `bundle vendor` has made of a project
_FIRST = b"oci-layout\0"  # the first member of the tar of an archive
_COMPRESSED = b"\x28\xb5\x2f\xfd"


def is_generated(folder: Path) -> bool:
    """Whether a tool has made the folder."""
    if _has(folder, _VENDORED):
        return not _has(folder, (_PROJECT,))
    return any(_has(folder, marks) for marks in _MARKS)


def is_archive(file: Path) -> bool:
    """Whether it is a `.tar` or `.tar.zst` of `bundle export`; no if it cannot be read."""
    if not file.name.endswith((".tar", ".zst")):
        return False
    with suppress(OSError):
        return _start(file).startswith(_FIRST)
    return False


def _start(file: Path) -> bytes:
    with file.open("rb") as stream:
        start = stream.read(len(_FIRST))
        if not start.startswith(_COMPRESSED):
            return start
        with suppress(ImportError):
            import zstandard

            stream.seek(0)
            with suppress(zstandard.ZstdError):
                return zstandard.ZstdDecompressor().stream_reader(stream).read(len(_FIRST))
    return b""


def _has(folder: Path, names: tuple[str, ...]) -> bool:
    # `os.path.exists` never raises.
    return all(os.path.exists(folder / name) for name in names)  # noqa: PTH110
