"""Pool: message classes in a descriptor pool of their own, so that they collide with no library's.

A model may import `tritonclient.grpc` or `kserve`, and both put a package `inference` into the
default pool of their process, which takes no second one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool

from . import PROTOS
from .proto_text import ProtoText

_SPOKEN = (
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
    "inference/grpc_service.proto",
    "inference/model_repository.proto",
    "tensorflow_serving/apis/serving.proto",
    "org/pytorch/serve/grpc/inference.proto",
    "org/pytorch/serve/grpc/management.proto",
    "seldon/prediction.proto",
)


@dataclass(frozen=True, slots=True)
class Method:
    """One call of a service: the full names of its messages."""

    request: str
    response: str


class Pool:
    """The services, all that they need, and the classes of their messages."""

    def __init__(self) -> None:
        self._pool = DescriptorPool()
        self._files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        self._kinds: dict[str, Any] = {}
        self.methods: dict[str, Method] = {}  # by path, as `/package.Service/Method`
        self.services: list[str] = []
        for name in _SPOKEN:
            self._add(name)
        self._add("google/rpc/status.proto")  # what refusals carry

    def _add(self, name: str) -> None:
        if name in self._files:
            return
        text = (PROTOS / name).read_text("utf-8")
        self._files[name] = file = ProtoText(text, self._kinds, self._add).read(name)
        self._pool.AddSerializedFile(file.SerializeToString())
        for service in file.service:
            full = f"{file.package}.{service.name}"
            self.services.append(full)
            for each in service.method:
                method = Method(each.input_type[1:], each.output_type[1:])
                self.methods[f"/{full}/{each.name}"] = method

    def __getitem__(self, name: str) -> Any:
        """The class of the message with that full name."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(name))

    def numbers(self, name: str) -> dict[str, int]:
        """The values of the enum with that full name."""
        return {each.name: each.number for each in self._pool.FindEnumTypeByName(name).values}

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
        """As `file`, for the file that defines a message, enum, service or method."""
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
