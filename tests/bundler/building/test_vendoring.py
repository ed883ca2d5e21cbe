"""What is vendored is enough: the same bundle and its image with the network unplugged."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from modelbundle.bundler.building.building import build
from modelbundle.bundler.building.vendoring import vendor
from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.image.image import containerize
from modelbundle.bundler.image.image_options import ImageOptions
from modelbundle.bundler.requirements import standalone
from modelbundle.bundler.requirements.wheels.wheelhouse import Wheelhouse
from modelbundle.bundler.store import Store

from ..conftest import write_model
from ..image.conftest import write_base

PLAIN = "name: flowers\nmodels: [iris]\nimage: {base: '%s'}\npython: {requirements: [alpha]}\n"
UNPLUGGED = ["unshare", "--net", "--map-root-user"]
KNOWING = """
import sys
from modelbundle.bundler.requirements import standalone
standalone._DIGESTS[%r, %r] = %r
from modelbundle.cli.main import main
sys.exit(main())
"""


@pytest.fixture
def small_python(tmp_path, monkeypatch):
    """A Python of three files at its publisher's, a folder here; its archive."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as written:
        for name in ("bin/python3.11", "lib/libpython3.11.so.1.0", "lib/python3.11/os.py"):
            info = tarfile.TarInfo(f"python/{name}")
            info.mode = 0o755
            written.addfile(info)
    known = standalone.find("3.11", "linux/amd64")
    digest = hashlib.sha256(data.getvalue()).hexdigest()
    monkeypatch.setitem(standalone._DIGESTS, (known.version, known.machine), digest)
    archive = standalone.find("3.11", "linux/amd64")
    path = tmp_path / "publisher" / unquote(archive.path)
    path.parent.mkdir(parents=True)
    path.write_bytes(data.getvalue())
    monkeypatch.setenv(standalone.MIRROR, (tmp_path / "publisher").as_uri())
    return archive


@pytest.fixture
def without_python(project, add_model, tiny_index, image_registry, small_python):
    """A project whose base image holds no Python."""
    add_model()
    return project(PLAIN % image_registry.replace("open/image", "nvidia/cuda"), name="on-nvidia")


@pytest.fixture
def image_registry(tmp_path):
    """A registry on loopback with one image of two platforms; its reference."""
    folder = tmp_path / "hub"
    entries = []
    for architecture in ("amd64", "arm64"):
        write_base(folder, architecture=architecture)
        (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
        entries.append(entry | {"platform": {"os": "linux", "architecture": architecture}})
    kind = "application/vnd.oci.image.index.v1+json"
    document = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET(with_body=False)

        def do_GET(self, *, with_body=True):
            wanted = self.path.rpartition("/")[2]
            place = folder / "blobs" / "sha256" / wanted.removeprefix("sha256:")
            named = f"sha256:{hashlib.sha256(document).hexdigest()}"
            data = document if wanted in {"1", named} else place.read_bytes()
            self.send_response(200)
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(data).hexdigest()}")
            self.send_header("Content-Type", kind if data is document else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data if with_body else b"")

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}/open/image:1"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def vendored(project, add_model, tiny_index, image_registry, tmp_path):
    """A project, and the folder with all that it needs."""
    add_model()
    written = project(PLAIN % image_registry)
    return written, vendor(written, tmp_path / "what, and where", plain_http=True)


@pytest.fixture
def elsewhere_of(project, tmp_path):
    """Another machine: an empty cache, another store, the bundlefile without its lock."""

    def write(vendored):
        home = tmp_path / "other-home"
        write_model(Store(home))
        written = project(vendored.path.read_text(), name="elsewhere")
        cache = str(tmp_path / "empty")
        return written, {**os.environ, "UV_CACHE_DIR": cache, "BUNDLE_HOME": str(home)}

    return write


@pytest.fixture
def elsewhere(elsewhere_of, vendored):
    """That of the vendored project."""
    return elsewhere_of(vendored[0])


