"""Recipe: rebuilds a torch module from import paths and arguments, without a pickle."""

import copy
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from ...errors import InvalidModel, in_short
from ...pickles.pickling import SCRIPTS

_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
_ASIDE = frozenset({"_parameters", "_buffers", "_modules", "training"}) | {
    "_compiled_call_impl",
    "_is_torch_compile",
}
_OF_RECURRENT = frozenset({"_flat_weights", "_flat_weight_refs"})  # follow the parameters
# Hooks of the class for weights in an older form; each module has its own objects.
_WHEN_LOADED = frozenset({"_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"})
_BUILT = 1 << 30  # bytes: a larger module is not made a second time to compare its buffers


def describe(model: Any, init: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """A recipe that makes a module alike to `model`, or None when there is no honest one.

    Arguments are taken from attributes by the parameters' names; the result is made once, without
    memory for its weights, and compared with the original.
    """
    if init is not None:
        return _with_init(model, init)
    try:
        found = _recipe(model)
        return found if found is not None and _makes(found, model) else None
    except Exception:  # noqa: BLE001  the author's `__init__` and `__eq__` may raise anything
        return None


def obstacle(model: Any) -> str:
    """Why there is no recipe for a module, as the rest of a sentence about its class."""
    try:
        taken = list(inspect.signature(type(model).__init__).parameters.values())[1:]
    except (TypeError, ValueError):
        taken = []
    lost = [
        each.name
        for each in taken
        if each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}
        and each.default is each.empty
        and not hasattr(model, each.name)
    ]
    if lost and _path(model) is not None:
        return f"does not keep its argument `{lost[0]}` as an attribute of that name"
    return "takes more than plain arguments to make"


def sketch(recipe: Mapping[str, Any], importer: Callable[[str], ModuleType] = import_module) -> Any:
    """The module of a recipe without memory for its weights, and without using up randomness."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return build(recipe, importer)


def build(recipe: Mapping[str, Any], importer: Callable[[str], ModuleType] = import_module) -> Any:
    """Make the module of a recipe, its classes imported by `importer`; its weights are to come.

    Raises:
        InvalidModel: when its class is not there or is no module.
    """
    kind = _find(recipe["class"], importer)
    if "children" in recipe:
        container = kind()
        for name, child in recipe["children"]:
            container.add_module(name, build(child, importer))
        return container
    return kind(**copy.deepcopy(recipe["init"]))  # it may take a dict of settings apart


def modules(recipe: Mapping[str, Any]) -> Iterator[str]:
    """The modules that a recipe's classes are in."""
    yield recipe["class"].partition(":")[0]
    for _, child in recipe.get("children", ()):
        yield from modules(child)


def is_of_layers(recipe: Mapping[str, Any]) -> bool:
    """Whether all classes are layers of torch, which only compute.

    Others may fetch and run code: those of some libraries take the name of a model on a hub.
    """
    try:
        return all(f"{module}.".startswith("torch.nn.") for module in modules(recipe))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return False


