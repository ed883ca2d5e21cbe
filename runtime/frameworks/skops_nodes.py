"""skops nodes: what the nodes of a skops file make its loader call, and with which objects.

Source: skops/io/_general.py, _numpy.py, _sklearn.py and _audit.py.
"""

from collections.abc import Iterator
from typing import Any

from ..pickles.global_use import Use
from ..pickles.recorder import CLASS, ELEMENTS, ITEMS, KEYS
from ..pickles.safe_globals import ARRAY, DEFAULTS, SAFE
from ..pickles.stack_values import UNTOLD

_OBJECT, _CACHED = "ObjectNode", "CachedNode"
_FOUND = frozenset({"FunctionNode", "TypeNode"})  # not called to be loaded
_OBJECTS = frozenset({_OBJECT, "ConstructorFromReduceNode", "PartialNode"})
_KEEPING = _FOUND | {_OBJECT, "DefaultDictNode", "DictNode", "PartialNode", _CACHED}
_STEPS = 5_000_000  # through the nodes of a file, with those that are repeated
_LISTING = frozenset({"ListNode", "SetNode", "TupleNode"})  # call a class with a list
_PLAIN = frozenset({"builtins.list", "builtins.tuple"})  # keep its elements as they are
_HASHING = frozenset({"builtins.frozenset", "builtins.set"})


def types(schema: dict[str, Any]) -> tuple[str, ...]:
    """The "module.class" of every node, sorted."""
    nodes = list(_nodes(schema))
    named = {f"{module}.{kind}" for module, kind, _ in nodes}
    return tuple(sorted(named.union(*(_old_function(node) for _, _, node in nodes))))


def _old_function(node: dict[str, Any]) -> set[str]:
    """The function that a node names in its content, as those of protocol 0 do."""
    content = node.get("content")
    if node.get("__loader__") != "FunctionNode" or not isinstance(content, dict):
        return set()
    return {f"{content.get('module_path')}.{content.get('function')}"}


def uses(schema: dict[str, Any]) -> frozenset[Use]:
    """What the loader calls to make the nodes, the methods that they bind, and what they hold."""
    nodes = list(_nodes(schema))
    found = _Uses([node for *_, node in nodes])
    for module, kind, node in nodes:
        found.add(module, kind, node)
    return frozenset(found.uses)


