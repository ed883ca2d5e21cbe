"""Torch compile: calls methods of a module through `torch.compile`."""

import os
import shutil
from collections.abc import Callable
from typing import Any

from ...errors import InvalidModel
from ...manifests.tuning import Compile

_SHAPES = 64  # programs of one method; there are fewer sizes of batches


class Compiler:
    """Compiles the methods of one module as they are first called."""

    def __init__(self, mode: Compile, device: str) -> None:
        """Make ready for one of the modes of the bundlefile.

        Raises:
            InvalidModel: when this machine has no compiler.
        """
        import torch

        _check_compiler(device)
        dynamo = torch._dynamo.config  # noqa: SLF001  torch documents it under this name
        dynamo.recompile_limit = max(dynamo.recompile_limit, _SHAPES)
        self._has_graphs = isinstance(mode, str)
        self._functions: dict[str, Callable[..., Any]] = {}

    def compiled(self, name: str, function: Any) -> Callable[..., Any]:
        """`function` compiled, and the same one each time for the same name."""
        import torch

        if name not in self._functions:
            # Fixed shapes can be recorded; else one program answers every number of rows.
            options = {"mode": "reduce-overhead", "dynamic": False} if self._has_graphs else {}
            self._functions[name] = torch.compile(function, **options)
        return self._functions[name]

    def prepare(self, tensors: list[Any]) -> None:
        """Say of the inputs of the next call which axis counts rows."""
        import torch

        if self._has_graphs:
            torch.compiler.cudagraph_mark_step_begin()
            return
        for tensor in tensors:
            if tensor.ndim and tensor.shape[0] > 1:  # torch makes a program for one row apart
                torch._dynamo.maybe_mark_dynamic(tensor, 0)  # noqa: SLF001  as above


def _check_compiler(device: str) -> None:
    """Torch itself would say so only at the first call, and not in one line."""
    # Triton compiles a launcher in C for each kernel.
    variable, package = ("CXX", "g++") if device == "cpu" else ("CC", "gcc")
    chosen = os.environ.get(variable)
    wanted = [chosen] if chosen else [package, *(["clang"] if package == "gcc" else [])]
    if any(shutil.which(name) for name in wanted):
        return
    names = " or ".join(f"`{name}`" for name in wanted)
    raise InvalidModel(
        f"`compile` needs a compiler for C++ on this machine, and there is no {names}.",
        hint=f"Install it with `apt-get install {package}`, in an image with "
        f"`system: {{packages: [{package}]}}`; or take `compile` out of the bundlefile.",
    )
