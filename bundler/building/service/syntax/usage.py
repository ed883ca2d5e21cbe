"""Usage: the models that the author's code asks for, and the modules that it imports."""

import ast
import sys
from collections.abc import Iterable, Iterator

from .module import Function, Module, absolute, argument_names, is_type_checking
from .tree import SourceTree, named_by

_MODEL = frozenset(("modelbundle.model", "modelbundle.runtime.services.service.model"))
_OPTIONAL = frozenset(("ImportError", "ModuleNotFoundError", "Exception"))


def models(tree: SourceTree, modules: Iterable[Module]) -> tuple[str, ...]:
    """The names in `model("name")`, in order of appearance.

    Raises:
        BuildError: where the name is not a literal, because the build runs nothing to learn it.
    """
    names: dict[str, None] = {}
    for module in modules:
        for call in _calls(module.tree):
            if tree.name_of(call.func, module) not in _MODEL:
                continue
            argument = call.args[0] if call.args else None
            if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                raise module.error(
                    call,
                    "the name in `model(...)` is not a literal.",
                    'Write `model("name")`: the build reads it without running anything.',
                )
            names[argument.value] = None
    return tuple(names)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call whose first name is not hidden by a parameter or a local variable."""
    waiting: list[tuple[ast.AST, frozenset[str]]] = [(tree, frozenset())]
    while waiting:  # a sum of a thousand terms is a thousand levels
        node, hidden = waiting.pop()
        if isinstance(node, Function | ast.Lambda):
            hidden |= _locals(node)
        if isinstance(node, ast.Call) and _root(node.func) not in hidden:
            yield node
        waiting += [(child, hidden) for child in ast.iter_child_nodes(node)][::-1]


def _locals(node: Function | ast.Lambda) -> frozenset[str]:
    stored = {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    return frozenset(stored.union(argument_names(node)))


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def files(tree: SourceTree, module: Module) -> dict[str, str]:
    """The project's files without which `module` cannot be imported, each with who imports it.

    What is imported in a function or a branch may not be needed. Nor may an `__init__.py` be.
    """
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        each = waiting.pop(0)
        for node in each.tree.body:
            for name in named_by(node, each):
                home = tree.find(name)
                if home and home.shown not in found:
                    found[home.shown] = f"{each.shown}:{getattr(node, 'lineno', 1)}"
                    waiting.append(home)
    return {path: who for path, who in found.items() if not path.endswith("__init__.py")}


def imports(tree: SourceTree, modules: Iterable[Module]) -> frozenset[str]:
    """Top-level modules that the code cannot do without and that are neither Python's nor its own.

    What is imported for type checkers alone, or in a `try` that takes its absence, is left out.
    """
    found = {name for module in modules for name in _needed(module.tree, module)}
    own = {name for name in found if tree.find(name) or _is_folder(tree, name)}
    return frozenset(found - own - set(sys.stdlib_module_names) - {"modelbundle", "__future__"})


def _is_folder(tree: SourceTree, name: str) -> bool:
    """Whether it is a package without `__init__.py`."""
    return any((root / name).is_dir() for root in tree.roots)


def _needed(tree: ast.AST, module: Module) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                yield absolute(node, module.package).partition(".")[0]
        else:
            waiting += _kept(node)


def _kept(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, ast.If) and is_type_checking(node.test):
        return node.orelse
    if isinstance(node, ast.Try) and any(map(_takes_absence, node.handlers)):
        return [*node.orelse, *node.finalbody]
    return ast.iter_child_nodes(node)


def _takes_absence(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(each, ast.Name) and each.id in _OPTIONAL for each in types)
