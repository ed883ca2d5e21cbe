"""Servers that the tests of several services ask."""

import textwrap

import pytest

from modelbundle.bundler.building.service.service_source import read_service

from ...conftest import Servers, free_port, write_bundle
from ...dialects.zoo import make_zoo
from ..conftest import Client, Served

SOURCE = '''
from collections.abc import AsyncIterator

import modelbundle as mb


@mb.service
class Words:
    """Counts, and says things."""

    @mb.api
    async def add(self, a: int, b: int = 1) -> dict[str, int]:
        return {"sum": a + b}

    @mb.api
    async def say(self, text: str, times: int) -> AsyncIterator[str]:
        for n in range(times):
            yield f"{text} {n}"
'''


def serve(servers, made):
    """A server of a bundle, with gRPC."""
    port = free_port()
    return Served(**vars(servers.start(made, f"--grpc-port={port}")), grpc_port=port)


@pytest.fixture(scope="package")
def shared_servers(tmp_path_factory):
    """Starts servers for all of them."""
    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.stop()


@pytest.fixture(scope="package")
def zoo(shared_servers, tmp_path_factory):
    """A server of a model of each layout."""
    made = make_zoo(tmp_path_factory.mktemp("zoo"), dialects=["native", "grpc"], workers=1)
    running = serve(shared_servers, made)
    yield running
    assert "/runtime/grpc/" not in running.log()  # in no traceback
    assert "/runtime/dialects/" not in running.log()


@pytest.fixture(scope="package")
def words(shared_servers, tmp_path_factory):
    """Somebody who asks an author's class."""
    directory = tmp_path_factory.mktemp("bundle")
    (directory / "src").mkdir()
    (directory / "src" / "words.py").write_text(textwrap.dedent(SOURCE))
    routes = read_service(directory / "src", "words:Words").routes
    settings = {"dialects": ["native", "grpc"]}
    made = write_bundle(directory, models=(), service="words:Words", routes=routes, serve=settings)
    with serve(shared_servers, made).channel() as channel:
        yield Client(channel)
