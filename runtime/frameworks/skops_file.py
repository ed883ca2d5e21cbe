"""skops files: an estimator as JSON and arrays, whose types are listed before any is created.

Source: skops.readthedocs.io, "Secure persistence with skops": a zip with `schema.json`, a tree of
nodes of which each names its `__module__` and `__class__`.
"""

import json
import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from .. import zip_member
from ..errors import MissingFramework
from ..pickles.global_use import Use
from . import skops_nodes

_SCHEMA = "schema.json"
_LARGEST = 64 << 20  # bytes of the schema
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError,
    RecursionError, RuntimeError,
)  # fmt: skip


def is_one(path: Path) -> bool:
    """Whether it is a skops file, by its content."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return False
    return "_skops_version" in _schema(path)


def types(path: Path) -> tuple[str, ...]:
    """The "module.class" of every node, sorted; nothing of a file that is none."""
    return skops_nodes.types(_schema(path))


def uses(path: Path) -> frozenset[Use]:
    """What its loader calls to make the nodes, the methods that they bind, and what they hold."""
    return skops_nodes.uses(_schema(path))


def load(path: Path, pickles: Any) -> Any:
    """Make the estimator, its types held against the policy first.

    Whoever vouched for the file's digest has vouched for its types.
    """
    try:
        import skops.io
    except ImportError as error:
        raise MissingFramework("skops", "skops") from error
    pickles.check_names(types(path), uses(path))
    with pickles.narrowing(path, "zip"):
        return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


def _schema(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            found = json.loads(zip_member.read(archive, archive.getinfo(_SCHEMA), _LARGEST))
    except (KeyError, NotImplementedError, *_BROKEN):
        return {}
    return found if isinstance(found, dict) else {}
