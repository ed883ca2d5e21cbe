"""Torch arguments: decides how named tensors are passed to a module's method."""

import inspect
import re
from collections.abc import Mapping
from inspect import Parameter
from typing import Any, Literal

How = Literal["named", "listed", "whole"]
"""One by one by name, one by one in order, or all in one dict."""

_OURS = re.compile(r"input-\d+")  # parts of a tuple, whose names nobody knew
_IN_ORDER = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def arguments(how: How, tensors: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What a method, or a module's `forward`, is called with."""
    if how == "whole":
        return [dict(tensors)], {}
    return ([], dict(tensors)) if how == "named" else (list(tensors.values()), {})


def exported(model: Any, tensors: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What an exported program is called with: exactly as it was when it was exported."""
    from torch.utils import _pytree

    names = names_of_exported(model)
    if tensors.keys() != set(names):
        names = list(tensors)
    arguments = _pytree.tree_unflatten([tensors[name] for name in names], _spec(model))
    return list(arguments[0]), dict(arguments[1])


def names_of_exported(model: Any) -> list[str]:
    """What its inputs are called: as in the one dict that it takes, or else as in the graph."""
    listed, named = _children(_spec(model))
    if not _children(named) and len(_children(listed)) == 1:
        (one,) = _children(listed)
        if one.type is dict and all(map(_is_leaf, _children(one))):
            return list(map(str, one.context))
    return [node.name for node in model.graph.nodes if node.op == "placeholder"]


def _spec(model: Any) -> Any:
    return model.graph._codegen.pytree_info.in_spec  # noqa: SLF001  told nowhere else


def _children(spec: Any) -> list[Any]:
    return list(
        spec.children() if callable(getattr(spec, "children", None)) else spec.children_specs
    )


def _is_leaf(spec: Any) -> bool:
    return bool(spec.is_leaf())


def handing(function: Any, names: list[str]) -> How:
    """By name where it knows them all; as a dict where it takes one thing, and not one of them."""
    if all(map(_OURS.fullmatch, names)):
        return "listed"
    found = _parameters(function)
    known = {each.name for each in found if each.kind is not Parameter.VAR_KEYWORD}
    if known.issuperset(names):
        return "named"
    ordered = [each for each in found if each.kind in _IN_ORDER]
    needed = {each.name for each in ordered if each.default is Parameter.empty}
    takes_any = any(each.kind is Parameter.VAR_KEYWORD for each in found)
    if takes_any and needed.issubset(names):
        return "named"
    if any(each.kind is Parameter.VAR_POSITIONAL for each in found) or len(needed) != 1:
        return "listed"
    is_one_of_them = not known.isdisjoint(names)
    is_whole = _is_mapping(ordered[0].annotation) or len(names) > 1
    return "whole" if is_whole and not is_one_of_them else "listed"


def _is_mapping(annotation: Any) -> bool:
    """Whether it says dict; annotations may be text."""
    text = annotation if isinstance(annotation, str) else repr(annotation)
    return "dict" in text.lower() or "Mapping" in text


def _parameters(function: Any) -> list[Parameter]:
    function = getattr(function, "forward", function)
    schema = getattr(function, "schema", None)  # TorchScript's own signature
    if schema is not None:
        taken = [_scripted(each) for each in schema.arguments]
        is_method = bool(taken) and taken[0].annotation.startswith("__torch__.")
        return taken[1:] if is_method else taken
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _scripted(argument: Any) -> Parameter:
    has_default = argument.has_default_value()
    return Parameter(
        argument.name,
        Parameter.POSITIONAL_OR_KEYWORD,
        default=argument.default_value if has_default else Parameter.empty,
        annotation=str(argument.type),
    )
