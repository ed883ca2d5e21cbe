"""Recipe: how a torch module is made again from import paths and arguments, running no pickle."""

import inspect
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..errors import InvalidModel
from ..pickling import is_local

_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
_STATE = frozenset({"_parameters", "_buffers", "_modules", "training"})


def describe(model: Any, init: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """A recipe that makes a module alike to `model`, or None when there is no honest one.

    Arguments are taken from attributes by the parameters' names; the result is made once, without
    memory for its weights, and compared with the original.
    """
    recipe = _with_init(model, init) if init is not None else _recipe(model)
    if recipe is None:
        return None
    import torch

    try:
        with torch.device("meta"):
            copy = build(recipe)
    except (TypeError, ValueError, RuntimeError, AttributeError, InvalidModel):
        if init is not None:
            raise
        return None
    if _is_alike(model, copy, strict=init is None):
        return recipe
    if init is not None:
        raise InvalidModel("The class, made with `init`, does not have the model's weights.")
    return None


def build(recipe: Mapping[str, Any]) -> Any:
    """Make the module of a recipe; its weights are yet to come.

    Raises:
        InvalidModel: when its class is not there or is no module.
    """
    kind = _find(recipe["class"])
    if "children" in recipe:
        container = kind()
        for name, child in recipe["children"]:
            container.add_module(name, build(child))
        return container
    return kind(**recipe["init"])


def _find(path: str) -> type:
    import torch

    module, _, name = path.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InvalidModel(
            f"The model's class `{path}` cannot be imported: {error}.",
            hint="Put its file among the bundle's sources, or install the package it comes from.",
        ) from error
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise InvalidModel(f"`{path}` is not a torch module.")
    return found


def _path(model: Any) -> str | None:
    """The import path of the class, if that is really where it is found."""
    kind = type(model)
    found: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not kind or kind.__module__ == "__main__":
        return None
    return f"{kind.__module__}:{kind.__qualname__}"


def _with_init(model: Any, init: Mapping[str, Any]) -> dict[str, Any]:
    path = _path(model)
    if path is None:
        raise InvalidModel(
            f"`{type(model).__qualname__}` cannot be imported by its name.",
            hint="Define it at the top of a module of its own, or leave `init` out.",
        )
    return {"class": path, "init": dict(init)}


def _recipe(model: Any) -> dict[str, Any] | None:
    path = _path(model)
    # The author's own file is not where the model will be loaded: that code must travel along.
    if path is None or is_local(path.partition(":")[0].partition(".")[0]):
        return None
    if type(model).__module__ == "torch.nn.modules.container" and path.endswith(_CONTAINERS):
        children = [(name, _recipe(child)) for name, child in model.named_children()]
        if any(child is None for _, child in children):
            return None
        return {"class": path, "children": [[name, child] for name, child in children]}
    init = _arguments(model)
    return None if init is None else {"class": path, "init": init}


def _arguments(model: Any) -> dict[str, Any] | None:
    found = {}
    for parameter in inspect.signature(type(model).__init__).parameters.values():
        if parameter.name in {"self", "device", "dtype"} or parameter.kind in {
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        }:
            continue
        if not hasattr(model, parameter.name):
            if parameter.default is parameter.empty:
                return None
            continue
        value = getattr(model, parameter.name)
        if isinstance(parameter.default, bool) and not isinstance(value, bool):
            value = value is not None  # `bias=True` becomes a Parameter or None
        if value == parameter.default:
            continue
        if not _is_plain(value):
            return None
        found[parameter.name] = list(value) if isinstance(value, tuple) else value
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _is_alike(model: Any, copy: Any, *, strict: bool) -> bool:
    """Whether the copy has the same parts, weights and, if `strict`, plain attributes."""
    ours, theirs = model.state_dict(), copy.state_dict()
    if list(ours) != list(theirs) or any(
        getattr(ours[name], "shape", None) != getattr(theirs[name], "shape", None) for name in ours
    ):
        return False
    if not strict:
        return True
    parts = list(model.named_modules(remove_duplicate=False))
    copies = list(copy.named_modules(remove_duplicate=False))
    return len(parts) == len(copies) and all(
        name == other_name and type(part) is type(other) and _same_attributes(part, other)
        for (name, part), (other_name, other) in zip(parts, copies, strict=True)
    )


def _same_attributes(part: Any, other: Any) -> bool:
    if part._non_persistent_buffers_set:  # noqa: SLF001  torch has no public word for it
        return False  # their values are in no state_dict
    ours, theirs = ({k: v for k, v in vars(m).items() if k not in _STATE} for m in (part, other))
    if ours.keys() != theirs.keys():
        return False
    return all(_same(value, theirs[name]) for name, value in ours.items())


def _same(value: Any, other: Any) -> bool:
    if type(value) is not type(other):
        return isinstance(value, (list, tuple)) and list(value) == list(other or ())
    if value is other:
        return True
    return hasattr(type(value), "__eq__") and not hasattr(value, "shape") and bool(value == other)
