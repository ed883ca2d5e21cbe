"""Constructor: checks that a service's `__init__` can be called without arguments."""

import ast

from .module import Function, Module
from .record import Records
from .tree import Defined


def check(found: Defined, records: Records) -> None:
    """Refuse an `__init__` that nobody could call, as far as the source tells.

    Raises:
        BuildError: with file and line.
    """
    for each in records.lineage(found):
        assert isinstance(each.node, ast.ClassDef)
        for node in each.node.body:
            if isinstance(node, Function) and node.name == "__init__":
                _check(node, each.module)
                return


def _check(node: Function, module: Module) -> None:
    if isinstance(node, ast.AsyncFunctionDef):
        hint = "Drop `async`; it runs in a thread, so it may wait, also in `asyncio.run(...)`."
        raise module.error(node, "`__init__` cannot be async.", hint)
    unfilled = _unfilled(node.args)
    if unfilled:
        message = f"`__init__` takes `{unfilled[0].arg}`, and the server has nothing to give it."
        hint = "Give it a default, or read it inside, for example from `os.environ`."
        raise module.error(node, message, hint)


def _unfilled(arguments: ast.arguments) -> list[ast.arg]:
    """Parameters after the instance that have no default."""
    positional = [*arguments.posonlyargs, *arguments.args]
    required = positional[1 : len(positional) - len(arguments.defaults)]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [*required, *(each for each, default in pairs if default is None)]
