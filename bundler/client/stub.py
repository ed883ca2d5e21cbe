"""Stub: generates a typed client that needs only the standard library and NumPy.

Whatever a server says of itself stands in it as literals, so that no name, path or text of it can
become code.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from ...runtime.data import media
from ...runtime.manifests.signature import Side
from . import annotation
from .annotation import ANY, identifier, literal
from .contract import Contract, Route

_WORDS = "self cast close list dict str int float bool bytes np npt Any Literal Server ServerError"
_OWN = frozenset(_WORDS.split()) | {"Mapping", "Sequence", "Iterator", "TypedDict", "TypeVar"}
_SHOWN = 2000  # characters of a docstring


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the generated class, and the record types that stand before it."""

    records: tuple[str, ...]
    lines: tuple[str, ...]


def _called(contract: Contract) -> str:
    """Its name and its version, unless that is 0, which means none."""
    return contract.title if contract.version == "0" else f"{contract.title} {contract.version}"


def generate(contract: Contract) -> str:
    """The text of a module with one class, whose methods are the routes of `contract`.

    The same contract gives the same text.
    """
    head, _, template = _template().partition("__all__: list[str] = []\n")
    taken = set(_OWN)
    words = [word.capitalize() for word in contract.title.replace("_", "-").split("-")]
    title = identifier("".join(words) if contract.title.isascii() else "Client", taken)
    methods = list(_methods(contract, taken))
    text = [
        literal(f"Client of {_called(contract)}, made by `bundle client`."),
        "",
        head.rstrip(),
        "",
        f'__all__ = ["ServerError", {literal(title)}]',
        template.rstrip(),
        "",
    ]
    for record in (record for method in methods for record in method.records):
        text += ["", record]
    text += ["", "", f"class {title}(Server):", *_docstring(_about(contract))]
    for method in methods:
        text += ["", *(f"    {line}" if line else "" for line in method.lines)]
    return "\n".join(text) + "\n"


def _methods(contract: Contract, taken: set[str]) -> Iterator[Method]:
    names = set(_OWN)
    for route in contract.routes.values():
        name = identifier(route.name, names)
        if route.inputs is not None and route.outputs is not None:
            method = _of_model(name, route, route.inputs, route.outputs, taken)
            yield replace(method, lines=(*_classes(name, route.outputs, names), *method.lines))
        elif route.takes_rows:
            yield _of_rows(name, route)
        else:
            yield _of_service(name, route)


def _of_model(name: str, route: Route, inputs: Side, outputs: Side, taken: set[str]) -> Method:
    records = []
    takes, gives = annotation.of_rows(inputs), annotation.of_predictions(outputs)
    if inputs.layout in {"columns", "tensors"}:
        record = identifier(f"{name.title().replace('_', '')}Row", taken)
        records.append(_record(record, inputs))
        takes = f"Sequence[{record}]"
    accept = media.JSON
    if outputs.layout == "array" and gives != "list[Any]":
        accept = f"{media.NPY}, {media.JSON};q=0.9"
    elif outputs.layout in {"columns", "tensors"}:
        record = identifier(f"{name.title().replace('_', '')}Prediction", taken)
        records.append(_record(record, outputs))
        gives = f"list[{record}]"
    field = inputs.fields[0] if inputs.fields else None
    body, kind = "_instances(rows)", media.JSON
    if inputs.layout == "array" and field is not None and annotation.is_dense(field):
        dtype = "U" if field.dtype == "str" else field.dtype
        body, kind = f"_rows(rows, {literal(dtype)}, {literal(field.shape)})", media.NPY
    found = "_predictions(answer)"
    if any(each.dtype == "bytes" for each in outputs.fields):
        found = f"_decoded({found})"
    if gives.startswith("npt."):
        found = f"np.asarray({found})"
    lines = (
        f"def {name}(self, rows: {takes}) -> {gives}:",
        *_docstring(route.doc or route.path),
        f"    kinds = ({literal(kind)}, {literal(accept)})",
        f"    answer = self._ask({literal(route.path)}, {body}, kinds, True)",
        f"    return cast({literal(gives)}, {found})",
    )
    return Method(tuple(records), lines)


def _classes(name: str, outputs: Side, names: set[str]) -> tuple[str, ...]:
    """What a method can answer with, or what the numbers in each of its rows stand for."""
    found = annotation.classes(outputs)
    if not found:
        return ()
    return f"{identifier(f'{name}_classes', names)} = ({', '.join(found)},)", ""


