"""ProtoText: a file in the language of `.proto`, as far as ours use it, as its descriptor.

protoc would make modules of them, in the pool where every library has its own. Source:
protobuf.dev/reference/protobuf/proto3-spec.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

_WORDS = re.compile(r'"[^"]*"|[\w.]+|[{}<>(),;=]')
_COMMENT = re.compile(r"//.*")
_SCALARS: Mapping[str, FieldDescriptorProto.Type.ValueType] = {
    name: FieldDescriptorProto.Type.Value(f"TYPE_{name.upper()}")
    for name in "double float int64 uint64 int32 bool string bytes uint32".split()  # noqa: SIM905
}
_OPTIONAL, _REPEATED = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED
_MESSAGE, _ENUM = FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM


class ProtoText:
    """Parses one .proto file.

    kinds   types of all messages and enums by full name; those of this file are added
    needs   called with the name of each imported file
    """

    def __init__(
        self,
        text: str,
        kinds: dict[str, FieldDescriptorProto.Type.ValueType],
        needs: Callable[[str], None],
    ) -> None:
        self._words: Iterator[str] = iter(_WORDS.findall(_COMMENT.sub("", text)))
        self._kinds = kinds
        self._needs = needs
        self._open: list[tuple[FieldDescriptorProto, str, str]] = []  # field, type name, scope

    def read(self, name: str) -> FileDescriptorProto:
        """Parse the file as `name`; raises ValueError if its syntax is not supported."""
        file = FileDescriptorProto(name=name, syntax="proto3")
        for word in self._words:
            match word:
                case "syntax":
                    self._expect("=", '"proto3"', ";")
                case "package":
                    file.package = self._named(";")
                case "import":
                    file.dependency.append(self._named(";").strip('"'))
                    self._needs(file.dependency[-1])
                case "message":
                    self._message(file.message_type.add(), file.package)
                case "enum":
                    self._enum(file.enum_type.add(), file.package)
                case "service":
                    self._service(file.service.add(), file.package)
                case _:
                    raise ValueError(f"{name}: {word!r} begins nothing.")
        for field, held, scope in self._open:  # types may be defined after their use
            full = self._found(held, scope)
            field.type, field.type_name = self._kinds[full], f".{full}"
        return file

    def _message(self, made: DescriptorProto, scope: str) -> None:
        made.name = self._named("{")
        full = f"{scope}.{made.name}"
        self._kinds[full] = _MESSAGE
        while (word := next(self._words)) != "}":
            match word:
                case "message":
                    self._message(made.nested_type.add(), full)
                case "enum":
                    self._enum(made.enum_type.add(), full)
                case "oneof":
                    made.oneof_decl.add(name=self._named("{"))
                    while (word := next(self._words)) != "}":
                        self._field(made, word, full).oneof_index = len(made.oneof_decl) - 1
                case "map":
                    self._map(made, full)
                case "repeated":
                    self._field(made, next(self._words), full).label = _REPEATED
                case _:
                    self._field(made, word, full)

    def _field(self, made: DescriptorProto, held: str, scope: str) -> FieldDescriptorProto:
        name, number = self._named("="), int(self._named(";"))
        field = made.field.add(name=name, number=number, label=_OPTIONAL)
        if held in _SCALARS:
            field.type = _SCALARS[held]
        else:
            self._open.append((field, held, scope))
        return field

    def _map(self, made: DescriptorProto, scope: str) -> None:
        self._expect("<")
        key, held = self._named(","), self._named(">")
        name, number = self._named("="), int(self._named(";"))
        entry = made.nested_type.add(name=name.title().replace("_", "") + "Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=_OPTIONAL, type=_SCALARS[key])
        value = entry.field.add(name="value", number=2, label=_OPTIONAL)
        if held in _SCALARS:
            value.type = _SCALARS[held]
        else:
            self._open.append((value, held, scope))
        made.field.add(
            name=name, number=number, label=_REPEATED, type=_MESSAGE,
            type_name=f".{scope}.{entry.name}",
        )  # fmt: skip

    def _enum(self, made: EnumDescriptorProto, scope: str) -> None:
        made.name = self._named("{")
        self._kinds[f"{scope}.{made.name}"] = _ENUM
        while (word := next(self._words)) != "}":
            self._expect("=")
            made.value.add(name=word, number=int(self._named(";")))

    def _service(self, made: ServiceDescriptorProto, scope: str) -> None:
        made.name = self._named("{")
        while next(self._words) == "rpc":
            method = made.method.add(name=self._named("("))
            method.client_streaming, method.input_type = self._passed(scope)
            self._expect("returns", "(")
            method.server_streaming, method.output_type = self._passed(scope)
            self._expect(";")

    def _passed(self, scope: str) -> tuple[bool, str]:
        word = next(self._words)
        is_streamed = word == "stream"
        full = self._found(next(self._words) if is_streamed else word, scope)
        self._expect(")")
        return is_streamed, f".{full}"

    def _found(self, held: str, scope: str) -> str:
        """The full name of a type that is visible in a message."""
        around = scope.split(".")
        for count in range(len(around), -1, -1):
            full = ".".join([*around[:count], held])
            if full in self._kinds:
                return full
        raise ValueError(f"{scope}: there is no {held!r}.")

    def _named(self, after: str) -> str:
        word = next(self._words)
        self._expect(after)
        return word

    def _expect(self, *expected: str) -> None:
        for each in expected:
            if (word := next(self._words)) != each:
                raise ValueError(f"Expected {each!r}, got {word!r}.")
