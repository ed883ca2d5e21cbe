"""Answer: encodes what a method returned, as the client accepts it."""

import dataclasses
import datetime as dt
import decimal
import enum
import sys
import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from pathlib import PurePath
from typing import Any

import numpy as np
import orjson

from ...data import media
from ...data.codecs.instances import written
from ...data.payload import Codec, Payload
from ...data.rows import table
from ...data.rows.foreign_array import as_numpy, native
from ...data.rows.predictions import LEAST, MOST
from ...manifests.signature import OBJECTS
from .types import iso_duration
from .types.binary import encoded

_TEXTS = (uuid.UUID, PurePath, decimal.Decimal, IPv4Address, IPv6Address)
_TEXT = media.TEXT + "; charset=utf-8"
_MUCH = 1 << 17  # bytes of an answer that a thread writes
_ITEM = 8  # bytes of a number
_DEPTH = 4  # of an answer, as far as it is looked at
_FIELDS = 32  # of a record, as far as they are looked at


@dataclasses.dataclass(frozen=True, slots=True)
class AnswerWriter:
    """Writes the answers of one API.

    rows         the answer is {"predictions": [...]}, whatever was returned
    nan_as_null  null stands for NaN; otherwise NaN is an error
    formats      names of the formats that rows may be given in; None: all installed
    """

    rows: bool = False
    nan_as_null: bool = False
    formats: frozenset[str] | None = None

    def write(self, result: Any, accept: str = "") -> Payload:
        """The body of `result`; raises PredictionFailed if it has no JSON form."""
        result = arrayed(result)
        if self.rows or _is_table(result):
            codec = Codec(OBJECTS, nan_as_null=self.nan_as_null, formats=self.formats)
            return codec.encode(plain(result) if isinstance(result, list) else result, accept)
        raw = _raw(result, accept)
        return raw or Payload(self.json(result))

    def json(self, result: Any) -> bytes:
        """The JSON of one value."""
        listed = table.to_instances([plain(arrayed(result))], nan_as_null=self.nan_as_null)
        return written(listed[0])


def arrayed(value: Any) -> Any:
    """A tensor as an ndarray, an array without a mask; other values unchanged."""
    if isinstance(value, np.ndarray):
        return native(value)
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        return as_numpy(value)
    return value


def _is_table(value: Any) -> bool:
    return (isinstance(value, np.ndarray) and value.ndim > 0) or _is_frame(value)


def _is_frame(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "iloc")


def _is_image(value: Any) -> bool:
    return any(f"{c.__module__}.{c.__name__}" == "PIL.Image.Image" for c in type(value).__mro__)


def has_images(value: Any) -> bool:
    """Whether an image is in an answer, which takes long to write.

    Of a list the first item says it. Nothing is imported to find out.
    """
    if "PIL.Image" not in sys.modules:
        return False
    if isinstance(value, Mapping):
        return any(map(has_images, value.values()))
    if isinstance(value, list | tuple):
        return bool(value) and has_images(value[0])
    if dataclasses.is_dataclass(value):
        return any(has_images(getattr(value, each.name)) for each in _fields(value))
    return _is_image(value)


def is_much(value: Any) -> bool:
    """Whether an answer takes milliseconds to write, as far as its first items tell."""
    return _weight(value, _DEPTH) >= _MUCH


def _weight(value: Any, depth: int) -> int:  # noqa: PLR0911  # one line a kind
    """Bytes of an answer, about; items that are lists or records are like the first of them."""
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, np.ndarray) or hasattr(value, "detach"):  # which a tensor has
        return int(value.nbytes)
    if _is_frame(value):
        return _ITEM * int(value.size)
    if not depth:
        return _ITEM
    if isinstance(value, list | tuple):
        return len(value) * _weight(value[0], depth - 1) if value else 0
    fields = value if isinstance(value, Mapping) else getattr(value, "__dict__", None)
    if not isinstance(fields, Mapping) or not fields:
        return _ITEM
    known = [_weight(each, depth - 1) for each in islice(fields.values(), _FIELDS)]
    return sum(known) * len(fields) // len(known)


def _raw(value: Any, accept: str) -> Payload | None:
    """Text, bytes and images as a raw body, if the client accepts that."""
    if isinstance(value, str):
        return Payload(value.encode(), _TEXT) if first(accept, media.TEXT, media.JSON) else None
    if first(accept, media.JSON, media.OCTETS, media.PNG, media.JPEG):
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        return Payload(bytes(value), media.OCTETS)
    if not _is_image(value):
        return None
    is_jpeg = first(accept, media.JPEG, media.PNG)
    kind = "jpeg" if is_jpeg else "png"
    return Payload(encoded(value, kind), f"image/{kind}")


def first(accept: str, wanted: str, *others: str) -> bool:
    """Whether `wanted` is named in an Accept header, before any of `others`."""
    if not accept or accept == "*/*":
        return False
    named = [kind for kind in media.ranked(accept, (wanted, *others)) if kind in accept.lower()]
    return bool(named) and named[0] == wanted


def plain(value: Any) -> Any:  # noqa: PLR0911  # one line a family
    """Records, images, enums and their like as JSON's own types; arrays are left to the table."""
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if type(value) is int and not LEAST <= value <= MOST:
        return orjson.Fragment(str(value))  # it was taken so, and orjson writes none
    if isinstance(value, str | int | float | np.ndarray) or value is None:
        return value
    if isinstance(value, Mapping):
        return {_key(key): plain(arrayed(item)) for key, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [plain(arrayed(item)) for item in value]
    if dataclasses.is_dataclass(value):
        return {each.name: plain(arrayed(getattr(value, each.name))) for each in _fields(value)}
    if hasattr(type(value), "__attrs_attrs__"):
        own = type(value).__attrs_attrs__
        return {each.alias: plain(arrayed(getattr(value, each.name))) for each in own}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    return _leaf(value)


def _fields(value: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(value)


def _key(key: Any) -> str:
    return str(key.value if isinstance(key, enum.Enum) else key)


def _leaf(value: Any) -> Any:
    if _is_frame(value):
        return table.to_instances(value)
    if _is_image(value):
        return encoded(value)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, _TEXTS):
        return str(value)
    if isinstance(value, dt.timedelta):
        return iso_duration.text(value)
    return value.isoformat() if isinstance(value, dt.time) else _of_pydantic(value)


def _of_pydantic(value: Any) -> Any:
    """A value that pydantic can serialize, such as a URL; other values unchanged."""
    if not hasattr(type(value), "__get_pydantic_core_schema__"):
        return value
    from pydantic import TypeAdapter  # installed, as such a value exists

    adapter: Any = TypeAdapter(type(value))
    return adapter.dump_python(value, mode="json")
