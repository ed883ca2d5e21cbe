"""RecordIO: rows as protobuf records, dense or sparse, as AWS' own algorithms take them.

Sources: AWS, "Common Data Formats for Training", with the definition of `aialgs.data.Record`; the
frame around each record is MXNet's RecordIO. Labels and whatever else a record has are passed over.
"""

import struct
from collections.abc import Iterator

import numpy as np

from ... import protobuf
from ...data import media
from ...data.payload import Codec
from ...errors import BadPayload, InvalidInput, PayloadTooLarge
from . import features

_TYPES = frozenset({"application/x-recordio-protobuf"})
_MAGIC = 0xCED7230A
_HEAD = struct.Struct("<II")
_ALIGNED = 4  # bytes
_WHOLE = 1 << 29  # lengths are below; larger values mark a part of a record
_FEATURES, _KEY, _VALUE = 1, 1, 2  # fields of a record, and of an entry of its map
_DTYPES = {2: "<f4", 3: "<f8", 7: ""}  # tensors by the field of `Value`; the last one of varints
_VALUES, _KEYS, _SHAPE = 1, 2, 3  # fields of a tensor
_SIGNED = 1 << 63


def is_meant(content_type: str) -> bool:
    """Whether a body of this type is of this format."""
    return media.essence(content_type) in _TYPES


def read(codec: Codec, body: bytes) -> np.ndarray:
    """Parse the rows of a body; returns float64.

    Raises:
        InvalidInput, BadPayload, PayloadTooLarge: when the model cannot take them.
    """
    records = []
    for record in _records(memoryview(body)):
        records.append(record)
        if len(records) > codec.max_rows:
            most = f"{codec.max_rows} records"
            raise PayloadTooLarge(f"The body has more than {most}, which this server takes.")
    array = features.blank(codec, len(records), len(body), features.absent(codec.inputs))
    for number, record in enumerate(records):
        try:
            _fill(array[number], _tensor(record), f"record {number + 1}")
        except ValueError:
            raise BadPayload(f"record {number + 1}: expected an `aialgs.data.Record`.") from None
    return array


def _records(body: memoryview) -> Iterator[memoryview]:
    start = 0
    while start < len(body):
        if start + _HEAD.size > len(body):
            raise BadPayload("The body ends within a record.")
        magic, size = _HEAD.unpack_from(body, start)
        start += _HEAD.size
        if magic != _MAGIC or size >= _WHOLE:
            raise BadPayload("The body is not RecordIO of whole records.")
        if start + size > len(body):
            raise BadPayload("The body ends within a record.")
        yield body[start : start + size]
        start += size + -size % _ALIGNED


def _tensor(record: memoryview) -> tuple[int, memoryview]:
    """The kind and the bytes of the tensor that is the only feature of a record.

    Raises:
        ValueError: when it is no record.
        BadPayload: when it has several features, or pictures.
    """
    entries = [_nested(value) for number, value in protobuf.fields(record) if number == _FEATURES]
    if len(entries) != 1:
        raise BadPayload(f"Expected one feature a record, called `values`; got {len(entries)}.")
    found = [
        (kind, _nested(tensor))
        for number, value in protobuf.fields(entries[0])
        if number == _VALUE
        for kind, tensor in protobuf.fields(_nested(value))
    ]
    kinds = [each for each in found if each[0] in _DTYPES]
    if not kinds or len(kinds) < len(found):
        raise BadPayload("Expected numbers in each record: float32, float64 or int32.")
    return kinds[-1]


def _fill(row: np.ndarray, tensor: tuple[int, memoryview], where: str) -> None:
    kind, data = tensor
    parts: dict[int, list[memoryview]] = {_VALUES: [], _KEYS: [], _SHAPE: []}
    for number, value in protobuf.fields(data):
        if number in parts:
            parts[number].append(_nested(value))
    values = _numbers(kind, b"".join(parts[_VALUES]))
    keys = list(protobuf.varints(memoryview(b"".join(parts[_KEYS]))))
    shape = list(protobuf.varints(memoryview(b"".join(parts[_SHAPE]))))
    width = len(row)
    if shape and shape[-1] != width:
        raise InvalidInput(f"{where}: the model has {width} features, got {shape[-1]}.")
    if not keys and not shape:  # dense
        if len(values) != width:
            raise InvalidInput(f"{where}: the model has {width} features, got {len(values)}.")
        row[:] = values
        return
    if len(keys) != len(values):
        raise BadPayload(f"{where}: {len(values)} values have {len(keys)} keys.")
    if keys and max(keys) >= width:
        raise InvalidInput(f"{where}: the model has {width} features, from 0; got {max(keys)}.")
    row[keys] = values


def _numbers(kind: int, data: bytes) -> np.ndarray:
    """The values of a packed field."""
    if _DTYPES[kind]:
        return np.frombuffer(data, _DTYPES[kind])
    return np.array([_signed(each) for each in protobuf.varints(memoryview(data))], np.float64)


def _signed(value: int) -> int:
    """A negative number is written as one of 64 bits."""
    return value - 2 * _SIGNED if value >= _SIGNED else value


def _nested(value: int | memoryview) -> memoryview:
    """The bytes of a field: a message, or packed numbers.

    Raises:
        ValueError: when it is a number.
    """
    if not isinstance(value, memoryview):
        raise ValueError(value)  # noqa: TRY004  as for anything else that is no message
    return value
