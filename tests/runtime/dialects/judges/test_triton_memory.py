"""Triton's clients with tensors in shared memory, which a server of two processes is told of."""

import uuid

from ...conftest import Servers, free_port, make_sums
from .environments import TRITON


def test_tritonclient_shares_memory(judge, tmp_path):
    """Over HTTP and gRPC: inputs and outputs are only named."""
    servers, port = Servers(tmp_path), free_port()
    found = judge(TRITON)
    serve = {"dialects": ["v2", "grpc"], "workers": 2, "shared_memory": True}
    (tmp_path / "sums").mkdir()
    running = servers.start(make_sums(tmp_path / "sums", **serve), f"--grpc-port={port}")
    try:
        where = f"127.0.0.1:{running.port}", f"127.0.0.1:{port}"
        told = found.ask("triton_memory.py", *where, f"modelbundle-{uuid.uuid4().hex}")
    finally:
        servers.stop()
    refused = "Unable to find shared memory region: 'given'."
    assert told == [{"plain": [3.0, 7.0], "shared": [3.0, 7.0], "refused": refused}] * 2
