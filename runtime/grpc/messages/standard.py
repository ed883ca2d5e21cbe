"""Messages that other protocols build on: `google.protobuf` and `google.rpc`."""

from .kind import BYTES, INT32, INT64, STRING, ProtoFile, message

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
