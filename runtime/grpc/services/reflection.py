"""Reflection: lists services and messages, for clients such as `grpcurl`."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from ..messages.pool import Pool, pool

_VERSIONS = ("v1", "v1alpha")
_NOT_FOUND = grpc.StatusCode.NOT_FOUND.value[0]
_MOST = 1000  # requests on one stream; a client sends one for each file


def handlers() -> dict[str, grpc.RpcMethodHandler]:
    """By path, for both versions of the protocol."""
    return {
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo": (
            grpc.stream_stream_rpc_method_handler(
                partial(_answer_stream, f"grpc.reflection.{version}")
            )
        )
        for version in _VERSIONS
    }


async def _answer_stream(
    package: str, requests: AsyncIterator[bytes], context: Any
) -> AsyncIterator[bytes]:
    """Answer each request of a stream."""
    messages = pool()
    ask = messages[f"{package}.ServerReflectionRequest"]
    say = messages[f"{package}.ServerReflectionResponse"]
    left = _MOST
    async for data in requests:
        left -= 1
        try:
            request = ask.FromString(data)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "This is no question.")
        if left < 0:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "These are many questions.")
        response = say(valid_host=request.host, original_request=request)
        _answer(messages, request, response)
        yield response.SerializeToString()


def _answer(messages: Pool, request: Any, response: Any) -> None:
    kind = request.WhichOneof("message_request")
    if kind == "list_services":
        for name in sorted(messages.services):
            response.list_services_response.service.add(name=name)
        return
    files = None
    if kind == "file_by_filename":
        files = messages.file(request.file_by_filename)
    elif kind == "file_containing_symbol":
        files = messages.file_of(request.file_containing_symbol)
    if files is not None:
        response.file_descriptor_response.file_descriptor_proto.extend(files)
        return
    response.error_response.error_code = _NOT_FOUND
    response.error_response.error_message = "There is no such file, symbol or extension."
