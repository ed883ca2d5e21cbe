"""Annotation: the live types of a method to decoders.

Its twin `bundler/building/service/syntax/annotation.py` reads the same out of the source; what
one learns the other must learn.
"""

import collections.abc
import enum
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...array import DTYPES, Array
from . import spec
from .binary import BYTES, IMAGE
from .constraint import bounds, constrained
from .decoder import ANYTHING, PLAIN, ValueDecoder, chosen, either, listing, mapping, tupled
from .record import kind_of, record, validated
from .rows import DATAFRAME, array
from .scalar import SCALARS

_PASSED = frozenset(
    f"{module}.{name}"
    for module in ("typing", "typing_extensions")
    for name in ("Required", "NotRequired", "ReadOnly")
)
_MAKERS = {"builtins.set": set, "builtins.frozenset": frozenset}
_WHOLE: dict[str, ValueDecoder] = {
    **PLAIN,
    **SCALARS,
    "builtins.bytes": BYTES,
    "PIL.Image.Image": IMAGE,
    spec.ARRAY: array(Array()),
    "pandas.DataFrame": DATAFRAME,
    "pandas.core.frame.DataFrame": DATAFRAME,
}


@dataclass(slots=True)
class _Open:
    """A placeholder for a record or `type X = ...` inside its own definition."""

    annotation: Any
    whole: ValueDecoder = ANYTHING

    def read(self, value: Any, where: str) -> Any:
        return self.whole.read(value, where)


_Inside = tuple[_Open, ...]


def decoder(annotation: Any, inside: _Inside = ()) -> ValueDecoder:
    """The decoder for values of `annotation`; free JSON if it is unknown.

    `inside` are the records and aliases around it: one that contains itself is not followed for
    ever, and is read by one decoder however deep it goes.
    """
    annotation = _unwrapped(annotation)
    if _alias(annotation):
        return _aliased(annotation, inside)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _annotated(arguments[0], arguments[1:], inside)
    if origin in {typing.Union, types.UnionType}:
        return either([decoder(each, inside) for each in arguments])
    if origin is typing.Literal:
        return _literal(arguments)
    if origin is not None:
        return _generic(origin, arguments, inside)
    return _class(annotation, inside) if isinstance(annotation, type) else ANYTHING


def _unwrapped(annotation: Any) -> Any:
    """Resolve NewType, NotRequired, and the bare names of `typing`."""
    while True:
        origin = typing.get_origin(annotation)
        if str(origin) in _PASSED:
            (annotation,) = typing.get_args(annotation)
        elif origin is not None and not hasattr(annotation, "__args__"):
            annotation = origin  # typing.Tuple, which is tuple and not tuple[()]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        else:
            return type(None) if annotation is None else annotation


def _alias(annotation: Any) -> Any | None:
    """The `type X = ...` that `X` or `X[int]` names, if it names one."""
    for each in (annotation, typing.get_origin(annotation)):
        if type(each).__name__ == "TypeAliasType":
            return each
    return None


def _meaning(annotation: Any) -> Any:
    """Resolve `X` or `X[int]` by `type X[T] = ...`; also NumPy's NDArray since 2.5."""
    alias, arguments = _alias(annotation), typing.get_args(annotation)
    if alias is None:
        return annotation
    value, parameters = alias.__value__, alias.__type_params__
    if any(not isinstance(each, typing.TypeVar) for each in parameters):
        return Any  # *Ts and **P
    chosen = {each: _default(each) for each in parameters}
    chosen |= zip(parameters, arguments, strict=False)
    if used := getattr(value, "__parameters__", ()):
        return value[tuple(chosen.get(each, Any) for each in used)]
    return chosen.get(value, Any) if isinstance(value, typing.TypeVar) else value


def _default(parameter: Any) -> Any:
    has_one = getattr(parameter, "has_default", bool)()  # Python 3.13
    return parameter.__default__ if has_one else Any


def _aliased(annotation: Any, inside: _Inside) -> ValueDecoder:
    """Resolve `type X = ...`."""
    alias = _alias(annotation)
    for each in inside:
        if _alias(each.annotation) is alias:
            return _again(each, annotation, spec.OBJECT)
    return _opened(annotation, inside, lambda around: decoder(_meaning(annotation), around))


def _opened(
    annotation: Any, inside: _Inside, make: Callable[[_Inside], ValueDecoder]
) -> ValueDecoder:
    opened = _Open(annotation)
    opened.whole = make((*inside, opened))
    return opened.whole


def _again(around: _Open, annotation: Any, unfinished: spec.Spec) -> ValueDecoder:
    """A type inside itself; free JSON if its arguments differ, as X[T] in X[U]."""
    return ValueDecoder(unfinished, around.read) if around.annotation == annotation else ANYTHING


