"""Our `.proto` files are read as protoc reads them."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from modelbundle.runtime.grpc.messages import PROTOS
from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.messages.proto_text import ProtoText

TEXT = """
syntax = "proto3";
package a.b;
import "other.proto";  // what Color is of

message Box {
  message Side { Box.Side next = 1; Later later = 2; }
  oneof what { string name = 1; Side side = 3; }
  map<string, Side> by_name = 4;
  repeated c.Color colors = 5;
}
message Later { enum Size { SMALL = 0; LARGE = 7; } Size size = 1; }

service Shop {
  rpc Ask(Box) returns (stream Later);
}
"""


def read(text):
    asked = []
    return ProtoText(text, {"a.c.Color": 14}, asked.append).read("box.proto"), asked


def test_names_are_looked_for_from_within():
    file, asked = read(TEXT)
    box, later = file.message_type
    side, entry = box.nested_type
    assert asked == list(file.dependency) == ["other.proto"]
    assert [each.type_name for each in side.field] == [".a.b.Box.Side", ".a.b.Later"]
    assert {each.name: (each.number, each.type_name) for each in box.field} == {
        "name": (1, ""),
        "side": (3, ".a.b.Box.Side"),
        "by_name": (4, ".a.b.Box.ByNameEntry"),
        "colors": (5, ".a.c.Color"),
    }
    assert entry.options.map_entry
    assert [each.name for each in box.oneof_decl] == ["what"]
    assert (later.enum_type[0].value[1].number, later.field[0].type_name) == (
        7,
        ".a.b.Later.Size",
    )
    (call,) = file.service[0].method
    assert (call.input_type, call.output_type) == (".a.b.Box", ".a.b.Later")
    assert (call.client_streaming, call.server_streaming) == (False, True)


@pytest.mark.parametrize(
    "wrong", ["message A { B b = 1; }", "message A { int32 b: 1; }", "struct A {}"]
)
def test_what_is_not_in_the_language_is_refused(wrong):
    with pytest.raises(ValueError, match=r"Expected|there is no|begins nothing"):
        read(f'syntax = "proto3"; package a; {wrong}')


def test_every_file_is_part_of_the_pool_and_can_be_had_with_all_that_it_needs():
    names = [path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto")]
    for name in names:
        files = [FileDescriptorProto.FromString(data) for data in pool().file(name)]
        assert files[0].name == name
        assert {needed for each in files for needed in each.dependency} <= {f.name for f in files}
