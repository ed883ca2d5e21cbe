"""Module: one parsed source file, and what its names refer to."""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ....errors import BuildError

_HINT = (
    f"This tool runs on Python {sys.version_info.major}.{sys.version_info.minor}. If the code is "
    "for a newer one, install modelbundle there, and build with it."
)

Function = ast.FunctionDef | ast.AsyncFunctionDef

BRANCHES = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Match),
    *(ast.Try, ast.TryStar),
)
"""Statements whose inner ones may not run."""

_INNER = (ast.stmt, ast.ExceptHandler, ast.match_case, ast.comprehension, ast.Lambda)
"""What binds names for itself, or is looked into by `_inner`."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A name from elsewhere, by its whole dotted name; `is_typing_only` under TYPE_CHECKING."""

    origin: str
    is_typing_only: bool = False


@dataclass(frozen=True, slots=True)
class Assigned:
    """`name = value`, or `type name[parameters] = value` (`is_alias`).

    is_one_of_several  some branch gives the name another value
    """

    value: ast.expr
    is_alias: bool = False
    parameters: Sequence[ast.AST] = ()
    is_one_of_several: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """A type parameter that stands for an expression of `module`."""

    value: ast.expr
    module: "Module"


@dataclass(frozen=True, slots=True)
class Opaque:
    """A name that is bound in a way that says nothing, such as a loop or a type parameter."""


Binding = Imported | Assigned | Given | Opaque | ast.ClassDef | Function


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed file.

    name   dotted, as it is imported
    shown  path from the project's root, as errors name it
    stars  modules of each `from x import *`, in order: any other name may come from there
    """

    name: str
    path: Path
    shown: str
    tree: ast.Module
    names: Mapping[str, Binding]
    stars: tuple[str, ...]

    @classmethod
    def read(cls, name: str, path: Path, root: Path) -> "Module":
        """Parse the file at `path`; raises BuildError with file and line, when it is not Python."""
        shown = path.relative_to(root).as_posix()
        try:
            tree = ast.parse(path.read_bytes(), filename=shown)
        except SyntaxError as error:
            raise BuildError(f"{shown}:{error.lineno or 1}: {error.msg}.", hint=_HINT) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise BuildError(f"{shown}:1: this is not Python: {error}.") from error
        except OSError as error:
            raise BuildError(f"`{shown}` cannot be read: {error.strerror}.") from error
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        stars = tuple(
            absolute(node, package)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        )
        return cls(name, path, shown, tree, bindings(tree.body, package), stars)

    @property
    def package(self) -> str:
        """What relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    def within(self, node: ast.ClassDef | Function) -> "Module":
        """The same, seen from inside a class body, or from the annotations of a function."""
        inner = bindings(node.body, self.package) if isinstance(node, ast.ClassDef) else {}
        return self.knowing({**dict.fromkeys(map(_name, parameters(node)), Opaque()), **inner})

    def knowing(self, names: Mapping[str, Binding]) -> "Module":
        """The same with more names, which hide its own."""
        return replace(self, names={**self.names, **names})

    def error(self, node: ast.AST, message: str, hint: str | None = None) -> BuildError:
        """An error at `node`: `service.py:12: ...`."""
        return BuildError(f"{self.shown}:{getattr(node, 'lineno', 1)}: {message}", hint=hint)


def argument_names(node: Function | ast.Lambda) -> list[str]:
    """Those between the parentheses of a function."""
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [each.arg for each in named if each]


def parameters(node: ast.AST) -> Sequence[ast.AST]:
    """Those in brackets of `class X[T]`, `def f[T]` and `type X[T]`, since Python 3.12."""
    return getattr(node, "type_params", ())


def _name(parameter: ast.AST) -> str:
    return str(getattr(parameter, "name", ""))


