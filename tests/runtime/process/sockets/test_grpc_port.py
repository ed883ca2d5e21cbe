"""The port of gRPC before anybody speaks it."""

import socket

import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.manifests.settings import GrpcSettings, ServeSettings
from modelbundle.runtime.process.sockets import grpc_port
from modelbundle.runtime.process.sockets.grpc_port import GrpcPort

HERE = "127.0.0.1"


def settings(**grpc):
    return ServeSettings(dialects=("grpc",), grpc=GrpcSettings(**{"port": 0} | grpc))


def test_nobody_wants_it():
    """Then there is none, and no library is asked for."""
    assert GrpcPort.reserve(HERE, ServeSettings(), is_shared=False) is None


def test_what_is_held_takes_no_connections():
    """It keeps the port; who serves there says that it may be shared."""
    port = GrpcPort.reserve(HERE, settings(), is_shared=False)
    with port.held, pytest.raises(ConnectionRefusedError):
        socket.create_connection((HERE, port.port), timeout=60)


def test_a_successor_shares_it_and_a_stranger_does_not():
    """Where somebody listens, only who takes over from them may come."""
    with socket.socket() as there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        there.bind((HERE, 0))
        there.listen()
        where = there.getsockname()[1]
        with pytest.raises(BundleError, match="cannot listen") as found:
            GrpcPort.reserve(HERE, settings(port=where), is_shared=False)
        assert "--grpc-port" in found.value.hint
        port = GrpcPort.reserve(HERE, settings(port=where), is_shared=True)
        assert port.port == where
        port.held.close()


def test_an_old_library_is_refused(monkeypatch):
    """It would inflate without end what a client has compressed."""
    monkeypatch.setattr(grpc_port, "OLDEST", (99, 0))
    with pytest.raises(BundleError, match="too old") as found:
        GrpcPort.reserve(HERE, settings(), is_shared=False)
    assert "pip install" in found.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path):
    """With the setting that names it."""
    named = {"tls_cert": str(tmp_path / "no.crt"), "tls_key": str(tmp_path / "no.key")}
    with pytest.raises(BundleError, match=r"`serve.grpc.tls_cert` names"):
        GrpcPort.reserve(HERE, settings(**named), is_shared=False)
