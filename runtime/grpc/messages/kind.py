"""Kind: what a field of a message holds; numbers as in Protocol Buffers' `descriptor.proto`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

_MESSAGE, _ENUM = 11, 14


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field holds.

    number       of the type, in FieldDescriptorProto.Type
    of           full name of the message or enum, where it is one
    is_repeated  any number of them
    key          what leads to them, where the field is a map
    """

    number: int
    of: str = ""
    is_repeated: bool = False
    key: "Kind | None" = None

    @property
    def each(self) -> Self:
        """Any number of them."""
        return replace(self, is_repeated=True)

    def by(self, key: "Kind") -> Self:
        """A map to them."""
        return replace(self, key=key)


DOUBLE, FLOAT, INT64, UINT64, INT32 = Kind(1), Kind(2), Kind(3), Kind(4), Kind(5)
BOOL, STRING, BYTES, UINT32 = Kind(8), Kind(9), Kind(12), Kind(13)


def message(name: str) -> Kind:
    """The message with that full name."""
    return Kind(_MESSAGE, name)


def enum(name: str) -> Kind:
    """The enum with that full name."""
    return Kind(_ENUM, name)


Field = tuple[int, Kind] | tuple[int, Kind, str]
"""Its number on the wire, what it holds, and the `oneof` that it is part of, if it is."""

Fields = dict[str, Field]


@dataclass(frozen=True, slots=True)
class Method:
    """One call of a service; names of messages are full ones."""

    request: str
    response: str
    streams_requests: bool = False
    streams_responses: bool = False


@dataclass(frozen=True, slots=True)
class ProtoFile:
    """One package's messages and services.

    messages  by name; that of a message within another has a dot
    enums     numbers by name, by the name of the enum; likewise
    needs     names of the files whose messages stand in these
    """

    name: str
    package: str
    messages: Mapping[str, Fields]
    enums: Mapping[str, Mapping[str, int]]
    services: Mapping[str, Mapping[str, Method]]
    needs: tuple[str, ...] = ()