def name_of(cls: Any) -> str:
    """The name of a class in specs."""
    name = f"{getattr(cls, '__module__', '')}.{getattr(cls, '__qualname__', '')}"
    return spec.CANONICAL.get(name, name)


def _annotated(base: Any, notes: tuple[Any, ...], inside: _Inside) -> ValueDecoder:
    note = next((each for each in notes if isinstance(each, Array)), None)
    inner = decoder(base, inside)
    if note is not None and inner.spec.kind == "array":
        while _alias(base := _unwrapped(base)):
            base = _meaning(base)
        dtype = note.dtype or _dtype(typing.get_args(base))
        return array(Array(dtype, note.shape))
    limits = bounds(notes)
    return constrained(inner, limits) if limits else inner


def _literal(members: tuple[Any, ...]) -> ValueDecoder:
    """The literal values; members of an Enum by their values."""
    named = {each.value: each for each in members if isinstance(each, enum.Enum)}
    if not named:
        return chosen(members)
    values = [each.value if isinstance(each, enum.Enum) else each for each in members]
    return chosen(values, lambda value: named.get(value, value))


def _dtype(arguments: tuple[Any, ...]) -> str | None:
    """The dtype in `ndarray[Any, dtype[float32]]`, to which NDArray[float32] resolves."""
    inner = typing.get_args(arguments[1]) if len(arguments) > 1 else ()
    name = getattr(inner[0], "__name__", "") if inner else ""
    name = {"bool_": "bool", "str_": "str"}.get(name, name)
    return name if name in DTYPES else None


def _tuple(arguments: tuple[Any, ...], inside: _Inside) -> ValueDecoder:
    if any(map(_is_unpacked, arguments)):
        return _class(tuple, inside)
    if len(arguments) == 2 and arguments[1] is ...:  # noqa: PLR2004
        return listing("builtins.list", decoder(arguments[0], inside), tuple)
    return tupled([decoder(each, inside) for each in arguments])


def _is_unpacked(argument: Any) -> bool:
    """Whether it is `*Ts` or `*tuple[int, ...]`: any number of items."""
    is_unpacked = typing.get_origin(argument) is typing.Unpack
    return is_unpacked or getattr(argument, "__unpacked__", False)


def _generic(origin: Any, arguments: tuple[Any, ...], inside: _Inside) -> ValueDecoder:
    if origin is tuple:
        return _tuple(arguments, inside)
    kind = kind_of(origin) if isinstance(origin, type) else None
    if kind:  # Box[int], whose fields are those of Box
        return _record(origin, kind, inside)
    name = name_of(origin)
    if name == spec.ARRAY:
        return array(Array(_dtype(arguments)))
    items = [decoder(each, inside) for each in arguments]
    if name in spec.LISTS:
        item = items[0] if items else None
        return listing(name, item, _MAKERS.get(name, list))
    if name in spec.DICTS and len(items) == 2:  # noqa: PLR2004
        return mapping(name, *items)
    return ANYTHING


def _class(cls: type, inside: _Inside) -> ValueDecoder:
    name = name_of(cls)
    if name in _WHOLE:
        return _WHOLE[name]
    if name in spec.LISTS or cls is tuple:
        return listing(name, None, _MAKERS.get(name, tuple if cls is tuple else list))
    if name in spec.DICTS:
        return PLAIN["builtins.dict"]
    if issubclass(cls, enum.Enum):
        return chosen([each.value for each in cls], cls)
    kind = kind_of(cls) or ("json" if issubclass(cls, tuple) and hasattr(cls, "_fields") else None)
    if kind:
        return _record(cls, kind, inside)
    return validated(cls) if hasattr(cls, "__get_pydantic_core_schema__") else ANYTHING


def _record(cls: type, kind: spec.Kind, inside: _Inside) -> ValueDecoder:
    for each in inside:
        if each.annotation is cls:
            return _again(each, cls, spec.unfinished(kind, cls.__name__))
    return _opened(
        cls, inside, lambda around: record(cls, kind, lambda field: decoder(field, around))
    )


def streamed(annotation: Any) -> Any | None:
    """The item type of `Iterator[X]` and its like, or None if it is not a stream."""
    origin = typing.get_origin(annotation) or annotation
    return _first(typing.get_args(annotation)) if name_of(origin) in spec.STREAMS else None


def iterated(annotation: Any) -> Any:
    """The item's annotation in `Iterable[X]`, for generators that are annotated so."""
    item = streamed(annotation)
    if item is not None:
        return item
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    plain = {collections.abc.Iterable, collections.abc.AsyncIterable}
    return _first(arguments) if origin in plain else Any


def _first(arguments: tuple[Any, ...]) -> Any:
    if not arguments:
        return Any
    # Only generics of `typing` turn None into NoneType.
    return types.NoneType if arguments[0] is None else arguments[0]
