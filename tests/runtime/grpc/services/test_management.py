"""TorchServe's management service, in the forms of its published client, by whoever has the key."""

import dataclasses
import json

import httpx
import pytest

from modelbundle.runtime.manifests.bundle_manifest import BundleManifest

from ...conftest import Sums, free_port
from ...process.supervising.two_models import make
from ..conftest import Client, Served

SERVICE = "/org.pytorch.serve.grpc.management.ManagementAPIsService"
TOKEN = "a-token-of-some-length"
KEY = {"authorization": f"Bearer {TOKEN}"}


class Calls(Client):
    """Calls it, with the token."""

    def said(self, name, key=KEY, **fields):
        return self.call(f"{SERVICE}/{name}", _asked(name, fields), metadata=tuple(key.items())).msg

    def code(self, name, key=KEY, **fields):
        metadata = tuple(key.items())
        return self.refused(f"{SERVICE}/{name}", _asked(name, fields), metadata=metadata)[0]


def _asked(name, fields):
    from modelbundle.runtime.grpc.messages.pool import pool

    return pool()[pool().methods[f"{SERVICE}/{name}"].request](**fields)


@pytest.fixture
def managed(tmp_path, servers):
    """Start a server of `a` and of `b` in versions 1 and 2, managed over HTTP and, maybe, gRPC."""
    channels = []

    def start(*, is_spoken=True, token=TOKEN):
        port, spoken = free_port(), free_port()
        management = {"port": port, "grpc": is_spoken}
        serve = {"management": management, "dialects": ["native", "v2", "grpc"], "workers": 1}
        bundle = make(tmp_path, {"a": Sums(), "b-1": Sums(), "b": Sums()}, **serve)
        manifest = BundleManifest.read(bundle)
        a, *both = manifest.models
        both = [
            dataclasses.replace(each, name="b", version=str(version))
            for version, each in enumerate(both, 1)
        ]
        (bundle / "bundle.json").write_bytes(
            dataclasses.replace(manifest, models=(a, *both)).encode()
        )
        env = {"BUNDLE_MANAGEMENT_TOKEN": token} if token else {}
        server = servers.start(bundle, f"--grpc-port={spoken}", env=env)
        channels.append(Served(**vars(server), grpc_port=spoken).channel())

        def ask(method, path, **query):
            url = f"http://127.0.0.1:{port}{path}"
            found = httpx.request(method, url, params=query, headers=KEY, timeout=30)
            return found.json()

        return Calls(channels[-1]), ask, server

    yield start
    for channel in channels:
        channel.close()


def test_it_is_the_same_as_over_http_for_who_has_the_token(managed):
    client, ask, server = managed()
    page = {"limit": 1, "next_page_token": 1}
    assert json.loads(client.said("ListModels", **page)) == ask("GET", "/models", **page)
    (told,) = json.loads(client.said("DescribeModel", model_name="b", model_version="1"))
    assert (told["modelName"], told["modelVersion"]) == ("b", "1")
    assert len(json.loads(client.said("DescribeModel", model_name="b", model_version="all"))) == 2
    assert client.said("SetDefault", model_name="b", model_version="1") == (
        "Default version successfully updated for model b to 1"
    )
    assert ask("GET", "/models/b")[0]["modelVersion"] == "1"
    assert client.said("ScaleWorker", model_name="a", min_worker=2, synchronous=True) == (
        "Workers scaled to 2 for model: a"
    )
    assert client.said("UnregisterModel", model_name="a") == 'Model "a" unregistered'
    assert server.post([[1, 2]], path="/a/predict").status_code == 503
    params = {"url": "a.mar", "initial_workers": 1, "synchronous": True, "model_name": "a"}
    assert client.said("RegisterModel", **params).startswith('Model "a" Version: ')
    assert server.post([[1, 2]], path="/a/predict").status_code == 200


@pytest.mark.parametrize("name", ["nothing", "../a", "a/all", "%61", "a?x=1"])
def test_a_name_is_a_name_whatever_is_in_it(managed, name):
    """It becomes part of a path."""
    client, ask, _ = managed()
    assert client.code("UnregisterModel", model_name=name) == "NOT_FOUND"
    assert len(ask("GET", "/models")["models"]) == 2


def test_what_is_refused_has_the_codes_of_grpc(managed):
    client, _, _ = managed()
    assert client.code("RegisterModel", url="a") == "FAILED_PRECONDITION"
    assert client.code("RegisterModel", url="https://x/a.mar") == "PERMISSION_DENIED"
    assert client.code("UnregisterModel", model_name="b") == "PERMISSION_DENIED"
    for name in ("RegisterModel", "DescribeModel", "ScaleWorker", "UnregisterModel", "SetDefault"):
        assert client.code(name) == "INVALID_ARGUMENT"
    assert client.code("SetDefault", model_name="b") == "INVALID_ARGUMENT"


@pytest.mark.parametrize("key", [{}, {"authorization": TOKEN}, {"authorization": "Bearer no"}])
def test_nobody_else_is_told_anything(managed, key):
    client, ask, _ = managed()
    assert client.code("ListModels", key=key) == "UNAUTHENTICATED"
    assert client.code("UnregisterModel", key=key, model_name="a") == "UNAUTHENTICATED"
    assert len(ask("GET", "/models")["models"]) == 2


@pytest.mark.parametrize("given", [{"is_spoken": False}, {"token": ""}])
def test_it_is_there_only_where_the_bundle_says_so_and_there_is_a_token(managed, given):
    client, _, _ = managed(**given)
    assert client.code("ListModels") == "UNIMPLEMENTED"