def _of_rows(name: str, route: Route) -> Method:
    gives = "Iterator[Any]" if route.is_streaming else "list[Any]" if route.gives_rows else ANY
    return Method(
        (), _calling(name, route, "rows: npt.ArrayLike | Sequence[Any]", gives, "_instances(rows)")
    )


def _of_service(name: str, route: Route) -> Method:
    taken = set(_OWN) | {"kinds", "answer"}
    required = set(route.schema.get("required", ()))
    properties = route.schema.get("properties", {})
    ordered = sorted(properties, key=lambda each: each not in required)
    parameters, given = [], []
    optional = []
    for each in ordered:
        parameter, kind = identifier(each, taken), annotation.of_schema(properties[each])
        if each in required:
            parameters.append(f"{parameter}: {kind}")
            given.append(f"{literal(each)}: {parameter}")
        elif (default := _default(kind, properties[each])) is not None:
            parameters.append(f"{parameter}: {kind} = {default}")
            given.append(f"{literal(each)}: {parameter}")
        else:
            parameters.append(f"{parameter}: {_or_none(kind)} = None")
            optional.append(
                f"**({{}} if {parameter} is None else {{{literal(each)}: {parameter}}})"
            )
    answer = annotation.of_schema(route.answer)
    if route.gives_rows:
        answer = "list[Any]"
    elif media.JSON not in route.gives and not route.is_streaming:
        answer = "bytes"
    gives = f"Iterator[{answer}]" if route.is_streaming else answer
    body = f"_arguments(**{{{', '.join([*given, *optional])}}})"
    return Method((), _calling(name, route, ", ".join(parameters), gives, body))


def _calling(name: str, route: Route, parameters: str, gives: str, body: str) -> tuple[str, ...]:
    head = f"def {name}({', '.join(filter(None, ['self', parameters]))}) -> {gives}:"
    path, doc = literal(route.path), _docstring(route.doc or route.path)
    if route.is_streaming:
        found = f"self._stream({path}, {body})"
        return head, *doc, f"    return {_cast(gives, found)}"
    own = route.gives[0]  # of bytes and pictures JSON would be base64
    accept = own if own == media.JSON else f"{own}, */*;q=0.1"
    read = "_predictions" if route.gives_rows else "_value"
    return (
        head,
        *doc,
        f"    kinds = ({literal(media.JSON)}, {literal(accept)})",
        f"    answer = self._ask({path}, {body}, kinds, {route.is_idempotent})",
        f"    return {_cast(gives, f'{read}(answer)')}",
    )


def _cast(gives: str, found: str) -> str:
    return found if gives == ANY else f"cast({literal(gives)}, {found})"


def _default(kind: str, schema: Any) -> str | None:
    """The default of a parameter that may also be None, which then does not stand for it."""
    value = schema.get("default") if isinstance(schema, Mapping) else None
    if _or_none(kind) != kind:
        return None
    if type(value) is float:
        return repr(value) if math.isfinite(value) else None
    return literal(value) if type(value) in {str, int, bool} else None


def _or_none(kind: str) -> str:
    return kind if kind == ANY or "None" in kind.split(" | ") else f"{kind} | None"


def _record(name: str, side: Side) -> str:
    fields = ", ".join(f"{literal(each.name)}: {annotation.cell(each)}" for each in side.fields)
    return f"{name} = TypedDict({literal(name)}, {{{fields}}})"


def _about(contract: Contract) -> str:
    routes: Sequence[str] = list(contract.routes)
    return f"The server of {contract.title}: {', '.join(routes) or 'nothing'}."


def _docstring(text: str) -> tuple[str, ...]:
    """Lines of a docstring inside a block; one literal where the text is not a plain one."""
    lines = text[:_SHOWN].strip().splitlines()
    is_plain = all(line.isascii() and line.isprintable() for line in lines)
    if not is_plain or not lines or '"' in text or "\\" in text:
        return (f"    {literal(text[:_SHOWN])}",)
    quotes = '"' * 3
    lines[0] = quotes + lines[0]
    lines = [*lines[:-1], lines[-1] + quotes] if len(lines) == 1 else [*lines, quotes]
    return tuple(f"    {line.rstrip()}" if line.strip() else "" for line in lines)


def _template() -> str:
    return (files(__package__.partition(".bundler")[0]) / "templates/client.py.txt").read_text(
        "utf-8"
    )
