"""SourceTree: the author's modules, and the resolution of names across them."""

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .....runtime.nearest import did_you_mean
from .....runtime.services.service_class import import_roots
from ....errors import BuildError
from .module import Assigned, Binding, Function, Given, Imported, Module, absolute, given

REEXPORTS = 20  # imports of imports

_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that no file of the project defines, by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class Defined:
    """A class or function of the project."""

    module: Module
    node: ast.ClassDef | Function


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for an expression in a file of the project; opaque ones are not looked through."""

    module: Module
    value: ast.expr
    is_opaque: bool
    parameters: Sequence[ast.AST] = ()
    is_one_of_several: bool = False

    def of(self, arguments: Sequence[ast.expr], module: Module) -> "Alias":
        """`X[int]` of `type X[T] = ...`, where `int` stands in `module`."""
        names = given(self.parameters, arguments, self.module, module)
        return replace(self, module=self.module.knowing(names))


class Unknown:
    """Nothing that can be read."""


Meaning = Outside | Defined | Alias | Unknown


class SourceTree:
    """Modules below the import roots of `root`, parsed once when they are asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.roots = import_roots(root)
        self._modules: dict[str, Module | None] = {}

    def find(self, name: str) -> Module | None:
        """The project's module `name`, or None; raises BuildError when its file is not Python."""
        if name not in self._modules:
            path = self._path(name)
            self._modules[name] = Module.read(name, path, self.root) if path else None
        return self._modules[name]

    def has(self, name: str) -> bool:
        """Whether there is a file of the module `name`, whatever is in it."""
        return self._path(name) is not None

    def _path(self, name: str) -> Path | None:
        parts = name.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        for root in self.roots:
            stem = root.joinpath(*parts)
            for path in (stem / "__init__.py", stem.with_name(stem.name + ".py")):
                if path.is_file():
                    return path
        return None

    def names(self) -> list[str]:
        """Modules that a target may name, for did-you-mean."""
        files = [path for root in self.roots for path in root.glob("*.py")]
        packages = [path.parent for root in self.roots for path in root.glob("*/__init__.py")]
        return sorted({path.stem for path in files} | {path.name for path in packages})

    def resolve(self, expression: ast.expr, module: Module) -> Meaning:
        """What a name or a dotted name refers to.

        Raises:
            BuildError: for a name that the file does not define, or only for type checkers.
        """
        chain = _chain(expression)
        if not chain:
            return Unknown()
        first, rest = chain[0], chain[1:]
        binding = module.names.get(first)
        if binding is None:
            return self._unbound(expression, first, rest, module)
        if isinstance(binding, Imported):
            if binding.is_typing_only:
                raise module.error(
                    expression,
                    f"`{first}` is imported under TYPE_CHECKING only, but the server needs it.",
                    "Import it for real.",
                )
            return self._dotted(".".join([binding.origin, *rest]))
        return Unknown() if rest else _meaning(binding, module)

    def _unbound(self, expression: ast.expr, name: str, rest: list[str], module: Module) -> Meaning:
        if name in _BUILTINS and not rest:
            return Outside(f"builtins.{name}")
        if origin := self._starred(name, module):
            return self._dotted(".".join([origin, *rest]))
        if module.stars or name in _BUILTINS:
            return Unknown()
        hint = did_you_mean(name, [*module.names, *_BUILTINS]) or f"Define or import `{name}`."
        raise module.error(expression, f"`{name}` is not defined.", hint)

    def _starred(self, name: str, module: Module) -> str:
        """The dotted name that a `from x import *` gives to `name`; empty where none is known to.

        What the project does not define comes from elsewhere, where there is one such place.
        """
        waiting, seen, outside = list(module.stars), {module.name}, []
        while waiting:
            star = waiting.pop()  # the last one wins
            if star in seen:
                continue
            seen.add(star)
            home = self.find(star)
            if home is None:
                outside.append(star)
            elif name in home.names:
                return f"{star}.{name}"
            else:
                waiting += home.stars
        return f"{outside[0]}.{name}" if len(outside) == 1 else ""

    def _dotted(self, name: str, depth: int = 0) -> Meaning:
        """A whole name: through the project's own modules as far as they reach."""
        parts = name.split(".")
        for size in range(len(parts) - 1, 0, -1):
            module = self.find(".".join(parts[:size]))
            if module is None:
                continue
            binding, rest = module.names.get(parts[size]), parts[size + 1 :]
            origin = binding.origin if isinstance(binding, Imported) else ""
            if binding is None and module.stars:
                origin = self._starred(parts[size], module)
            if origin and depth < REEXPORTS:
                return self._dotted(".".join([origin, *rest]), depth + 1)
            return Unknown() if rest else _meaning(binding, module)
        return Outside(name)

    def name_of(self, expression: ast.expr, module: Module) -> str:
        """The dotted name of something outside the project; empty for anything else."""
        try:
            meaning = self.resolve(expression, module)
            for _ in range(REEXPORTS):
                if not isinstance(meaning, Alias) or meaning.is_opaque:
                    break
                meaning = self.resolve(meaning.value, meaning.module)
        except BuildError:  # whoever runs the file hears of it
            return ""
        return meaning.name if isinstance(meaning, Outside) else ""

    def literal(self, expression: ast.expr, module: Module, depth: int = 0) -> Any:
        """The value of a literal, or of a name for one.

        Raises:
            ValueError: for anything that would have to be run.
        """
        if isinstance(expression, ast.Name | ast.Attribute) and depth < REEXPORTS:
            meaning = self.resolve(expression, module)
            if isinstance(meaning, Alias) and not meaning.is_one_of_several:
                return self.literal(meaning.value, meaning.module, depth + 1)
        if isinstance(expression, ast.Tuple | ast.List):
            values = [self.literal(item, module, depth) for item in expression.elts]
            return tuple(values) if isinstance(expression, ast.Tuple) else values
        return ast.literal_eval(expression)

    def reachable(self, module: Module) -> Iterator[Module]:
        """The module, and every module of the project that it imports, directly or not."""
        seen: set[str] = set()
        queue = [module]
        while queue:
            each = queue.pop(0)
            if each.name in seen:
                continue
            seen.add(each.name)
            yield each
            queue += [found for name in modules_of(each) if (found := self.find(name))]


def _meaning(binding: Binding | None, module: Module) -> Meaning:
    if isinstance(binding, Given):
        return Alias(binding.module, binding.value, is_opaque=False)
    if isinstance(binding, Assigned):
        if any(type(each).__name__ != "TypeVar" for each in binding.parameters):
            return Unknown()  # *Ts and **P
        alias = Alias(
            module, binding.value, binding.is_alias, binding.parameters, binding.is_one_of_several
        )
        return alias.of((), module)
    if isinstance(binding, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return Defined(module, binding)
    return Unknown()


def modules_of(module: Module) -> Iterator[str]:
    """Dotted names of everything that may be a module among the file's imports, parents first."""
    for node in ast.walk(module.tree):
        yield from named_by(node, module)


def named_by(node: ast.AST, module: Module) -> Iterator[str]:
    """The same of one statement of the file; nothing for one that is no import."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = absolute(node, module.package)
        names = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
    for name in filter(None, names):
        parts = name.split(".")
        yield from (".".join(parts[:size]) for size in range(1, len(parts) + 1))


def _chain(expression: ast.expr) -> list[str]:
    """`a.b.c` as its parts; empty for any other expression."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.insert(0, expression.attr)
        expression = expression.value
    return [expression.id, *parts] if isinstance(expression, ast.Name) else []