def given(
    wanted: Sequence[ast.AST], arguments: Sequence[ast.expr], home: Module, module: Module
) -> dict[str, Binding]:
    """Type parameters of `home` with what `module` gives for them, their defaults, or nothing."""
    found: dict[str, Binding] = {}
    for index, each in enumerate(wanted):
        default = getattr(each, "default_value", None)  # Python 3.13
        if index < len(arguments):
            found[_name(each)] = Given(arguments[index], module)
        else:
            found[_name(each)] = Opaque() if default is None else Given(default, home)
    return found


def bindings(body: Sequence[ast.stmt], package: str) -> dict[str, Binding]:
    """What the names bound by `body` stand for.

    The last of several bindings is taken, as in Python, but the first of those in branches: so the
    `try` of a `try: import` counts. What is imported for type checkers alone hides nothing, and
    `Fraud = traced(Fraud)` is taken for the same class.
    """
    found: dict[str, Binding] = {}
    for statement in body:
        is_branch = isinstance(statement, BRANCHES)
        for name, binding in _bound([statement], package, is_typing_only=False):
            known = found.get(name)
            is_shadow = isinstance(known, Imported) and known.is_typing_only
            if known is not None and _is_wrapped(name, known, binding):
                continue
            if known is None or is_shadow or not is_branch:
                found[name] = binding
            elif isinstance(known, Assigned):
                found[name] = replace(known, is_one_of_several=True)
    return found


def _is_wrapped(name: str, known: Binding, binding: Binding) -> bool:
    """Whether a class, a function or an import is bound again to something made of itself."""
    if not isinstance(binding, Assigned) or isinstance(known, Assigned | Given | Opaque):
        return False
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(binding.value))


def _bound(
    body: Sequence[ast.stmt], package: str, *, is_typing_only: bool
) -> Iterator[tuple[str, Binding]]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, origin in imported(node, package):
                yield name, Imported(origin, is_typing_only)
        elif isinstance(node, ast.ClassDef | Function):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from _assigned(node)
        elif type(node).__name__ == "TypeAlias":  # Python 3.12
            alias: Any = node
            yield alias.name.id, Assigned(alias.value, is_alias=True, parameters=parameters(node))
        elif isinstance(node, ast.If) and is_type_checking(node.test):
            yield from _bound(node.body, package, is_typing_only=True)
            yield from _bound(node.orelse, package, is_typing_only=False)
        else:
            yield from _stored(node)
            yield from _bound(_inner(node), package, is_typing_only=is_typing_only)


def _assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[str, Binding]]:
    if node.value is None:  # `date: date` binds nothing
        return
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, Assigned(node.value)
        else:
            yield from ((name, Opaque()) for name in stored(target))


def stored(node: ast.AST) -> Iterator[str]:
    """Names that `node`, which has no scope of its own, binds or deletes."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            yield each.id


def _stored(node: ast.stmt) -> Iterator[tuple[str, Binding]]:
    """Names that a `for`, a `with` or an expression binds by the way."""
    waiting: list[ast.AST] = [node]
    while waiting:
        for child in ast.iter_child_nodes(waiting.pop()):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id, Opaque()
            if not isinstance(child, _INNER):
                waiting.append(child)


def _inner(node: ast.stmt) -> list[ast.stmt]:
    """The statements inside a compound statement, all branches in order."""
    blocks: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            blocks.append(child)
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            blocks += child.body
    return blocks


def imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str]]:
    """Names that an import binds, each with the dotted name that it stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (
                alias.asname or alias.name.partition(".")[0],
                (alias.name if alias.asname else alias.name.partition(".")[0]),
            )
        return
    base = absolute(node, package)
    for alias in node.names:
        if alias.name != "*":
            yield alias.asname or alias.name, f"{base}.{alias.name}" if base else alias.name


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The module of a `from` import, relative ones resolved."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - node.level + 1] if node.level > 1 else parts
    return ".".join([*parts, *([node.module] if node.module else [])])


def is_type_checking(test: ast.expr) -> bool:
    """Whether `test` is TYPE_CHECKING."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
