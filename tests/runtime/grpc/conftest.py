"""Real servers that speak gRPC, asked with our own messages."""

import dataclasses
import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault(
    "GRPC_ENABLE_FORK_SUPPORT", "0"
)  # other tests fork, and no test forks a client

import grpc
import numpy as np
import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import Running, Servers, free_port, make_sums

SERVICE = "/inference.GRPCInferenceService"


@dataclasses.dataclass
class Client:
    """Calls any method, and makes messages."""

    channel: grpc.Channel

    def call(self, path, message=None, timeout=30, **more):
        """The answer, and what came with it."""
        path = path if path.startswith("/") else f"{SERVICE}/{path}"
        method = pool().methods[path]
        asked = self.channel.unary_unary(path, None, pool()[method.response].FromString)
        message = pool()[method.request]() if message is None else message
        data = message if isinstance(message, bytes) else message.SerializeToString()
        return asked(data, timeout=timeout, **more)

    def stream(self, path, messages, timeout=30):
        """The answers to messages."""
        method = pool().methods[path]
        asked = self.channel.stream_stream(path, None, pool()[method.response].FromString)
        return asked((each.SerializeToString() for each in messages), timeout=timeout)

    def refused(self, path, message=None, **more):
        """The error of a call: its code, its words."""
        with pytest.raises(grpc.RpcError) as found:
            self.call(path, message, **more)
        return found.value.code().name, found.value.details()


def request(rows, *, model="sums", name="input", is_raw=True, **more):
    """A ModelInferRequest with one FP64 tensor of rows."""
    array = np.asarray(rows, np.float64)
    said = pool()["inference.ModelInferRequest"](model_name=model, **more)
    tensor = said.inputs.add(name=name, datatype="FP64", shape=array.shape)
    if is_raw:
        said.raw_input_contents.append(array.tobytes())
    else:
        tensor.contents.fp64_contents.extend(array.ravel().tolist())
    return said


def answers(response):
    """The numbers in the only output of a ModelInferResponse."""
    (said,) = response.outputs
    if response.raw_output_contents:
        return np.frombuffer(response.raw_output_contents[0], np.float64).tolist()
    return list(said.contents.fp64_contents)


@dataclasses.dataclass
class Served(Running):
    """A server and where it speaks gRPC."""

    grpc_port: int = 0

    def channel(self, *options):
        return grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}", options=options)


def start(servers, directory, *options, **serve):
    """A server of `sums` that speaks gRPC."""
    port = free_port()
    made = {"dialects": ["native", "grpc"], "workers": 1} | serve
    running = servers.start(make_sums(directory, **made), f"--grpc-port={port}", *options)
    return Served(**vars(running), grpc_port=port)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Start servers for all tests of a module."""
    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield lambda *options, **serve: start(
        servers, tmp_path_factory.mktemp("sums"), *options, **serve
    )
    servers.stop()


@pytest.fixture(scope="module")
def server(started):
    """One server for all tests of a module."""
    return started()


@pytest.fixture
def client(server):
    """Somebody who asks it."""
    with server.channel(("grpc.max_send_message_length", -1)) as channel:
        yield Client(channel)
