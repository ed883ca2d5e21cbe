"""Tensors in shared memory, over gRPC."""

from multiprocessing import shared_memory

import numpy as np
import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import Client, answers, request

STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


@pytest.fixture(scope="module")
def sharing(started):
    """A server that shares memory."""
    return started(shared_memory=True)


@pytest.fixture
def client(sharing):
    with sharing.channel() as channel:
        yield Client(channel)


@pytest.fixture
def memory(client):
    """A page that begins with two rows, registered as `rows`."""
    made = shared_memory.SharedMemory(create=True, size=4096)
    made.buf[:32] = np.array([[1.0, 2.0], [3.0, 4.0]]).tobytes()
    asked = pool()["inference.SystemSharedMemoryRegisterRequest"]
    client.call(
        "SystemSharedMemoryRegister", asked(name="rows", key="/" + made.name, byte_size=4096)
    )
    yield made
    client.call("SystemSharedMemoryUnregister")
    made.close()
    made.unlink()


def shared(*, output=None, size=32):
    """A request whose input is in the region, and its output as well where that has a size."""
    asked = pool()["inference.ModelInferRequest"](model_name="sums", id="7")
    _place(asked.inputs.add(name="input", datatype="FP64", shape=[2, 2]), size, 0)
    if output is not None:
        _place(asked.outputs.add(name="output"), output, 128)
    return asked


def _place(said, size, offset):
    said.parameters["shared_memory_region"].string_param = "rows"
    said.parameters["shared_memory_byte_size"].int64_param = size
    if offset:
        said.parameters["shared_memory_offset"].int64_param = offset


def test_inputs_and_outputs_are_only_named(client, memory):
    """An output that is not, is raw; one that is, has an empty place among those that are."""
    assert answers(client.call("ModelInfer", shared())) == [3.0, 7.0]
    (streamed,) = client.stream(STREAM, [shared()])
    assert answers(streamed.infer_response) == [3.0, 7.0]
    response = client.call("ModelInfer", shared(output=64))
    (said,) = response.outputs
    assert list(response.raw_output_contents) == [b""]
    assert said.parameters["shared_memory_byte_size"].int64_param == 16
    assert said.parameters["shared_memory_offset"].int64_param == 128
    assert np.frombuffer(memory.buf, np.float64, 2, 128).tolist() == [3.0, 7.0]


def test_raw_inputs_stand_beside_named_ones(client, memory):
    """As many as are not in a region."""
    asked = request([[1.0, 2.0]])
    asked.raw_input_contents.append(b"")
    assert client.refused("ModelInfer", asked)[0] == "INVALID_ARGUMENT"
    asked = shared()
    asked.raw_input_contents.append(bytes(32))
    code, words = client.refused("ModelInfer", asked)
    assert (code, "as many raw_input_contents" in words) == ("INVALID_ARGUMENT", True)


def test_regions_are_told_and_forgotten(client, memory):
    """What a client names must be there."""
    region = client.call("SystemSharedMemoryStatus").regions["rows"]
    assert (region.key, region.offset, region.byte_size) == ("/" + memory.name, 0, 4096)
    asked = pool()["inference.SystemSharedMemoryStatusRequest"](name="other")
    assert client.refused("SystemSharedMemoryStatus", asked)[0] == "NOT_FOUND"
    assert "system_shared_memory" in client.call("ServerMetadata").extensions
    client.call("SystemSharedMemoryUnregister")
    code, words = client.refused("ModelInfer", shared())
    assert (code, "Unable to find" in words) == ("INVALID_ARGUMENT", True)


def test_what_does_not_fit_is_named(client, memory):
    """Beyond the region, and beyond what an output has."""
    assert "byte size mismatch" in client.refused("ModelInfer", shared(size=24))[1]
    assert "Invalid offset" in client.refused("ModelInfer", shared(size=4097))[1]
    assert "should be at least 16 bytes" in client.refused("ModelInfer", shared(output=8))[1]