def bundle(*arguments, environment, unplugged=True, knowing=None):
    program = ["-m", "modelbundle.cli.main"]
    if knowing is not None:  # the real archives have 30 MB
        program = ["-c", KNOWING % (knowing.version, knowing.machine, knowing.digest)]
    command = [sys.executable, *program, *map(str, arguments)]
    if unplugged:
        tried = subprocess.run([*UNPLUGGED, "true"], capture_output=True, check=False)
        if tried.returncode:
            pytest.skip(f"the network cannot be unplugged here: {tried.stderr.decode().strip()}")
        command = [*UNPLUGGED, *command]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_everything_is_brought_along_once(vendored):
    written, done = vendored
    names = {path.name.partition("-")[0] for path in (done.directory / "wheels").iterdir()}
    assert {"alpha", "numpy", "starlette"} <= names
    assert done.files == done.fetched == len(names)
    assert done.warnings == ()
    assert len(done.bases) == 1
    again = vendor(written, done.directory, plain_http=True)
    assert (again.files, again.fetched) == (done.files, 0)


def test_the_same_bundle_and_image_come_of_it_with_the_network_unplugged(
    vendored, elsewhere, tmp_path
):
    here = build(vendored[0])
    options = ImageOptions(output=f"oci:{tmp_path / 'here'}", plain_http=True, bytecode="none")
    image = containerize(here.item, Store.default(), options)
    written, environment = elsewhere
    given = ["--vendor", vendored[1].directory, "--json"]
    done = bundle("build", written.root, *given, environment=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == here.digest.removeprefix("sha256:")
    assert (written.root / "bundle.lock").read_bytes() == (
        vendored[0].root / "bundle.lock"
    ).read_bytes()
    given += ["--engine", "none", "-o", f"oci:{tmp_path / 'there'}", "--bytecode", "none"]
    done = bundle("containerize", "flowers", *given, environment=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["image"]["digest"] == image.digest


def test_the_folder_is_enough_where_an_index_has_told_of_the_same_wheels(vendored, tmp_path):
    """As on the machine that vendored: uv knows their addresses, and has fetched none of them."""
    build(vendored[0])
    given = ["--vendor", vendored[1].directory, "--engine", "none", "--bytecode", "none"]
    given += ["-o", f"oci:{tmp_path / 'image'}"]
    done = bundle("containerize", "flowers", *given, environment=os.environ)
    assert done.returncode == 0, done.stderr


def test_python_for_a_base_image_without_one_is_brought_along(
    without_python, small_python, tmp_path, elsewhere_of
):
    done = vendor(without_python, tmp_path / "vendor", plain_http=True)
    assert done.warnings == ()
    assert done.pythons == (small_python.path.rpartition("/")[2].replace("%2B", "+"),)
    built = build(without_python)
    here = ImageOptions(output=f"oci:{tmp_path / 'here'}", plain_http=True, bytecode="none")
    image = containerize(built.item, Store.default(), here)
    shutil.rmtree(tmp_path / "publisher")

    other, environment = elsewhere_of(without_python)
    given = ["--vendor", done.directory]
    told = {"environment": environment, "knowing": small_python}
    made = bundle("build", other.root, *given, "--json", **told)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["digest"] == built.digest.removeprefix("sha256:")
    given += ["--engine", "none", "-o", f"oci:{tmp_path / 'there'}", "--json", "--bytecode", "none"]
    made = bundle("containerize", "flowers", *given, **told)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["image"]["digest"] == image.digest
    again = vendor(without_python, done.directory, plain_http=True)
    assert (again.pythons, again.warnings) == (done.pythons, ())
    of_bundle = vendor(built.item, done.directory, plain_http=True)
    assert (of_bundle.pythons, of_bundle.warnings) == (done.pythons, ())


def test_python_that_cannot_be_had_is_told(without_python, tmp_path):
    shutil.rmtree(tmp_path / "publisher")
    done = vendor(without_python, tmp_path / "vendor", plain_http=True)
    assert done.pythons == ()
    assert "Python for the image is not among them" in done.warnings[0]
    assert not list((tmp_path / "vendor").rglob("*.tar.gz*"))


def test_an_engine_that_fetches_python_by_itself_is_not_left_to_fail(without_python, tmp_path):
    done = vendor(without_python, tmp_path / "vendor", with_base=False)
    assert done.pythons
    build(without_python)
    given = ["containerize", "flowers", "--vendor", done.directory, "--containerfile"]
    refused = bundle(*given, environment=os.environ, unplugged=False)
    assert refused.returncode == 1
    assert "--build-arg PYTHON_MIRROR=URL" in refused.stderr


def test_without_what_was_vendored_one_sentence_says_what_is_missing(
    project, tiny_index, elsewhere_of
):
    written, environment = elsewhere_of(project(PLAIN % "python:3.11-slim"))
    done = bundle("build", written.root, "--offline", environment=environment)
    assert done.returncode == 4
    assert re.search(r"error: Offline, `[a-z-]+` cannot be resolved", done.stderr)
    assert "bundle vendor" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wheel_that_is_another_or_not_there_is_named(vendored, elsewhere):
    (wheel,) = (vendored[1].directory / "wheels").glob("alpha-*")
    for change in (lambda: wheel.write_bytes(wheel.read_bytes() + b"\0"), wheel.unlink):
        change()
        with pytest.raises(ResolveError, match=re.escape(f"lacks {wheel.name} of the lock")):
            build(elsewhere[0], vendor=vendored[1].directory)


def test_a_wheel_that_the_index_changed_is_not_taken(vendored, tiny_index):
    (wheel,) = (tiny_index.root / "alpha").iterdir()
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    shutil.rmtree(vendored[1].directory / "wheels")
    with pytest.raises(ResolveError, match=r"alpha|not the file that was locked"):
        vendor(vendored[0], vendored[1].directory, with_base=False)
    assert not list((vendored[1].directory / "wheels").glob("alpha-*"))


def test_a_bundle_is_vendored_from_what_it_says_itself(vendored, tmp_path):
    built = build(vendored[0])
    done = vendor(built.item, tmp_path / "of-bundle", plain_http=True)
    assert {path.name for path in (done.directory / "wheels").iterdir()} == {
        path.name for path in (vendored[1].directory / "wheels").iterdir()
    }
    assert (done.directory / "requirements.lock").read_bytes() == (
        built.directory / "env" / "requirements.lock"
    ).read_bytes()
    strange = replace(built.manifest, image={"platforms": ["linux/s390x"]})
    item = Store.default().commit("bundle", "strange", strange.encode(), strange.files)
    with pytest.raises(ResolveError, match="No wheels are known for `linux/s390x`"):
        vendor(item, tmp_path / "of-strange", with_base=False)


def test_a_folder_that_holds_nothing_vendored_says_how_to_make_it(tmp_path):
    with pytest.raises(ResolveError, match="holds no vendored wheels") as caught:
        Wheelhouse.open(tmp_path)
    assert f"bundle vendor . -o {tmp_path}" in caught.value.hint


def test_the_command_says_what_it_brought_and_what_is_missing(
    project, add_model, tiny_index, home, tmp_path
):
    add_model()
    written = project("name: flowers\nmodels: [iris]\nimage: {base: '127.0.0.1:9/none:1'}\n")
    environment = {**os.environ, "BUNDLE_HOME": str(home)}
    given = ["vendor", written.root, "-o", tmp_path / "out", "--json"]
    done = bundle(*given, environment=environment, unplugged=False)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert (data["files"], data["bases"]) == (len(list((tmp_path / "out/wheels").iterdir())), [])
    assert "The base image `127.0.0.1:9/none:1` is not among them" in data["warnings"][0]
    other = bundle(
        "vendor", "nothing:1", "-o", tmp_path / "x", environment=environment, unplugged=False
    )
    assert other.returncode == 1
    assert "No bundle is tagged `nothing:1`" in other.stderr
