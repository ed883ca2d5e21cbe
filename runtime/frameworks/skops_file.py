"""skops files: an estimator as JSON and arrays, whose types are listed before any is created.

Source: skops.readthedocs.io, "Secure persistence with skops": a zip with `schema.json`, a tree of
nodes of which each names its `__module__` and `__class__`.
"""

import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import zip_member
from ..errors import MissingFramework
from ..pickles.global_use import Use
from ..pickles.safe_globals import DEFAULTS
from ..pickles.stack_values import UNTOLD

_SCHEMA = "schema.json"
_VALUES = frozenset({"FunctionNode", "TypeNode"})  # found, but not called to be loaded
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
    return tuple(sorted({f"{module}.{kind}" for module, kind, _ in _nodes(path)}))


def uses(path: Path) -> frozenset[Use]:
    """What its loader calls to make the nodes, and the methods that they bind."""
    found: set[Use] = set()
    for module, kind, node in _nodes(path):
        how = node.get("__loader__")
        if how == "MethodNode":
            content = node.get("content")
            method = content.get("func") if isinstance(content, dict) else None
            found.add(Use("call", module, f"{kind}.{method}"))
            continue
        if how == "DefaultDictNode":
            content = node.get("content")
            made = content.get("default_factory") if isinstance(content, dict) else None
            found.add(_given(made))
        if how not in _VALUES:
            found.add(Use("new" if how == "ObjectNode" else "call", module, kind))
    return frozenset(found)


def _given(made: Any) -> Use:
    """What a `defaultdict` calls for what it lacks; JSON's null for nothing."""
    if not isinstance(made, dict) or made.get("__loader__") == "JsonNode":
        made = {"__module__": "builtins", "__class__": "dict"}
    name = str(made.get("__module__")), str(made.get("__class__"))
    is_class = made.get("__loader__", "TypeNode") == "TypeNode"
    return Use("given", *(name if is_class else (UNTOLD, UNTOLD)), DEFAULTS.replace(".", ":"))


def _nodes(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    waiting: list[Any] = [_schema(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            module, kind = node.get("__module__"), node.get("__class__")
            if isinstance(module, str) and isinstance(kind, str):
                yield module, kind, node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


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