def renamed(recipe: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    """The recipe with the modules of its classes under other names."""
    module, _, name = recipe["class"].partition(":")
    copied = dict(recipe) | {"class": f"{rename(module)}:{name}"}
    if "children" in recipe:
        copied["children"] = [[name, renamed(child, rename)] for name, child in recipe["children"]]
    return copied


def has_weights_of(model: Any, copy: Any) -> bool:
    """Whether the copy has the model's weights, by name and shape."""
    ours, theirs = model.state_dict(), copy.state_dict()
    return list(ours) == list(theirs) and all(
        getattr(ours[name], "shape", None) == getattr(theirs[name], "shape", None) for name in ours
    )


def _find(path: str, importer: Callable[[str], ModuleType]) -> type:
    import torch

    module, _, name = path.partition(":")
    if module.partition(".")[0] in sys.stdlib_module_names or module.endswith("__main__"):
        raise InvalidModel(f"`{path}` is not a torch module.")  # and to import it may do anything
    try:
        found: Any = importer(module)
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
    if found is not kind or kind.__module__ in SCRIPTS:
        return None
    return f"{kind.__module__}:{kind.__qualname__}"


def _with_init(model: Any, init: Mapping[str, Any]) -> dict[str, Any]:
    path, name = _path(model), type(model).__qualname__
    if path is None:
        raise InvalidModel(
            f"`{name}` cannot be imported by its name.",
            hint="Define it at the top of a module of its own, or leave `init` out.",
        )
    recipe = {"class": path, "init": dict(init)}
    try:
        copy = sketch(recipe)
    except Exception as error:
        raise InvalidModel(f"`{name}` cannot be made with `init`: {in_short(error)}.") from error
    if not has_weights_of(model, copy):
        raise InvalidModel("The class, made with `init`, does not have the model's weights.")
    return recipe


def _recipe(model: Any) -> dict[str, Any] | None:
    path = _path(model)
    if path is None:
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
    taken = list(inspect.signature(type(model).__init__).parameters.values())
    for parameter in taken[1:]:  # the first is the module itself, whatever it is called
        if parameter.name in {"device", "dtype"} or parameter.kind in {
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
    """Whether JSON gives it back as it was."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(part) for key, part in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def _is_json(value: Any) -> bool:
    """Whether it is plain, and holds no tuple, which would come back as a list."""
    if isinstance(value, (list, dict)):
        parts = value.values() if isinstance(value, dict) else value
        return _is_plain(value) and all(map(_is_json, parts))
    return _is_plain(value) and not isinstance(value, tuple)


def _makes(recipe: Mapping[str, Any], model: Any) -> bool:
    """Whether the recipe makes a module alike to `model`; those of moderate size, for real."""
    if not _is_alike(model, sketch(recipe)):
        return False
    extra = dict(_buffers_aside(model))
    if not extra:
        return True
    if sum(tensor.nbytes for tensor in model.state_dict().values()) > _BUILT:
        return False
    made = dict(_buffers_aside(_unmoved(recipe)))
    return extra.keys() == made.keys() and all(
        _is_same_tensor(tensor, made[name]) for name, tensor in extra.items()
    )


def _unmoved(recipe: Mapping[str, Any]) -> Any:
    """The module of a recipe with its weights, on the CPU, without using up randomness."""
    import torch

    with torch.random.fork_rng(devices=[]):
        return build(recipe)


def _buffers_aside(model: Any) -> Iterator[tuple[str, Any]]:
    """The buffers that are in no state_dict: what `__init__` makes of them is all there will be."""
    for name, part in model.named_modules(remove_duplicate=False):
        for each in part._non_persistent_buffers_set:  # noqa: SLF001  torch has no public word
            yield f"{name}.{each}", getattr(part, each)


def _is_same_tensor(ours: Any, theirs: Any) -> bool:
    import torch

    if ours is None or theirs is None:
        return ours is theirs
    return ours.dtype == theirs.dtype and bool(torch.equal(ours.cpu(), theirs.cpu()))


def _is_alike(model: Any, copy: Any) -> bool:
    """Whether the copy has the same parts, weights and plain attributes."""
    if not has_weights_of(model, copy):
        return False
    parts = list(model.named_modules(remove_duplicate=False))
    copies = list(copy.named_modules(remove_duplicate=False))
    return len(parts) == len(copies) and all(
        name == other_name and _kind(part) is _kind(other) and _same_attributes(part, other)
        for (name, part), (other_name, other) in zip(parts, copies, strict=True)
    )


def _kind(part: Any) -> type:
    """Its class: `torch.nn.utils.parametrize` gives each module that it changes one of its own."""
    from torch.nn.utils.parametrize import type_before_parametrizations

    kind: type = type_before_parametrizations(part)
    return kind


def _same_attributes(part: Any, other: Any) -> bool:
    import torch

    aside = _ASIDE | (_OF_RECURRENT if isinstance(part, torch.nn.RNNBase) else set())
    ours, theirs = ({k: v for k, v in vars(m).items() if k not in aside} for m in (part, other))
    if ours.keys() != theirs.keys():
        return False
    return all(
        len(value) == len(theirs[name]) if name in _WHEN_LOADED else _same(value, theirs[name])
        for name, value in ours.items()
    )


def _same(value: Any, other: Any) -> bool:
    if type(value) is not type(other):
        return isinstance(value, (list, tuple)) and list(value) == list(other or ())
    if value is other:
        return True
    return hasattr(type(value), "__eq__") and not hasattr(value, "shape") and bool(value == other)
