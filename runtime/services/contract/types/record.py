"""Record: dataclasses, attrs classes, TypedDicts and pydantic models, from JSON objects."""

import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....data.json_text import written
from ....errors import InvalidInput
from ....nearest import nearest
from . import spec
from .constraint import bounds, limited
from .decoder import ValueDecoder, refused
from .hints import hints_of
from .spec import FieldSpec, Kind

ReadAnnotation = Callable[[Any], ValueDecoder]


@dataclass(frozen=True, slots=True)
class RecordField:
    """One field: how it is called in JSON, and how its value is read."""

    name: str
    decoder: ValueDecoder
    required: bool
    default: Any = None

    @property
    def spec(self) -> FieldSpec:
        """The spec of the record in a schema."""
        return FieldSpec(self.name, self.decoder.spec, self.required, self.default)


def kind_of(cls: type) -> Kind | None:
    """The kind of record of `cls`, or None; imports no library."""
    names = {f"{base.__module__}.{base.__name__}" for base in cls.__mro__}
    if "pydantic.main.BaseModel" in names:
        return None if "pydantic.root_model.RootModel" in names else "pydantic"
    is_attrs = hasattr(cls, "__attrs_attrs__")
    is_plain = dataclasses.is_dataclass(cls) or _is_typed_dict(cls)
    return "dataclass" if is_plain or is_attrs else None


def _is_typed_dict(cls: type) -> bool:
    """Whether it is a TypedDict of `typing` or `typing_extensions`."""
    return type(cls).__name__ == "_TypedDictMeta"


def record(cls: type, kind: Kind, read_annotation: ReadAnnotation) -> ValueDecoder:
    """The decoder of a record class; `read_annotation` is for its fields.

    A NamedTuple is of the kind "json".
    """
    if kind == "pydantic":
        fields = _pydantic_fields(cls, read_annotation)
        is_closed = cls.model_config.get("extra") == "forbid"  # type: ignore[attr-defined]
        made = spec.record(kind, cls.__name__, fields, is_closed=is_closed)
        return ValueDecoder(made, _validated(cls))
    if kind == "json":
        members = _members(cls, read_annotation)
        made = spec.named_tuple(cls.__name__, [field.spec for field in members])
        return ValueDecoder(made, _listed(cls, members))
    own = _fields_of(cls)(cls, read_annotation)
    made = spec.record(kind, cls.__name__, [field.spec for field in own])
    return ValueDecoder(made, _built(cls, own))


def _fields_of(cls: type) -> Callable[[Any, ReadAnnotation], list[RecordField]]:
    if _is_typed_dict(cls):
        return _keys
    return _dataclass_fields if dataclasses.is_dataclass(cls) else _attrs_fields


def _attrs_fields(cls: Any, read_annotation: ReadAnnotation) -> list[RecordField]:
    """Fields of an attrs class; a field with a converter takes any value."""
    hints = hints_of(cls)
    fields = []
    for each in cls.__attrs_attrs__:
        has_default = type(each.default).__name__ != "_Nothing"
        hint = hints.get(each.name, each.type or Any) if each.converter is None else Any
        default = each.default if has_default and not hasattr(each.default, "factory") else None
        if each.init:
            made = read_annotation(hint)
            fields.append(RecordField(each.alias, made, required=not has_default, default=default))
    return fields


def _dataclass_fields(cls: Any, read_annotation: ReadAnnotation) -> list[RecordField]:
    """What its `__init__` takes: `InitVar` too, which is no field of an instance."""
    hints, missing = hints_of(cls), dataclasses.MISSING
    fields = []
    for each in cls.__dataclass_fields__.values():
        hint = hints[each.name]
        if not each.init or typing.ClassVar in {hint, typing.get_origin(hint)}:
            continue
        required = each.default is missing and each.default_factory is missing
        default = None if each.default is missing else each.default
        made = read_annotation(hint.type if isinstance(hint, dataclasses.InitVar) else hint)
        fields.append(RecordField(each.name, made, required, default))
    return fields


def _keys(cls: Any, read_annotation: ReadAnnotation) -> list[RecordField]:
    return [
        RecordField(name, read_annotation(hint), _is_required(cls, name, hint))
        for name, hint in hints_of(cls).items()
    ]


def _is_required(cls: Any, name: str, hint: Any) -> bool:
    """Whether a TypedDict's key is: by a wrapper of its own, else by `total`.

    `__required_keys__` does not know the wrappers of postponed annotations.
    """
    while (origin := typing.get_origin(hint)) is not None:
        if str(origin).endswith("Required"):
            return not str(origin).endswith("NotRequired")
        (hint, *_) = typing.get_args(hint) or (None,)
    return name in cls.__required_keys__


def _members(cls: Any, read_annotation: ReadAnnotation) -> list[RecordField]:
    """The fields of a NamedTuple, which may have no types."""
    hints, defaults = hints_of(cls), cls._field_defaults
    return [
        RecordField(
            name,
            read_annotation(hints.get(name, Any)),
            required=name not in defaults,
            default=defaults.get(name),
        )
        for name in cls._fields
    ]


def _pydantic_fields(cls: Any, read_annotation: ReadAnnotation) -> list[FieldSpec]:
    hints = hints_of(cls)
    fields = []
    for name, info in cls.model_fields.items():
        alias = info.validation_alias or info.alias
        default = None if info.is_required() else info.default
        called = alias if isinstance(alias, str) else name
        made = limited(read_annotation(hints[name]).spec, bounds([info]))
        fields.append(FieldSpec(called, made, info.is_required(), default))
    return fields


