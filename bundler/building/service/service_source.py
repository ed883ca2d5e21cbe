"""ServiceSource: routes and models of a service class, read from its source."""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ....runtime.manifests.route import Route
from ....runtime.nearest import did_you_mean, nearest
from ...errors import BuildError
from .syntax import constructor, usage
from .syntax.mention import Mentions
from .syntax.method import Method
from .syntax.module import Function, Module, stored
from .syntax.record import Records
from .syntax.tree import Defined, Outside, SourceTree

RESERVED = frozenset({"/", "/docs", "/livez", "/metrics", "/openapi.json", "/readyz"})
"""Paths of the server itself."""


_SERVICE = frozenset(("modelbundle.service", "modelbundle.runtime.services.service.service"))


@dataclass(frozen=True, slots=True)
class ServiceSource:
    """What the build knows of a service.

    models   the names in `model("name")`, in order of appearance
    imports  top-level modules that it needs beside Python's and its own
    files    those of the project that its file cannot be imported without: path -> who imports it
    """

    routes: tuple[Route, ...]
    models: tuple[str, ...]
    imports: frozenset[str]
    files: Mapping[str, str]


def read_service(src: Path, target: str) -> ServiceSource:
    """Read `module:Class` below `src` (a project's root), without importing anything.

    Raises:
        BuildError: with file and line, for whatever would not work in a server.
    """
    try:
        return _read(SourceTree(src), target)
    except (RecursionError, MemoryError) as error:  # the latter is the parser's, of a quoted type
        raise BuildError(
            f"`{target}` cannot be read: its types or its classes are nested too deeply.",
            hint="Annotate with fewer levels, or with `dict`.",
        ) from error


def _read(tree: SourceTree, target: str) -> ServiceSource:
    module_name, _, class_name = target.partition(":")
    module = _module(tree, module_name)
    records = Records(tree)
    found = _class(tree, module, class_name)
    _check_decorated(tree, found)
    constructor.check(found, records)
    modules = list(tree.reachable(module))
    return ServiceSource(
        routes=_routes(found, records),
        models=usage.models(tree, modules),
        imports=usage.imports(tree, modules),
        files=usage.files(tree, module),
    )


def _module(tree: SourceTree, name: str) -> Module:
    if tree.has("modelbundle"):
        raise BuildError(
            "A module of the project is called `modelbundle`: it would hide this package.",
            hint="Rename the file, or the folder.",
        )
    file = name.replace(".", "/") + ".py"
    if name.partition(".")[0] in {*sys.stdlib_module_names, "modelbundle"}:
        raise BuildError(
            f"`{file}` cannot hold the service: Python has a module `{name}` of its own.",
            hint="Rename the file, for example to `service.py`.",
        )
    module = tree.find(name)
    if module is None:
        hint = did_you_mean(name, tree.names()) or "`bundle init` writes one."
        raise BuildError(f"There is no `{file}` for the service in `{tree.root}`.", hint=hint)
    return module


def _class(tree: SourceTree, module: Module, name: str) -> Defined:
    if name in module.names:
        expression = ast.Name(name, ast.Load(), lineno=1, col_offset=0)
        meaning = tree.resolve(expression, module)
        if isinstance(meaning, Defined) and isinstance(meaning.node, ast.ClassDef):
            return meaning
        raise module.error(expression, f"`{name}` is not a class of this project.")
    classes = [each.name for each in module.tree.body if isinstance(each, ast.ClassDef)]
    near = nearest(name, classes) or next(iter(classes), None)
    hint = f"Did you mean `{module.name}:{near}`?" if near else None
    raise BuildError(f"{module.shown}:1: there is no class `{name}`.", hint=hint)


def _check_decorated(tree: SourceTree, found: Defined) -> None:
    for decorator in found.node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if tree.name_of(call.func if call else decorator, found.module) not in _SERVICE:
            continue
        if call and (call.args or call.keywords):
            raise found.module.error(call, "`@service` takes no options.", "Write `@service`.")
        return
    raise found.module.error(
        found.node,
        f"`{found.node.name}` is not a service.",
        f"Write `@modelbundle.service` above `class {found.node.name}`.",
    )


def _routes(found: Defined, records: Records) -> tuple[Route, ...]:
    methods: dict[str, Method | None] = {}
    for each in reversed(records.lineage(found)):
        assert isinstance(each.node, ast.ClassDef)
        module = each.module.within(each.node)
        _check_shape(each, records)
        for node in each.node.body:
            if isinstance(node, Function):
                # An override without @api is no API any more.
                methods[node.name] = Method.read(node, module, records)
            elif not isinstance(node, ast.ClassDef):
                Mentions(records.tree).check([node], module)
                methods |= dict.fromkeys(_hidden(node))
    apis = [method for method in methods.values() if method]
    if not apis:
        message = f"`{found.node.name}` has no API."
        raise found.module.error(found.node, message, "Put `@modelbundle.api` on a method.")
    taken: dict[str, str] = {}
    routes = []
    for api in apis:
        route = api.route(found.node.name, records)
        _check_path(api, route, taken)
        taken[route.path] = route.method
        routes.append(route)
    return tuple(routes)


def _check_shape(found: Defined, records: Records) -> None:
    """Refuse what gives a class APIs when it runs: computed bases, a metaclass, its decorators."""
    node, module = found.node, found.module
    assert isinstance(node, ast.ClassDef)
    computed = [
        base for base in node.bases if not isinstance(records.base(base, module), Defined | Outside)
    ]
    above = [*computed, *(each.value for each in node.keywords), *node.decorator_list]
    Mentions(records.tree, with_classes=True).check(above, module)
    later = [each for each in module.tree.body if node.name in _changed(each)]
    Mentions(records.tree).check(later, module)


def _changed(statement: ast.stmt) -> set[str]:
    """The names that `a = ...` and `a.b = ...` change."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {each.id for to in targets for each in ast.walk(to) if isinstance(each, ast.Name)}


def _hidden(node: ast.stmt) -> Iterator[str]:
    """Names that `a = None`, `a: int = 1` or `del a` takes from a method."""
    if not isinstance(node, ast.AnnAssign) or node.value is not None:
        yield from stored(node)


def _check_path(api: Method, route: Route, taken: dict[str, str]) -> None:
    hint = f'Write `@api(route="/{route.method}_2")`, or any other path.'
    if route.path in RESERVED:
        message = f"`{route.method}` cannot be at `{route.path}`: the server answers there."
        raise api.module.error(api.node, message, hint)
    if route.path in taken:
        message = f"`{route.method}` and `{taken[route.path]}` are both at `{route.path}`."
        raise api.module.error(api.node, message, hint)