class _Uses:
    """Collects what is used of the nodes of a file.

    The loader takes nodes of one `__id__` for one, whatever they say; so each may mean all of them.
    """

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        self._named: dict[str, list[dict[str, Any]]] = {}
        known = set()
        for node in nodes:
            if node.get("__loader__") == _CACHED or node.get("__id__") is None:
                continue
            if (alike := _without_parts(node)) not in known:  # of `str` a forest has thousands
                self._named.setdefault(str(node["__id__"]), []).append(node)
            known.add(alike or id(node))
        self._steps = _STEPS
        self.uses: set[Use] = set()

    def add(self, module: str, kind: str, node: dict[str, Any]) -> None:
        """Add what one node does."""
        how, content = node.get("__loader__"), node.get("content")
        parts = content if isinstance(content, dict) else {}
        if how == "MethodNode":
            self.uses.add(Use("call", module, f"{kind}.{parts.get('func')}"))
            return
        if how == "DefaultDictNode":
            self.uses.update(map(_given, self._meant(parts.get("default_factory"))))
        is_read = f"{module}.{kind}" == ARRAY and how == "NdArrayNode"  # not called
        if how not in _FOUND and not is_read:
            self.uses.add(Use("new" if how == _OBJECT else "call", module, kind))
        if how == "DictNode":
            self.uses.add(Use("fill", module, kind, ITEMS))
            self.uses.update(self._key_types(node.get("key_types")))
        if how in {_OBJECT, "LossNode"} and content is not None:
            for meant in self._meant(content):
                self.uses.update(self._state(module, kind, meant))
        if how not in _KEEPING:
            self.uses.update(self._handed(_taker(module, kind, node), node))
        for args in _arguments(node):
            self.uses.update(self._given(f"{module}:{kind}", args))

    def _state(self, module: str, kind: str, content: Any) -> Iterator[Use]:
        """That an object gets its state, and which parts of that are objects."""
        yield Use("state", module, kind)
        held = content.get("content") if isinstance(content, dict) else None
        is_plain = isinstance(held, dict) and content.get("__loader__") == "DictNode"
        for name, part in held.items() if is_plain and held else [("", content)]:
            if name == CLASS or name.startswith("__array"):  # numpy looks for it in objects
                yield Use("slot", module, kind, name)
            if any(map(_is_object, self._meant(part))):
                yield Use("part", module, kind, name)
            elif any(map(_is_object, self._within(part))):
                yield Use("inside", module, kind, name)

    def _handed(self, to: str, node: dict[str, Any]) -> Iterator[Use]:
        """The objects that something gets, which may run methods of them."""
        parts = [part for name, part in node.items() if name != "__id__"]
        for each in self._within(parts) if to else ():
            if _is_object(each):
                yield Use("shaped", str(each.get("__module__")), str(each.get("__class__")), to)

    def _given(self, to: str, args: Any) -> Iterator[Use]:
        """The classes and functions that a constructor gets, which it may call."""
        for each in self._within(args):
            if isinstance(each, dict) and each.get("__loader__") in _FOUND:
                named = {f"{each.get('__module__')}.{each.get('__class__')}", *_old_function(each)}
                parts = (name.rpartition(".") for name in named - SAFE)
                yield from (Use("given", place, kind, to) for place, _, kind in parts)

    def _key_types(self, node: Any) -> Iterator[Use]:
        """What is called with the text of each key of a dictionary."""
        for listed in self._meant(node):
            is_list = isinstance(listed, dict) and listed.get("__loader__") == "ListNode"
            types = listed.get("content") if is_list else [listed]
            for kind in (meant for each in types or () for meant in self._meant(each)):
                is_class = isinstance(kind, dict) and kind.get("__loader__") == "TypeNode"
                names = (kind["__module__"], kind["__class__"]) if is_class else (UNTOLD, UNTOLD)
                yield Use("call", *names)

    def _within(self, node: Any) -> Iterator[Any]:
        """The nodes in a container, but not those in its objects."""
        waiting, seen = [node], set()
        while waiting:
            for each in self._meant(waiting.pop()):
                if id(each) in seen:
                    continue
                seen.add(id(each))
                self._steps -= 1
                if self._steps < 0:
                    self.uses.add(Use("call", UNTOLD, UNTOLD))  # nobody can say
                    return
                yield each
                if isinstance(each, list):
                    waiting += each
                elif isinstance(each, dict) and each.get("__loader__") not in _OBJECTS:
                    waiting += each.values()

    def _meant(self, node: Any) -> list[Any]:
        """What the loader may take for a node: all that have its identity."""
        identity = node.get("__id__") if isinstance(node, dict) else None
        return [node] if identity is None else self._named.get(str(identity), [node])


def _without_parts(node: dict[str, Any]) -> str | None:
    """What tells a node from others that have no nodes in them; None for one that has some."""
    if any(isinstance(part, (dict, list)) for part in node.values()):
        return None
    return repr(sorted(node.items()))


def _arguments(node: dict[str, Any]) -> Iterator[Any]:
    """What a node calls its class with, where that is not of a kind of its own."""
    reduced, how = node.get("__reduce__"), node.get("__loader__")
    if isinstance(reduced, dict) and how != "TreeNode":  # always of sklearn's `Tree`
        yield reduced.get("args")
    if how == "ConstructorFromReduceNode":
        yield node.get("content")


def _is_object(node: Any) -> bool:
    """Whether it is an object with attributes."""
    return isinstance(node, dict) and node.get("__loader__") in _OBJECTS


def _taker(module: str, kind: str, node: dict[str, Any]) -> str:
    """What runs methods of the objects in a node, as "module:name"; "" if nothing does."""
    how, name = node.get("__loader__"), f"{module}.{kind}"
    if how in _LISTING and name in _PLAIN | _HASHING:
        return KEYS if name in _HASHING else ""
    if how != "NdArrayNode" or node.get("type") != "json":
        return f"{module}:{kind}"
    shape = node.get("shape")
    lengths = shape.get("content") if isinstance(shape, dict) else None
    return "" if isinstance(lengths, list) and len(lengths) == 1 else ELEMENTS


def _given(made: Any) -> Use:
    """What a `defaultdict` calls for what it lacks; JSON's null for nothing."""
    if not isinstance(made, dict) or made.get("__loader__") == "JsonNode":
        made = {"__module__": "builtins", "__class__": "dict"}
    name = str(made.get("__module__")), str(made.get("__class__"))
    is_class = made.get("__loader__", "TypeNode") == "TypeNode"
    return Use("given", *(name if is_class else (UNTOLD, UNTOLD)), DEFAULTS.replace(".", ":"))


def _nodes(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            module, kind = node.get("__module__"), node.get("__class__")
            if isinstance(module, str) and isinstance(kind, str):
                yield module, kind, node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
