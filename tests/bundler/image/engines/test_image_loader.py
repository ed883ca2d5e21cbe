"""Keepers: engines that are handed layers which were made here, and lack nothing afterwards."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelbundle.bundler.errors import BuildError, ImageFailed, RegistryError
from modelbundle.bundler.image.engineless import Engineless
from modelbundle.bundler.image.engines import image_loader
from modelbundle.bundler.image.engines.command_build import is_installed
from modelbundle.bundler.image.engines.command_loader import _pinned
from modelbundle.bundler.image.engines.docker_loader import DockerLoader
from modelbundle.bundler.image.engines.engine import connect
from modelbundle.bundler.image.image import containerize
from modelbundle.bundler.image.image_options import ImageOptions
from modelbundle.bundler.image.made_image import MadeImage
from modelbundle.bundler.progress import NullProgress

from ...recorded_progress import RecordedProgress
from ..conftest import ENV, write_base

KNOWN = [*ENV, "PYTHON_VERSION=3.11.7"]


class Memory:
    """A loader in memory: what it was given, and what it says it has."""

    name = "Memory"

    def __init__(self, config, *, refuses_parts=False, python="3.11.7 True", takes_parts=True):
        self.config, self.takes_parts = config, takes_parts
        self.refuses_parts = refuses_parts
        self.said = python
        self.layers, self.tried = [], []

    def about(self, reference):
        return self.config

    def python(self, reference):
        return self.said

    def fetch(self, reference, platform):
        raise ImageFailed("No network.")

    def has(self, diff_ids):
        return image_loader.shared_layers(
            diff_ids, [self.config["rootfs"]["diff_ids"], self.layers]
        )

    def take(self, assembly, sent, tags, progress):
        self.tried.append(sent)
        if sent.absent and self.refuses_parts:
            raise ImageFailed("A blob is missing.")
        self.layers = list(assembly.diff_ids)
        return MadeImage(assembly.config.blob.digest, tuple(tags), sent.size, assembly.diff_ids)


def config_of(base):
    """The configuration of the one image in an OCI layout."""
    folder = Path(base.removeprefix("oci:"))

    def read(digest):
        return json.loads((folder / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes())

    index = json.loads((folder / "index.json").read_bytes())
    manifest = read(index["manifests"][0]["digest"])
    return read(manifest["config"]["digest"]), manifest


def without(small, item, base, tmp_path):
    """The image of no engine."""
    means = ImageOptions(engine="none", base=base, output=f"oci:{tmp_path / 'without'}")
    return containerize(item, small.store, means)


def give(small, item, loader, base=None):
    return Engineless(
        item, small.store, ImageOptions(("small:1",), base=base), NullProgress(), loader
    ).run()


@pytest.fixture
def known_base(tmp_path):
    """A base image that says which Python it has."""
    return write_base(tmp_path / "known", env=KNOWN)


def test_only_what_it_lacks_travels_and_the_id_is_that_without_an_engine(
    small, known_base, tmp_path
):
    item = small.build()
    loader = Memory(config_of(known_base)[0])
    first = give(small, item, loader)
    assert first.id == without(small, item, known_base, tmp_path).id
    base = set(config_of(known_base)[0]["rootfs"]["diff_ids"])
    assert loader.tried[0].absent == base
    again = give(small, item, loader)
    assert again.moved < first.moved / 2
    assert loader.tried[1].absent == set(first.layers)
    give(small, small.build({"src/service.py": b"edited = True\n"}), loader)
    assert len(loader.tried[2].absent) == len(first.layers) - 2  # code and manifest


def test_one_that_takes_no_parts_is_given_the_whole_where_that_is_here(small, known_base):
    item = small.build()
    loader = Memory(config_of(known_base)[0], refuses_parts=True)
    with pytest.raises(ImageFailed, match="missing"):
        give(small, item, loader)
    made = give(small, item, loader, known_base)
    assert [bool(sent.absent) for sent in loader.tried] == [True, True, False]
    assert made.moved == loader.tried[-1].size


def test_a_base_that_does_not_say_its_python_is_asked(small, base):
    item, config = small.build(), config_of(base)[0]
    assert give(small, item, Memory(config)).layers
    with pytest.raises(BuildError, match=r"locked for Python 3\.11; the base image has 3\.12\.1"):
        give(small, item, Memory(config, python="3.12.1 True\n"))
    with pytest.raises(BuildError, match="virtual environment"):
        give(small, item, Memory(config, python="3.11.2 False\n"))
    with pytest.raises(ImageFailed, match="has no `python3` that runs"):
        give(small, item, Memory(config, python=None))


def test_a_chosen_base_is_the_engines_own_and_is_asked_for_its_python_too(small, base):
    item, config = small.build(), config_of(base)[0]
    made = give(small, item, Memory(config), "nobody.invalid/own:1")
    assert made.id == give(small, item, Memory(config)).id
    with pytest.raises(ImageFailed, match="has no `python3` that runs") as caught:
        give(small, item, Memory(config, python=None), "nobody.invalid/own:1")
    assert "--base" in caught.value.hint
    with pytest.raises(RegistryError, match=r"nobody\.invalid"):  # of one that takes all or nothing
        give(small, item, Memory(config, takes_parts=False), "nobody.invalid/own:1")


def test_a_base_for_another_platform_is_pulled_or_refused(small, tmp_path):
    config = config_of(write_base(tmp_path / "arm", architecture="arm64", env=KNOWN))[0]
    with pytest.raises(ImageFailed, match="No network"):
        give(small, small.build(), Memory(config))


def test_nonsense_of_an_engine_is_no_base(small, known_base):
    config = config_of(known_base)[0]
    for broken in ({**config, "rootfs": {"diff_ids": ["x"]}}, {**config, "config": "x"}):
        loader = Memory(broken)
        with pytest.raises(ImageFailed, match="does not say what"):
            image_loader.base_of(loader, "base:1", "linux/amd64", NullProgress())


def test_what_was_said_into_logs_elsewhere_is_not_known():
    """A daemon whose logs go to a service has none to read."""
    import docker

    class Api:
        def __init__(self):
            self.removed = None

        def create_container(self, *_, name, **given):
            assert given["network_disabled"]
            return {"Id": name}

        def start(self, name):
            """Say nothing."""

        def wait(self, name):
            return {"StatusCode": 0}

        def logs(self, name):
            raise docker.errors.APIError("configured logging driver does not support reading")

        def remove_container(self, name, **_):
            self.removed = name

    api = Api()
    engine = SimpleNamespace(name="Docker", client=SimpleNamespace(api=api))
    assert DockerLoader(engine).python("base:1") is None
    assert api.removed.startswith("bundle-asks-")


ASKING = """
import sys
from modelbundle.bundler.image.engines import docker_loader
from modelbundle.bundler.image.engines.engine import connect
docker_loader.ASKED = "import time; time.sleep(600)"
with connect() as engine:
    docker_loader.DockerLoader(engine).python(sys.argv[1])
