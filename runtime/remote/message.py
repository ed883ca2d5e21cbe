"""Message: a few bytes that announce a batch on a slab; sent atomically."""

import struct
from enum import IntEnum
from typing import NamedTuple, Self

import orjson

SIZE = 4096  # bytes of the longest message; longer content is on the slab
WHOLE = 1  # flag of RUN: one request as it is, whose answer may have any number of rows
FORGET = 2  # flag of RUN: the process does not know the layouts that were described before

_FORMAT = struct.Struct("<BBHIQIIQQQ")
_unpack = _FORMAT.unpack_from


class MessageKind(IntEnum):
    """The kind of a message."""

    READY = 1  # from the model: it is loaded
    RUN = 2  # to the model: rows are on the slab
    ANSWER = 3  # from the model: their answers are on the slab
    ERROR = 4  # from the model: why there are none is on the slab


class Message(NamedTuple):
    """One message.

    generation   of the model process; messages of or to an earlier one are dropped
    number       of the batch, given by the front
    layout       number of the layout, given by the writer
    described    bytes of its description, if it is new
    values       bytes of the JSON values, which are first on the slab
    size         bytes on the slab in all
    """

    kind: int
    slot: int
    flags: int
    generation: int
    number: int
    layout: int = 0
    described: int = 0
    values: int = 0
    rows: int = 0
    size: int = 0

    def encode(self) -> bytes:
        """Its bytes."""
        return _FORMAT.pack(*self)

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """The message in `data`."""
        return cls._make(_unpack(data))


class Ready(NamedTuple):
    """The report of a model process once it is loaded.

    seconds   of loading
    memory    bytes that the process uses
    pid       of the process
    """

    seconds: float
    memory: int
    pid: int

    def encode(self, generation: int) -> bytes:
        """Its bytes."""
        head = Message(MessageKind.READY, 0, 0, generation, 0).encode()
        return head + orjson.dumps(self._asdict())

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """What follows the head of a message."""
        return cls(**orjson.loads(memoryview(data)[_FORMAT.size :]))