def _built(cls: type, fields: Sequence[RecordField]) -> Callable[[Any, str], Any]:
    def read(value: Any, where: str) -> Any:
        values = arguments(value, fields, where)
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:  # checks of the author
            raise invalid_input(error, where) from error

    return read


def _listed(cls: Any, members: Sequence[RecordField]) -> Callable[[Any, str], Any]:
    by_name = _built(cls, members)
    least = sum(field.required for field in members)

    def read(value: Any, where: str) -> Any:
        if type(value) is dict:
            return by_name(value, where)
        if type(value) is not list or not least <= len(value) <= len(members):
            sizes = str(least) if least == len(members) else f"{least} to {len(members)}"
            raise refused(where, f"a list of {sizes}", value)
        pairs = enumerate(zip(members, value, strict=False))
        return cls(*(each.decoder.read(item, f"{where}[{i}]") for i, (each, item) in pairs))

    return read


def arguments(value: Any, fields: Sequence[RecordField], where: str = "") -> dict[str, Any]:
    """The fields of a JSON object, each read; missing ones stay away for their defaults.

    Raises:
        InvalidInput: for no object, a missing or unknown key, or a value of another type.
    """
    if type(value) is not dict:
        raise refused(where or "The body", "an object", value)
    known = {field.name for field in fields}
    for key in value:
        if key not in known:
            raise _unknown(key, known, value, where)
    place = f"{where}." if where else ""
    read = {}
    for field in fields:
        if field.name in value:
            read[field.name] = field.decoder.read(value[field.name], place + field.name)
        elif field.required:
            start = f"{where}: field " if where else ""
            raise InvalidInput(f"{start}`{field.name}` is missing.")
    return read


def _unknown(key: str, known: set[str], sent: Mapping[str, Any], where: str) -> InvalidInput:
    near = nearest(key, known - sent.keys() or known)
    listed = ", ".join(f"`{name}`" for name in sorted(known)) or "none"
    hint = f"did you mean `{near}`?" if near else f"expected {listed}."
    problem = f"{where}: unknown field" if where else "Unknown field"
    return InvalidInput(f"{problem} `{key[:64]}`; {hint}")


def _validated(cls: Any) -> Callable[[Any, str], Any]:
    if cls.model_config.get("strict") is False:  # the author has chosen that "1" is a number
        return _reader(cls.model_validate)
    return _reader(cls.model_validate, cls.model_validate_json)


def _reader(
    lax: Callable[[Any], Any], strict: Callable[..., Any] | None = None
) -> Callable[[Any, str], Any]:
    """Decodes with pydantic; `strict`: from JSON, and only what the schema allows."""

    def read(value: Any, where: str) -> Any:
        try:
            text = None if strict is None else written(value)
        except TypeError:  # files of a form
            text = None
        try:
            return lax(value) if strict is None or text is None else strict(text, strict=True)
        except ValueError as error:
            faults = error.errors() if text is not None and hasattr(error, "errors") else []
            if not faults or not all(map(_is_of_schema, faults)):
                raise invalid_input(error, where) from error
        try:
            return lax(value)
        except ValueError as error:
            raise invalid_input(error, where) from error

    return read


def _is_of_schema(fault: Mapping[str, Any]) -> bool:
    """Whether a value that strict pydantic refuses matches the schema.

    JSON Schema takes `1.0` for an integer. A text for a time is one, though it has only the day,
    and a duration may be a number of seconds.
    """
    value = fault["input"]
    if fault["type"] == "int_type":
        return type(value) is float and value.is_integer()
    if fault["type"] == "time_delta_type":
        return type(value) in {int, float}
    return type(value) is str and fault["type"].startswith(("date", "time"))


def validated(cls: type) -> ValueDecoder:
    """A class that pydantic can validate, such as a RootModel or a URL."""
    from pydantic import TypeAdapter  # pydantic is installed, because the annotation needs it

    adapter: Any = TypeAdapter(cls)
    read = _reader(adapter.validate_python, adapter.validate_json)
    return ValueDecoder(spec.Spec("json", _schema(adapter)), read)


def _schema(adapter: Any) -> dict[str, Any]:
    """Its JSON Schema; any value if it has none, or one with references."""
    try:
        schema: dict[str, Any] = adapter.json_schema()
    except (ValueError, TypeError, NotImplementedError):
        return {}
    return {} if "$defs" in schema else schema


def invalid_input(error: Exception, where: str) -> InvalidInput:
    """The message of a validator, without internals."""
    if not hasattr(error, "errors"):
        first = error.args[0] if len(error.args) > 1 else None  # attrs' validators add objects
        text = first if type(first) is str else str(error)
        return InvalidInput(f"{where}: {text}" if where else text)
    faults = [_fault(each, where) for each in error.errors(include_url=False)]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidInput(faults[0] + more)


def _fault(fault: Mapping[str, Any], where: str) -> str:
    steps = [f"[{each}]" if isinstance(each, int) else f".{each}" for each in fault["loc"]]
    place = (where + "".join(steps)).lstrip(".") or "The body"
    expected = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    if fault["type"] == "missing":
        return f"{place}: field is missing."
    shown = type(fault.get("input")) in {str, int, float, bool, type(None), list, dict}
    got = str(refused(place, "", fault["input"])).rpartition("got ")[2] if shown else ""
    return f"{place}: {expected[:1].lower()}{expected[1:]}" + (f", got {got}" if got else ".")
