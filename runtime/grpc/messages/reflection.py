"""gRPC's server reflection, both versions (grpc/doc/server-reflection.md)."""

from .kind import BYTES, INT32, STRING, Method, ProtoFile, message

_ASKED, _SAID = "message_request", "message_response"


def _file(package: str) -> ProtoFile:
    ask, say = f"{package}.ServerReflectionRequest", f"{package}.ServerReflectionResponse"
    return ProtoFile(
        f"{package.replace('.', '/')}/reflection.proto",
        package,
        {
            "ExtensionRequest": {"containing_type": (1, STRING), "extension_number": (2, INT32)},
            "ServerReflectionRequest": {
                "host": (1, STRING),
                "file_by_filename": (3, STRING, _ASKED),
                "file_containing_symbol": (4, STRING, _ASKED),
                "file_containing_extension": (5, message(f"{package}.ExtensionRequest"), _ASKED),
                "all_extension_numbers_of_type": (6, STRING, _ASKED),
                "list_services": (7, STRING, _ASKED),
            },
            "FileDescriptorResponse": {"file_descriptor_proto": (1, BYTES.each)},
            "ExtensionNumberResponse": {
                "base_type_name": (1, STRING),
                "extension_number": (2, INT32.each),
            },
            "ServiceResponse": {"name": (1, STRING)},
            "ListServiceResponse": {"service": (1, message(f"{package}.ServiceResponse").each)},
            "ErrorResponse": {"error_code": (1, INT32), "error_message": (2, STRING)},
            "ServerReflectionResponse": {
                "valid_host": (1, STRING),
                "original_request": (2, message(ask)),
                "file_descriptor_response": (
                    4, message(f"{package}.FileDescriptorResponse"), _SAID,
                ),
                "all_extension_numbers_response": (
                    5, message(f"{package}.ExtensionNumberResponse"), _SAID,
                ),
                "list_services_response": (6, message(f"{package}.ListServiceResponse"), _SAID),
                "error_response": (7, message(f"{package}.ErrorResponse"), _SAID),
            },
        },
        {},
        {"ServerReflection": {"ServerReflectionInfo": Method(ask, say, True, True)}},
    )  # fmt: skip


V1 = _file("grpc.reflection.v1")
V1ALPHA = _file("grpc.reflection.v1alpha")
