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
from ..pickles.recorder import CLASS, ITEMS, KEYS
from ..pickles.safe_globals import ARRAY, DEFAULTS
from ..pickles.stack_values import UNTOLD

_SCHEMA = "schema.json"
_VALUES = frozenset({"FunctionNode", "TypeNode"})  # found, but not called to be loaded
_OBJECT = "ObjectNode"
_OBJECTS = frozenset({_OBJECT, "ConstructorFromReduceNode", "PartialNode"})
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
    """What its loader calls to make the nodes, the methods that they bind, and what they hold."""
    found: set[Use] = set()
    nodes = list(_nodes(path))
    objects = {node.get("__id__") for _, _, node in nodes if node.get("__loader__") == _OBJECT}
    for module, kind, node in nodes:
        how, content = node.get("__loader__"), node.get("content")
        parts = content if isinstance(content, dict) else {}
        if how == "MethodNode":
            found.add(Use("call", module, f"{kind}.{parts.get('func')}"))
            continue
        if how == "DefaultDictNode":
            found.add(_given(parts.get("default_factory")))
        is_read = f"{module}.{kind}" == ARRAY and node.get("type") == "numpy"  # not called
        if how not in _VALUES and not is_read:
            found.add(Use("new" if how == _OBJECT else "call", module, kind))
        if how == "DictNode":
            found.add(Use("fill", module, kind, ITEMS))
        if how == "SetNode":
            found.update(_keys(content, objects))
        if how == _OBJECT and content is not None:
            found.update(_state(module, kind, parts, objects))
    return frozenset(found)


def _state(module: str, kind: str, content: dict[str, Any], objects: set[Any]) -> Iterator[Use]:
    """That an object gets its state, and which parts of that are objects."""
    yield Use("state", module, kind)
    held = content.get("content")
    is_plain = content.get("__loader__") == "DictNode" and isinstance(held, dict)
    for name, part in held.items() if is_plain and held else [("", content)]:
        if name == CLASS:
            yield Use("slot", module, kind, CLASS)
        if _is_object(part, objects):
            yield Use("part", module, kind, name)
        elif any(_is_object(each, objects) for each in _within(part)):
            yield Use("inside", module, kind, name)


def _keys(content: Any, objects: set[Any]) -> Iterator[Use]:
    """The objects in a set, which are hashed."""
    for each in _within(content):
        if _is_object(each, objects):
            yield Use("shaped", str(each.get("__module__")), str(each.get("__class__")), KEYS)


def _is_object(node: Any, objects: set[Any]) -> bool:
    """Whether it is an object with attributes, or is one that was made before."""
    how = node.get("__loader__") if isinstance(node, dict) else None
    return how in _OBJECTS or (how == "CachedNode" and node.get("__id__") in objects)


def _within(node: Any) -> Iterator[Any]:
    """The nodes in a container, but not those in its objects."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict) and each.get("__loader__") not in _OBJECTS:
            waiting += each.values()


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
