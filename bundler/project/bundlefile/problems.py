"""Converts pydantic's errors to problems with a place, a sentence and a hint."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from .. import yaml_source
from ..yaml_source import Where, YamlSource
from .wrong import nearest, quoted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Document = TypeVar("Document", bound=BaseModel)

# Words of other tools and of older drafts, and where they live here.
_KNOWN_AS = {
    "accelerators": "accelerator", "alias": "as", "apt": "system.packages",
    "base_image": "image.base", "batch": "serve.batch", "build_from_source": "python.allow_source",
    "conda": "python.requirements",
    "dependencies": "python.requirements", "docker": "image", "endpoints": "apis",
    "env": "image.env", "envs": "image.env", "gpu": "accelerator", "host": "serve.host",
    "max_latency": "latency_budget", "max_size": "max_batch_size", "max_wait": "latency_budget",
    "packages": "python.requirements", "port": "serve.port", "predict": "service",
    "python_packages": "python.requirements", "python_requires": "python.version",
    "python_version": "python.version", "requirements": "python.requirements",
    "resources": "accelerator", "runners": "models", "system_packages": "system.packages",
    "tag": "version", "target_latency": "latency_budget", "traffic": "serve",
    "workers": "serve.workers",
}  # fmt: skip


def validate(document: type[Document], path: Path) -> Document:
    """Read `path` as a `document`; raises BundlefileError with everything that is wrong."""
    source = yaml_source.read(path)
    result = None
    if isinstance(source.value, dict):
        _report_empty(source, source.value)
        try:
            result = document.model_validate(source.value)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            meant = _meant(source, document, errors)
            for details in errors:
                if _place(source, details) not in meant:
                    _report(source, document, details)
    elif not source.problems:
        message = "The file is not a bundlefile: it has no `key: value`."
        if source.value is None:
            message = "The file is empty."
        source.report((), message, "Write `name: NAME` and `models: [NAME]`.")
    source.check()
    assert result is not None, "a document without problems is valid"
    return result


_MAY_BE_NULL = {"nan"}  # where `null` is a value of its own


def _report_empty(source: YamlSource, value: Any, where: Where = ()) -> None:
    """Keys without a value: nothing was meant by them, or something was forgotten."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for part, item in pairs:
        here = (*where, part)
        if isinstance(item, dict | list):
            _report_empty(source, item, here)
        elif item is None and part not in _MAY_BE_NULL and not source.is_broken(here):
            source.report(here, "is empty.", "Give it a value, or take it away.")
            source.broken.add(here)


def _meant(
    source: YamlSource, document: type[BaseModel], errors: "list[ErrorDetails]"
) -> set[Where]:
    """Absent keys of which a misspelt one is told to be the one that was meant."""
    found: set[Where] = set()
    for details in errors:
        if details["type"] == "extra_forbidden":
            *around, key = _place(source, details)
            known = _keys(document, tuple(around))
            hint = nearest(key, known) or ""
            found.update((*around, name) for name in known if f"`{name}`" in hint)
    return {where for where in found if not _is_given(source.value, where)}


def _is_given(value: Any, where: Where) -> bool:
    for part in where:
        if not _holds(value, part):
            return False
        value = value[part]
    return True


def _report(source: YamlSource, document: type[BaseModel], details: "ErrorDetails") -> None:
    context = details.get("ctx", {})
    where = _place(source, details)
    if source.is_broken(where):
        return
    kind = details["type"]
    if kind == "extra_forbidden":
        message, hint = _unknown(document, where)
        source.report(where, message, hint, source.place(where, key=True))
        return
    message, hint = _explain(source, where, details, context)
    is_key = details["loc"][-1:] == ("[key]",)
    source.report(where, message, hint, source.place(where, key=is_key))


def _place(source: YamlSource, details: "ErrorDetails") -> Where:
    """The part of the file that an error is about."""
    return _where(source.value, (*details["loc"], *details.get("ctx", {}).get("at", ())))


def _where(value: Any, location: Where) -> Where:
    """The part of pydantic's location that leads through the file: branches of unions do not."""
    where: list[str | int] = []
    for position, part in enumerate(location):
        if _holds(value, part):
            where.append(part)
            value = value[part]
        elif position == len(location) - 1 and isinstance(value, dict) and part != "[key]":
            where.append(part)
    return tuple(where)


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _unknown(document: type[BaseModel], where: Where) -> tuple[str, str | None]:
    key, around = str(where[-1]), where[:-1]
    known = _keys(document, around)
    hint = nearest(key, known)
    if key in _KNOWN_AS:
        home = _KNOWN_AS[key]
        if home in known or "." in home:
            hint = f"This is `{home}` here."
    listed = ", ".join(f"`{name}`" for name in known)
    return "is not a key of a bundlefile.", hint or f"Known here are {listed}."


def _keys(document: Any, around: Where) -> list[str]:
    """The keys that a section has, found through the JSON Schema's view of the models."""
    section = document
    for part in around:
        section = _inner(section, part)
    fields: dict[str, Any] = getattr(section, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _inner(section: Any, part: str | int) -> Any:
    if isinstance(section, type) and issubclass(section, BaseModel):
        by_key = {field.alias or name: field for name, field in section.model_fields.items()}
        return by_key[str(part)].annotation if part in by_key else None
    arguments = getattr(section, "__args__", ())
    return next((a for a in reversed(arguments) if _is_section(a)), None)


def _is_section(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


_TYPES = {
    "string_type": "text", "int_type": "a whole number", "bool_type": "`true` or `false`",
    "model_type": "a mapping of keys", "dict_type": "a mapping of keys", "tuple_type": "a list",
    "float_type": "a number", "int_from_float": "a whole number",
}  # fmt: skip
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "string_too_long": ("max_length", "its characters may be at most"),
}


def _explain(
    source: YamlSource, where: Where, details: "ErrorDetails", context: dict[str, Any]
) -> tuple[str, str | None]:
    kind, given = details["type"], details["input"]
    if kind == "wrong":
        return context["message"], context["hint"]
    if kind == "missing":
        return "is required.", None
    if kind == "literal_error":
        known = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        listed = ", ".join(f"`{word}`" for word in known)
        return f"{quoted(given)} is not one of {listed}.", nearest(given, known)
    if kind in _TYPES:
        return _mistyped(source.texts.get(where), given, _TYPES[kind])
    if kind in _BOUNDS:
        limit, words = _BOUNDS[kind]
        return f"{quoted(given)} is not allowed: {words} {context[limit]}.", None
    return f"{quoted(given)}: {details['msg']}.", None


def _mistyped(text: str | None, given: object, wanted: str) -> tuple[str, str | None]:
    if isinstance(given, dict | list):
        kind = "a list" if isinstance(given, list) else "a mapping"
        return f"must be {wanted}, not {kind}.", None
    shown = quoted(text if text is not None else given)
    if wanted == "text":
        kind = "a word for true and false" if isinstance(given, bool) else "a number"
        return f"{shown} is {kind} in YAML.", f"Write it in quotes: {shown.replace('`', chr(34))}."
    if isinstance(given, str) and wanted == "a whole number" and given.isdigit():
        return f"{shown} is text, because of its quotes.", "Take the quotes away."
    return f"must be {wanted}, not {shown}.", None
