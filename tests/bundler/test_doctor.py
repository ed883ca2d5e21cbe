"""Doctor: looks at everything, changes nothing."""

import os
import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from modelbundle.bundler import doctor
from modelbundle.bundler.doctor import examine
from modelbundle.bundler.errors import EngineUnavailable


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No engine is a finding like others."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/e.sock")


def found(**given):
    return {finding.name: finding for finding in examine(**given)}


def test_it_looks_at_everything_without_network():
    """Each finding has a state and a detail; the index is not asked."""
    names = list(found())
    assert names[:5] == ["python", "uv", "store", "engine", "gpu"]
    assert {"sklearn", "torch", "xgboost", "lightgbm", "onnx"} <= set(names)
    assert "index" not in names


def test_what_is_there_is_named_with_its_version():
    """Python, uv and frameworks."""
    import sklearn

    all_found = found()
    assert all_found["python"].state == "ok"
    assert all_found["uv"].state == "ok"
    assert all_found["sklearn"].detail == f"scikit-learn {sklearn.__version__}"


def test_a_missing_engine_is_no_error():
    """Who only serves needs none."""
    engine = found()["engine"]
    assert engine.state == "absent"
    assert "/nowhere/e.sock" in engine.detail
    assert engine.hint


def test_a_program_that_would_build_is_an_engine(monkeypatch, tmp_path):
    """As `bundle containerize` takes it, where no engine listens."""
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setattr(doctor, "connect", no_engine)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found()["engine"].state == "absent"
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    assert found()["engine"].detail == f"podman at {program}, as a program"


def no_engine():
    raise EngineUnavailable("No container engine answers.")


def test_a_missing_framework_says_how_to_get_it(monkeypatch):
    """The extra that brings it."""
    monkeypatch.setitem(doctor.FRAMEWORKS, "torch", ("no-such-distribution",))
    assert found()["torch"].state == "absent"
    assert "modelbundle[torch]" in found()["torch"].hint


def test_looking_makes_no_store(home):
    """A store that is not there yet is fine, and still not there."""
    home.rmdir()
    assert found()["store"].state == "ok"
    assert ": 0 models, 0 bundles, " in found()["store"].detail
    assert not home.exists()


def test_a_store_that_is_a_file_is_an_error(tmp_path, monkeypatch):
    """Nothing can be saved there."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("BUNDLE_HOME", str(tmp_path / "file"))
    assert found()["store"].state == "error"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_store_that_cannot_be_written_is_a_warning(home):
    """It can still be served from."""
    home.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert found()["store"].state == "warning"
    finally:
        home.chmod(stat.S_IRWXU)


def test_a_full_disk_is_a_warning(monkeypatch):
    """An image or a model would not fit."""
    monkeypatch.setattr(doctor, "LITTLE", 1 << 60)
    assert found()["store"].state == "warning"


def test_an_index_that_does_not_answer_is_a_warning(monkeypatch):
    """Building offline from a lock still works."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:1/simple")
    index = found(network=True)["index"]
    assert index.state == "warning"
    assert "127.0.0.1:1" in index.detail


@pytest.mark.parametrize(
    "url", ["http://u:geheim@127.0.0.1:1/simple", "http://127.0.0.1:1/a b", "http://[", "nowhere"]
)
def test_an_odd_index_is_a_warning_without_its_password(monkeypatch, url):
    monkeypatch.setenv("UV_DEFAULT_INDEX", url)
    index = found(network=True)["index"]
    assert index.state == "warning"
    assert "geheim" not in index.detail


def test_an_index_that_asks_for_a_password_answers(monkeypatch, locked_index):
    monkeypatch.setenv("UV_DEFAULT_INDEX", locked_index.replace("//", "//u:geheim@"))
    index = found(network=True)["index"]
    assert (index.state, "(401)" in index.detail, "geheim" in index.detail) == ("ok", True, False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{locked_index}/gone")
    assert found(network=True)["index"].state == "warning"


@pytest.fixture
def locked_index():
    """The URL of an index that lets nobody in."""

    class Locked(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404 if "gone" in self.path else 401)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Locked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
