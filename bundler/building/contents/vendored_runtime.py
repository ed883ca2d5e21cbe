"""The runtime as files of a bundle."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ....runtime.version import __version__

PACKAGE = Path(__file__).resolve().parents[3]
KINDS = frozenset({".py", ".html", ".css", ".js", ".svg", ".json", ".proto"})


def files() -> Iterator[tuple[str, bytes]]:
    """(path in the bundle, content) of the vendored package, sorted by path."""
    face = (PACKAGE / "templates" / "face.py.txt").read_text("utf-8")
    yield "modelbundle/__init__.py", face.replace("@VERSION@", __version__).encode()
    yield from sorted(_runtime())


def _runtime() -> Iterator[tuple[str, bytes]]:
    home = PACKAGE / "runtime"
    for path in home.rglob("*"):
        inside = PurePosixPath(path.relative_to(PACKAGE).as_posix())
        if path.suffix in KINDS and "__pycache__" not in inside.parts:
            yield f"modelbundle/{inside}", path.read_bytes()