"""


@pytest.mark.engine
def test_a_container_that_was_asked_does_not_outlive_ctrl_c():
    if "DOCKER_HOST" not in os.environ:
        pytest.skip("no container engine: DOCKER_HOST is not set")
    with connect() as engine:
        api = engine.client.api
        images = [tag for one in api.images() for tag in one.get("RepoTags") or ()]
        image = next(
            (tag for tag in images if re.search(r"(^|/)python:3[.0-9]*(-slim)?$", tag)), None
        )
        if image is None:
            pytest.skip("no image of Python is there")

        command = [sys.executable, "-c", ASKING, image]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as child:
            wanted = {"name": f"bundle-asks-{child.pid}-"}
            while not api.containers(filters=wanted) and child.poll() is None:
                time.sleep(0.05)
            assert child.poll() is None, child.stderr.read()
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=60)
        assert child.returncode != 0
        assert not api.containers(all=True, filters=wanted)


def test_layers_are_shared_from_the_bottom_on():
    assert image_loader.shared_layers("abcd", ["ab", "abx", "bcd", ""]) == {"a", "b"}
    assert image_loader.shared_layers("abc", []) == frozenset()


@pytest.mark.parametrize(
    ("given", "pinned"),
    [
        ("python:3.11-slim", "python:3.11-slim"),
        ("python:3.11-slim@sha256:ab", "python@sha256:ab"),
        ("127.0.0.1:5000/a/b:1@sha256:ab", "127.0.0.1:5000/a/b@sha256:ab"),
        ("127.0.0.1:5000/b@sha256:ab", "127.0.0.1:5000/b@sha256:ab"),
    ],
)
def test_a_tag_beside_a_digest_is_left_out(given, pinned):
    assert _pinned(given) == pinned


@pytest.mark.engine
def test_docker_keeps_the_very_image(small, known_base, tmp_path):
    if "DOCKER_HOST" not in os.environ:
        pytest.skip("no container engine: DOCKER_HOST is not set")
    name = f"test/base-{os.getpid()}:1"
    item = small.build(base=name)
    with connect() as engine:
        if engine.name != "Docker":
            pytest.skip("it is not Docker that answers at DOCKER_HOST")
        list(engine.client.api.load_image(as_tar(known_base, name)))
        try:
            made = containerize(
                item, small.store, ImageOptions(tags=("test/small:kept", "test/small:too"))
            )
            about = engine.client.api.inspect_image("test/small:too")
            assert made.moved < 200_000
            again = containerize(item, small.store, ImageOptions(tags=("test/small:kept",)))
        finally:
            for tag in ("test/small:kept", "test/small:too", name):
                engine.client.api.remove_image(tag, force=True)
    assert about["Id"] == made.id == without(small, item, known_base, tmp_path).id
    assert tuple(about["RootFS"]["Layers"]) == made.layers
    assert about["Config"]["Healthcheck"]["Test"][0] == "CMD"
    assert again.moved < 10_000  # the configuration


@pytest.mark.engine
def test_docker_builds_where_the_base_has_no_python_of_its_own(small, base):
    """What it says is what its build says: the layers were no use to it."""
    if "DOCKER_HOST" not in os.environ:
        pytest.skip("no container engine: DOCKER_HOST is not set")
    name, steps = f"test/none-{os.getpid()}:1", RecordedProgress()
    with connect() as engine:
        list(engine.client.api.load_image(as_tar(base, name)))
        try:
            with pytest.raises(ImageFailed):
                containerize(small.build(base=name), small.store, progress=steps)
        finally:
            engine.client.api.remove_image(name, force=True)
    assert any("builds the Containerfile instead" in said for said in steps.steps)


@pytest.mark.engine
@pytest.mark.parametrize("name", ["podman", "buildah"])
def test_podman_and_buildah_keep_the_very_image(name, small, storage, known_base, tmp_path):
    item = small.build(base="localhost/known:latest")
    storage(name, "tag", storage(name, "pull", "--quiet", known_base).strip(), "known")
    means = ImageOptions(engine=name)
    made = containerize(
        item, small.store, replace(means, tags=("small:kept", "localhost/small:too"))
    )
    assert made.id == without(small, item, known_base, tmp_path).id
    assert made.moved < 200_000
    again = containerize(item, small.store, replace(means, tags=("small:again",)))
    assert (again.id, again.layers) == (made.id, made.layers)
    assert again.moved < 10_000
    listed = storage(name, "images", "--no-trunc", "--quiet", "--filter", "label=team=risk")
    assert listed.split()[0] == made.id
    kind = ("image", "inspect") if name == "podman" else ("inspect", "--type", "image")
    assert "modelbundle.runtime.health" in storage(name, *kind, made.id)


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """Run Podman or Buildah with images of its own."""

    def run(name, *arguments):
        if not is_installed(name):
            pytest.skip(f"`{name}` is not installed")
        done = subprocess.run([name, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    conf = tmp_path / "storage.conf"
    conf.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/root"\nrunroot = "{tmp_path}/run"\n'
    )
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(conf))
    return run


def as_tar(base, name):
    """An OCI layout as a tar for `docker load`."""
    config, manifest = config_of(base)
    folder, data = base.removeprefix("oci:"), io.BytesIO()
    paths = [f"blobs/sha256/{one['digest'][7:]}" for one in manifest["layers"]]
    about = f"blobs/sha256/{manifest['config']['digest'][7:]}"
    listed = [{"Config": about, "RepoTags": [name], "Layers": paths}]
    with tarfile.open(fileobj=data, mode="w") as archive:
        for path in (*paths, about):
            archive.add(f"{folder}/{path}", path)
        info = tarfile.TarInfo("manifest.json")
        info.size = len(json.dumps(listed))
        archive.addfile(info, io.BytesIO(json.dumps(listed).encode()))
    assert config["rootfs"]["diff_ids"]
    return data.getvalue()
