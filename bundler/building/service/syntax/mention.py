"""Mentions: whether running an expression of the author's could make an API that no `def` shows."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ....errors import BuildError
from .module import Assigned, Function, Module, Opaque, argument_names, bindings
from .tree import Alias, Defined, Meaning, SourceTree, Unknown

API = frozenset(("modelbundle.api", "modelbundle.runtime.services.service.api"))

_DISPLAYS = ast.Dict | ast.List | ast.Set | ast.Tuple  # hold a method without making one


@dataclass(slots=True)
class Mentions:
    """Looks for `@api` in expressions, and in the project's functions that they name.

    with_classes  look into the classes that they name, too
    """

    tree: SourceTree
    with_classes: bool = False
    _seen: list[ast.AST] = field(default_factory=list)

    def check(self, nodes: Sequence[ast.AST], module: Module) -> None:
        """Refuse nodes of `module` that mention `@api`.

        Raises:
            BuildError: because which routes there are would have to be run to know.
        """
        for node in nodes:
            found = self._first(node, module)
            if found is not None:
                raise module.error(
                    found,
                    "this makes an API, but `@api` is not directly on a method of the class, so no "
                    "route is made of it.",
                    "Write the method with `@api` straight below `class`, and choose inside it.",
                )

    def _first(self, top: ast.AST, module: Module) -> ast.AST | None:
        """The first name in `top` through which an API is reached."""
        waiting = [top]
        while waiting:
            node = waiting.pop(0)
            if (
                isinstance(node, ast.Name | ast.Attribute)
                and isinstance(node.ctx, ast.Load)
                and self._is_api(node, module)
            ):
                return node
            waiting += _inner(node)
        return None

    def _is_api(self, node: ast.Name | ast.Attribute, module: Module) -> bool:
        if self.tree.name_of(node, module) in API:
            return True
        meaning = self._meaning(node, module)
        if isinstance(meaning, Alias):
            return self._reaches([meaning.value], meaning.module)
        if not isinstance(meaning, Defined):
            return False
        if isinstance(meaning.node, ast.ClassDef):
            nodes = [*meaning.node.bases, *meaning.node.body]
            home = meaning.module.within(meaning.node)
            return self.with_classes and self._reaches(nodes, home)
        return self._reaches([meaning.node], _inside(meaning.node, meaning.module))

    def _reaches(self, nodes: Sequence[ast.AST], module: Module) -> bool:
        new = [node for node in nodes if node not in self._seen]
        self._seen += new
        return any(self._first(node, module) for node in new)

    def _meaning(self, node: ast.expr, module: Module) -> Meaning:
        """What it names; of `Base.predict`, what that class or a base of it calls so."""
        try:
            found = self.tree.resolve(node, module)
            if isinstance(found, Unknown) and isinstance(node, ast.Attribute):
                return self._attribute(self.tree.resolve(node.value, module), node.attr)
        except BuildError:  # whoever runs the file hears of it
            return Unknown()
        return found

    def _attribute(self, owner: Meaning, name: str) -> Meaning:
        waiting, seen = [owner], []
        while waiting:
            home = waiting.pop(0)
            if not isinstance(home, Defined) or isinstance(home.node, Function) or home in seen:
                continue
            seen.append(home)
            bound = bindings(home.node.body, home.module.package).get(name)
            inner = home.module.within(home.node)
            if isinstance(bound, Assigned):
                return Alias(inner, bound.value, is_opaque=False)
            if isinstance(bound, Function):
                return Defined(inner, bound)
            waiting += [self.tree.resolve(base, home.module) for base in home.node.bases]
        return Unknown()


def _inside(node: Function, module: Module) -> Module:
    """The file as the body of one of its functions sees it."""
    hidden = dict.fromkeys(argument_names(node), Opaque())
    return module.knowing({**hidden, **bindings(node.body, module.package)})


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of `node` that could make an API, or be one by another name."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        yield from [node.value] if node.value else []  # `predict.__doc__ = ...` makes none
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node.value.func  # `register(predict)` makes none
        return
    for each in ast.iter_child_nodes(node):
        if not (isinstance(node, _DISPLAYS) and isinstance(each, ast.Name)):
            yield each
