"""What a client learns that was told nothing: as grpcurl does."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import SERVICE

PATH = "/grpc.reflection.{}.ServerReflection/ServerReflectionInfo"


def ask(client, version, **question):
    request = pool()[f"grpc.reflection.{version}.ServerReflectionRequest"](**question)
    (told,) = client.stream(PATH.format(version), [request])
    return told


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_services_are_listed(client, version):
    """All that can be called."""
    told = ask(client, version, list_services="*").list_services_response
    names = {each.name for each in told.service}
    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= names
    assert "tensorflow.serving.PredictionService" in names


def test_a_client_made_of_what_is_told_can_ask(client):
    """Files come with all that they need, in a pool of the client's own."""
    told = ask(client, "v1", file_containing_symbol="inference.GRPCInferenceService")
    files = {}
    for data in told.file_descriptor_response.file_descriptor_proto:
        file = descriptor_pb2.FileDescriptorProto.FromString(data)
        files[file.name] = file
    own = descriptor_pool.DescriptorPool()

    def add(file):
        for name in file.dependency:
            add(files[name])
        own.AddSerializedFile(file.SerializeToString())

    add(files["inference/grpc_service.proto"])
    service = own.FindServiceByName("inference.GRPCInferenceService")
    method = service.methods_by_name["ServerMetadata"]
    answer = message_factory.GetMessageClass(method.output_type)
    request = message_factory.GetMessageClass(method.input_type)()
    asked = client.channel.unary_unary(f"{SERVICE}/ServerMetadata", None, answer.FromString)
    assert asked(request.SerializeToString()).name == "demo"


@pytest.mark.parametrize(
    "question",
    [
        {"file_containing_symbol": "no.such.Thing"},
        {"file_by_filename": "../../etc/passwd"},
        {"all_extension_numbers_of_type": "x"},
        {},
    ],
)
def test_what_is_not_there_is_said_so(client, question):
    """In the answer: the stream goes on."""
    assert ask(client, "v1", **question).error_response.error_code == 5


def test_a_symbol_may_be_a_method_or_a_message(client):
    """And any file by its name."""
    for symbol in ("inference.GRPCInferenceService.ModelInfer", "inference.ModelInferRequest"):
        told = ask(client, "v1", file_containing_symbol=symbol)
        assert len(told.file_descriptor_response.file_descriptor_proto) == 2
    told = ask(client, "v1", file_by_filename="tensorflow/core/framework/tensor.proto")
    assert len(told.file_descriptor_response.file_descriptor_proto) == 1
