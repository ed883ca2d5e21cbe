"""The runtime as files of a bundle."""

import os
from collections.abc import Iterator
from pathlib import Path

from ....runtime.version import __version__

PACKAGE = Path(__file__).resolve().parents[3]
KINDS = frozenset({".py", ".html", ".css", ".js", ".svg", ".json", ".proto"})


def files() -> Iterator[tuple[str, bytes]]:
    """(path in the bundle, content) of the vendored package, sorted by path."""
    face = (PACKAGE / "templates" / "face.py.txt").read_text("utf-8")
    yield "modelbundle/__init__.py", face.replace("@VERSION@", __version__).encode()
    yield from sorted(_runtime())


def _runtime() -> Iterator[tuple[str, bytes]]:
    """Of hundreds of files: `os.walk` and plain paths take a fifth of what `rglob` takes."""
    for folder, folders, names in os.walk(PACKAGE / "runtime"):
        folders[:] = [name for name in folders if name != "__pycache__"]
        inside = Path(folder).relative_to(PACKAGE).as_posix()
        for name in names:
            if name[name.rfind(".") :] in KINDS:
                yield f"modelbundle/{inside}/{name}", Path(folder, name).read_bytes()
