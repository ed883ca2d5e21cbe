"""Everything about HTTP holds on both ways through a server."""

import pytest

from ..conftest import Servers, make_sums


@pytest.fixture(scope="module", params=["fast", "asgi"])
def http(request):
    """The way that predictions take."""
    return request.param


@pytest.fixture
def sums(tmp_path, http):
    """A bundle of one model that adds up rows; `sums(port=1)` with settings."""
    return lambda **serve: make_sums(tmp_path, **({"http": http} | serve))


@pytest.fixture(scope="module")
def make_server(tmp_path_factory, http):
    """Start servers of `sums` for all tests of a module: `make_server(port=1)`."""
    started = Servers(tmp_path_factory.mktemp("servers"))

    def make(**serve):
        bundle = make_sums(tmp_path_factory.mktemp("sums"), **({"http": http} | serve))
        return started.start(bundle)

    yield make
    started.stop()


@pytest.fixture(scope="module")
def server(make_server):
    """One server of `sums` for all tests of a module."""
    return make_server()
