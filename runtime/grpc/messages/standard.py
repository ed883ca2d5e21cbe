"""Messages that other protocols build on: `google.protobuf` and `google.rpc`."""

from .kind import BOOL, BYTES, DOUBLE, INT32, INT64, STRING, ProtoFile, enum, message

ANY = ProtoFile(
    "google/protobuf/any.proto",
    "google.protobuf",
    {"Any": {"type_url": (1, STRING), "value": (2, BYTES)}},
    {},
    {},
)
EMPTY = ProtoFile("google/protobuf/empty.proto", "google.protobuf", {"Empty": {}}, {}, {})
DURATION = ProtoFile(
    "google/protobuf/duration.proto",
    "google.protobuf",
    {"Duration": {"seconds": (1, INT64), "nanos": (2, INT32)}},
    {},
    {},
)
WRAPPERS = ProtoFile(
    "google/protobuf/wrappers.proto",
    "google.protobuf",
    {"Int64Value": {"value": (1, INT64)}},
    {},
    {},
)
_VALUE = message("google.protobuf.Value")
STRUCT = ProtoFile(
    "google/protobuf/struct.proto",
    "google.protobuf",
    {
        "Struct": {"fields": (1, _VALUE.by(STRING))},
        "Value": {
            "null_value": (1, enum("google.protobuf.NullValue"), "kind"),
            "number_value": (2, DOUBLE, "kind"),
            "string_value": (3, STRING, "kind"),
            "bool_value": (4, BOOL, "kind"),
            "struct_value": (5, message("google.protobuf.Struct"), "kind"),
            "list_value": (6, message("google.protobuf.ListValue"), "kind"),
        },
        "ListValue": {"values": (1, _VALUE.each)},
    },
    {"NullValue": {"NULL_VALUE": 0}},
    {},
)
STATUS = ProtoFile(
    "google/rpc/status.proto",
    "google.rpc",
    {
        "Status": {
            "code": (1, INT32),
            "message": (2, STRING),
            "details": (3, message("google.protobuf.Any").each),
        },
        "RetryInfo": {"retry_delay": (1, message("google.protobuf.Duration"))},
    },
    {},
    {},
    (ANY.name, DURATION.name),
)
