"""Pool: message classes of our own descriptors, which collide with nobody's generated ones.

A model may import `tritonclient.grpc` or `kserve`, and both put a package `inference` into the
default pool of their process, which takes no second one.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool

from . import (
    examples,
    health,
    inference,
    model,
    model_config,
    reflection,
    seldon,
    serving,
    standard,
    tensorflow,
    torchserve,
)
from .kind import Field, Fields, Kind, Method, ProtoFile

_FILES = (
    standard.ANY,
    standard.EMPTY,
    standard.DURATION,
    standard.WRAPPERS,
    standard.STATUS,
    standard.STRUCT,
    health.FILE,
    reflection.V1,
    reflection.V1ALPHA,
    model_config.FILE,
    inference.FILE,
    inference.REPOSITORY,
    tensorflow.FILE,
    model.FILE,
    examples.EXAMPLE,
    examples.FILE,
    serving.FILE,
    torchserve.FILE,
    seldon.FILE,
)
_OPTIONAL, _REPEATED, _MESSAGE = 1, 3, 11


class Pool:
    """All files, and the classes of their messages."""

    def __init__(self, files: Iterable[ProtoFile] = _FILES) -> None:
        self._pool = DescriptorPool()
        self._files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        self.methods: dict[str, Method] = {}  # by path, as `/package.Service/Method`
        self.services: list[str] = []
        for file in files:
            described = _described(file)
            self._files[file.name] = described
            self._pool.AddSerializedFile(described.SerializeToString())
            for service, methods in file.services.items():
                name = f"{file.package}.{service}"
                self.services.append(name)
                self.methods |= {f"/{name}/{each}": method for each, method in methods.items()}

    def __getitem__(self, name: str) -> Any:
        """The class of the message with that full name."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(name))

    def names(self) -> list[str]:
        """Full names of all messages that are not within others."""
        return [
            f"{file.package}.{each.name}"
            for file in self._files.values()
            for each in file.message_type
        ]

    def file(self, name: str) -> list[bytes] | None:
        """The file with that name and all that it needs, serialized, itself first."""
        if name not in self._files:
            return None
        names = dict.fromkeys(self._with_needs(name))
        return [self._files[each].SerializeToString() for each in names]

    def file_of(self, symbol: str) -> list[bytes] | None:
        """As `file`, for the one that a message, enum, service or method stands in."""
        service, _, method = symbol.rpartition(".")
        if f"/{service}/{method}" in self.methods:
            symbol = service
        try:
            return self.file(self._pool.FindFileContainingSymbol(symbol).name)
        except KeyError:
            return None

    def _with_needs(self, name: str) -> Iterator[str]:
        yield name
        for needed in self._files[name].dependency:
            yield from self._with_needs(needed)


@cache
def pool() -> Pool:
    """The one of this process."""
    return Pool()


def _described(file: ProtoFile) -> descriptor_pb2.FileDescriptorProto:
    described = descriptor_pb2.FileDescriptorProto(
        name=file.name, package=file.package, syntax="proto3", dependency=file.needs
    )
    made: dict[str, descriptor_pb2.DescriptorProto] = {}
    for name, fields in file.messages.items():
        outer, _, inner = name.rpartition(".")
        home = made[outer].nested_type if outer else described.message_type
        made[name] = home.add(name=inner)
        _fill(made[name], f".{file.package}.{name}", fields)
    for name, numbers in file.enums.items():
        outer, _, inner = name.rpartition(".")
        enum = (made[outer] if outer else described).enum_type.add(name=inner)
        for value, number in numbers.items():
            enum.value.add(name=value, number=number)
    for name, methods in file.services.items():
        _add_service(described, name, methods)
    return described


def _add_service(
    described: descriptor_pb2.FileDescriptorProto, name: str, methods: Mapping[str, Method]
) -> None:
    service = described.service.add(name=name)
    for each, method in methods.items():
        service.method.add(
            name=each,
            input_type=f".{method.request}",
            output_type=f".{method.response}",
            client_streaming=method.streams_requests,
            server_streaming=method.streams_responses,
        )


def _fill(made: descriptor_pb2.DescriptorProto, full: str, fields: Fields) -> None:
    for name, field in fields.items():
        _add_field(made, full, name, field)


def _add_field(made: descriptor_pb2.DescriptorProto, full: str, name: str, field: Field) -> None:
    number, kind = field[:2]
    if kind.key is not None:
        entry = "".join(part.capitalize() for part in name.split("_")) + "Entry"
        nested = made.nested_type.add(name=entry)
        nested.options.map_entry = True
        value = Kind(kind.number, kind.of)
        _fill(nested, f"{full}.{entry}", {"key": (1, kind.key), "value": (2, value)})
        kind = Kind(_MESSAGE, f"{full}.{entry}"[1:], is_repeated=True)
    added = made.field.add(
        name=name,
        number=number,
        type=kind.number,
        label=_REPEATED if kind.is_repeated else _OPTIONAL,
    )
    if kind.of:
        added.type_name = f".{kind.of}"
    if len(field) == 3:  # noqa: PLR2004
        names = [each.name for each in made.oneof_decl]
        if field[2] not in names:
            made.oneof_decl.add(name=field[2])
            names.append(field[2])
        added.oneof_index = names.index(field[2])
