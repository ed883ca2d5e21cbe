"""Operators: finds the modules that register the custom operators of an exported program.

A program refers to its operators by name, and torch must know them before it loads the program.
Each operator, of C++ or Python, has a fake implementation in Python, or it could not have been
exported. The fake implementation knows the file that it comes from.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ...errors import InvalidModel
from ...pickles.pickling import SCRIPTS


def of(program: Any) -> dict[str, str]:
    """Operator -> the module that registers it, for all that torch itself does not have.

    Raises:
        InvalidModel: when the script that runs now registers one.
    """
    import torch

    own = Path(torch.__file__).parent
    found = {}
    for name in sorted(set(_names(program))):
        file = _file(name)
        if file is None or file.is_relative_to(own):
            continue
        module = _module(file)
        if module in SCRIPTS:
            raise InvalidModel(
                f"The program uses the operator `{name}`, which this script registers, and no "
                "server has this script.",
                hint="Move what registers it to a module, and import that.",
            )
        if module is not None:
            found[name] = module
    return found


def register(operators: Mapping[str, str], imports: Callable[[str], ModuleType]) -> None:
    """Import the modules of the operators that are not there yet: some can be made only once.

    Raises:
        InvalidModel: when one cannot register any.
    """
    import torch

    for name, module in operators.items():
        namespace, _, operator = name.partition("::")
        if module.partition(".")[0] in {*sys.stdlib_module_names, *SCRIPTS}:
            # To import it may do anything.
            raise InvalidModel(f"`{module}` registers no operator of torch.")
        if not hasattr(getattr(torch.ops, namespace), operator):
            imports(module)


def _names(program: Any) -> Iterator[str]:
    for part in program.graph_module.modules():
        for node in getattr(getattr(part, "graph", None), "nodes", ()):
            schema = getattr(node.target, "_schema", None)
            if node.op == "call_function" and schema is not None:
                yield schema.name


def _file(name: str) -> Path | None:
    """The file of its fake implementation, if that is one of Python."""
    from torch._library import simple_registry

    if name not in simple_registry.singleton._data:  # noqa: SLF001  `find` would make an entry
        return None
    kernel = simple_registry.singleton.find(name).fake_impl.kernel
    source = getattr(kernel, "source", None)
    return Path(source.rpartition(":")[0]).absolute() if source else None


def _module(file: Path) -> str | None:
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin is not None and Path(origin).absolute() == file:
            return name
    return None
