"""`bundle serve` of a bundle that speaks gRPC, and whoever takes over from it."""

import re
import signal
from pathlib import Path

import grpc

READY = "/inference.GRPCInferenceService/ServerReady"
IS_READY = b"\x08\x01"


def ports(server):
    """What each of the servers has said."""
    said = (re.search(r"gRPC on [^:]+:(\d+)", line) for line in list(server.talk))
    return [found[1] for found in said if found]


def children(pid):
    """Of the main thread."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_who_takes_over_has_the_same_port(shop, copy, eventually):
    """Also where it was any free one; a connection that is kept is told to come again."""
    own = copy(shop)
    path = own.project / "bundlefile.yaml"
    path.write_text(path.read_text() + "serve: {dialects: [native, grpc]}\n")
    with own.serving(".", "--env", "current", "--grpc-port=0") as server:
        (port,) = eventually(lambda: ports(server))
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask = channel.unary_unary(READY)
            assert ask(b"", timeout=30) == IS_READY
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: len(ports(server)) == 2)
            for _ in range(50):
                assert ask(b"", timeout=30) == IS_READY
        assert ports(server) == [port, port]
        eventually(lambda: len(children(server.process.pid)) == 1)
        assert server.stop() == 0
