"""`bundle pull`: from a directory, from servers that hang, and what is said of it."""

import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ...conftest import run, serving


@pytest.fixture
def shared(bundle, double, tmp_path):
    """A directory with the model in it."""
    bundle("push", double, "./shared")
    return tmp_path / "shared"


@pytest.fixture
def there(tmp_path):
    """Run a command on another machine's store."""

    def command(*arguments, **given):
        return run(*arguments, cwd=tmp_path, BUNDLE_HOME=str(tmp_path / "there"), **given)

    return command


def test_a_model_comes_and_says_that_it_runs_code(there, shared, double):
    done = there("pull", shared)
    assert f"Pulled `{double}`" in done.out
    assert "not trusted on this machine" in done.out
    assert f"bundle serve model:{double} --trust" in done.out
    assert f"next: bundle show model:{double}" in done.err
    assert double in there("models", "list").out


def test_the_result_for_a_program(there, shared, double):
    found = there(
        "pull", f"{shared}:{double}", "--as", "twice:7", "--alias", "canary", "--json"
    ).json
    assert list(found)[:2] == ["tag", "digest"]
    assert found["tag"] == "twice:7"
    assert found["aliases"] == ["latest", "canary"]
    assert (found["trusted"], found["present"]) == (False, 0)
    again = there("pull", f"{shared}:{double}", "--as", "twice:7", "--json").json
    assert (again["fetched"], again["present"]) == (0, found["size"])


def test_it_is_served_once_somebody_vouches_for_it(there, shared, double, tmp_path):
    there("pull", shared)
    assert "--trust" in there("serve", double, code=5).err
    home = str(tmp_path / "there")
    with serving(double, "--trust", cwd=tmp_path, BUNDLE_HOME=home) as server:
        assert server.post("/predict", {"instances": [[1.0, 2.0]]}) == {"predictions": [[2.0, 4.0]]}


def test_a_bundle_from_elsewhere_vouches_for_nothing(shop, there, tmp_path):
    """Neither served, nor made into an image, before somebody has vouched for it here."""
    shop("push", shop.tag, tmp_path / "shared")
    done = there("pull", tmp_path / "shared")
    assert "not trusted on this machine" in done.out
    assert "its own copy of the runtime" in there("serve", shop.tag, code=5).err
    assert "not trusted" in there("containerize", shop.tag, code=5).err
    assert "not trusted" in there("test", shop.tag, code=5).err


def test_damage_is_exit_code_6_and_nothing_is_there(there, shared):
    for path in (shared / "blobs" / "sha256").iterdir():
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    refused = there("pull", shared, code=6)
    problem, hint = refused.err.splitlines()
    assert problem.startswith("error: Expected the manifest sha256:")
    assert hint.startswith("hint: ")
    assert there("models", "list", "--json").json == {"models": []}


def test_wrong_usage_is_exit_code_2(there):
    for arguments in (["iris"], ["h.io/x@sha256:1"], ["h.io/x", "--as", "Not:Valid"]):
        there("pull", *arguments, code=2)


@pytest.fixture
def hanging(shared):
    """A registry that begins to send the largest blob, and then says no more."""
    began = threading.Event()
    index = json.loads((shared / "index.json").read_bytes())["manifests"]
    blobs = shared / "blobs" / "sha256"
    manifest = (blobs / index[0]["digest"].removeprefix("sha256:")).read_bytes()
    layers = json.loads(manifest)["layers"]
    largest = max(layers, key=lambda layer: layer["size"])["digest"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if "/manifests/" in self.path:
                data = manifest
            else:
                data = (blobs / self.path.rpartition(":")[2]).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if largest in self.path:
                self.wfile.write(data[:10])
                self.wfile.flush()
                began.set()
                time.sleep(170)
            else:
                self.wfile.write(data)

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}/team/double", began
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_half_written(started, hanging, tmp_path, there, number, code):
    reference, began = hanging
    home = tmp_path / "there"
    with started("pull", reference, BUNDLE_HOME=str(home)) as (process, talk):
        assert began.wait(90)
        process.send_signal(number)
        assert process.wait(60) == code
    said = "".join(talk)
    assert "nothing half-done was left behind" in said
    assert "Traceback" not in said
    assert there("models", "list", "--json").json == {"models": []}
    assert list((home / "tmp").glob("*/*")) == []
    assert there("verify", code=0).out
