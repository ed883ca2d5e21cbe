"""Engine: found where a person's own command line would find it, else said why not."""

import hashlib
import json
import os
import socket

import pytest

from modelbundle.bundler.errors import EngineUnavailable
from modelbundle.bundler.image.engines.engine import connect, endpoints


@pytest.fixture
def listening(tmp_path_factory):
    """A Unix socket on which nobody speaks HTTP."""
    path = tmp_path_factory.mktemp("s") / "e.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        yield path


@pytest.fixture
def context(tmp_path, monkeypatch):
    """Write a Docker context, as `docker context create` does."""

    def write(name, host):
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        (tmp_path / "config.json").write_text(json.dumps({"currentContext": name}))
        home = tmp_path / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
        home.mkdir(parents=True)
        meta = {
            "Name": name,
            "Metadata": {},
            "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}},
        }
        (home / "meta.json").write_text(json.dumps(meta))

    return write


@pytest.fixture(autouse=True)
def no_config(tmp_path, monkeypatch):
    """The person's own context is not ours."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def test_docker_host_counts_alone():
    """What a person has set is what they mean."""
    (found,) = endpoints({"DOCKER_HOST": "unix:///x", "CONTAINER_HOST": "unix:///y"})
    assert (found.url, found.source) == ("unix:///x", "DOCKER_HOST")


def test_the_chosen_context_is_asked(context):
    """As `docker context use` left it."""
    context("far", "tcp://far:2375")
    (found,) = endpoints({})
    assert (found.url, found.source) == ("tcp://far:2375", "context far")


def test_a_context_that_is_not_there_is_named():
    """Never silently another engine."""
    with pytest.raises(EngineUnavailable, match="no Docker context `nope`"):
        endpoints({"DOCKER_CONTEXT": "nope"})


def test_podmans_variable_is_known():
    """CONTAINER_HOST is what podman itself reads."""
    (found,) = endpoints({"CONTAINER_HOST": "unix:///p"})
    assert found.source == "CONTAINER_HOST"


def test_sockets_of_the_person_are_found(tmp_path):
    """Rootless Docker and Podman listen in the person's own directory."""
    (tmp_path / "podman").mkdir()
    for name in ("docker.sock", "podman/podman.sock"):
        (tmp_path / name).touch()
    found = [e.source for e in endpoints({"XDG_RUNTIME_DIR": str(tmp_path), "HOME": "/nowhere"})]
    assert [name for name in found if name in {"rootless Docker", "Podman"}] == [
        "rootless Docker",
        "Podman",
    ]


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///nowhere/e.sock", "no such file or directory"),
        ("tcp://127.0.0.1:1", "connection refused"),
        ("nonsense", "nonsense"),
    ],
)
def test_nobody_there_is_exit_7_with_the_reason(host, reason):
    """The person learns who was asked and what to do."""
    with pytest.raises(EngineUnavailable) as caught:
        connect({"DOCKER_HOST": host})
    assert caught.value.exit_code == 7
    assert reason in str(caught.value)
    assert "--print" in caught.value.hint


def test_a_socket_that_nobody_serves_says_so(listening):
    """A stale socket is the usual remains of an engine that died."""
    with pytest.raises(EngineUnavailable, match="refused"):
        connect({"DOCKER_HOST": f"unix://{listening}"})


@pytest.mark.engine
def test_an_engine_that_answers_says_what_it_is():
    """Name, version and platform, for people and for choosing `--platform`."""
    if "DOCKER_HOST" not in os.environ:
        pytest.skip("no container engine: DOCKER_HOST is not set")
    with connect() as engine:
        assert engine.name in {"Docker", "Podman"}
        assert engine.version[0].isdigit()
        assert engine.platform.startswith("linux/")
