"""Real servers that speak dialects."""

import pytest

from ..conftest import Servers, make_sums
from .kinds import make_kinds


@pytest.fixture(scope="module", params=["thread", "process"])
def isolation(request):
    """Where the models run."""
    return request.param


@pytest.fixture(scope="module")
def make_server(tmp_path_factory, isolation):
    """Start servers of `sums` for all tests of a module: `make_server(max_rows=1)`."""
    started = Servers(tmp_path_factory.mktemp("servers"))

    def make(**serve):
        made = {"isolation": isolation, "workers": 1} | serve
        return started.start(make_sums(tmp_path_factory.mktemp("sums"), **made))

    yield make
    started.stop()


@pytest.fixture(scope="module")
def server(make_server):
    """One server of `sums` for all tests of a module."""
    return make_server()


@pytest.fixture(scope="module")
def client(server):
    """Speaks HTTP to the server of a test module."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def make_kinds_server(tmp_path_factory, isolation):
    """Start servers whose models take every datatype: `make_kinds_server(nan="null")`."""
    started = Servers(tmp_path_factory.mktemp("servers"))

    def make(**serve):
        made = {"isolation": isolation, "workers": 1, "dialects": ["native", "v2"]} | serve
        return started.start(make_kinds(tmp_path_factory.mktemp("kinds"), **made))

    yield make
    started.stop()


@pytest.fixture(scope="module")
def kinds(make_kinds_server):
    """One such server for all tests of a module; in no traceback is any code of ours."""
    running = make_kinds_server()
    yield running
    assert "/runtime/dialects/" not in running.log()
