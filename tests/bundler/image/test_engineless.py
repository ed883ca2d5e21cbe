"""Images without an engine: layers of our own on a base that stays where it is."""

import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import uuid
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelbundle.bundler.errors import (
    BuildError,
    Damaged,
    EngineUnavailable,
    InvalidDestination,
    ResolveError,
    StoreError,
)
from modelbundle.bundler.image import explanation
from modelbundle.bundler.image.image import containerize
from modelbundle.bundler.image.image_options import ImageOptions
from modelbundle.bundler.image.recipe import image_config

from ..recorded_progress import RecordedProgress
from .conftest import ENV, write_base


def make(small, item, base, output, **means):
    chosen = ImageOptions(output=output, base=base, bytecode="none", **means)
    return containerize(item, small.store, replace(chosen, tags=("test/small:1",)))


def layers(folder, image):
    """The members of each layer of ours, by the manifest of the layout."""
    manifest = read(folder, image.digest)
    return [files(blob(folder, one["digest"])) for one in manifest["layers"][1:]]


def read(folder, digest):
    return json.loads(blob(folder, digest))


def blob(folder, digest):
    data = (folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest.removeprefix("sha256:")
    return data


def files(data):
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
        return {member.name: member for member in archive}


def config(folder, image):
    return read(folder, image.id)


def test_an_image_is_a_base_and_the_files_of_a_bundle_in_the_order_of_change(small, base, tmp_path):
    out = tmp_path / "out"
    image = make(small, small.build(), base, f"oci:{out}")
    found = layers(out, image)
    assert [next(name for name, member in one.items() if member.isfile()) for one in found] == [
        "opt/packages/lib/python3.11/site-packages/numpy-1.0.dist-info/METADATA",
        "opt/packages/lib/python3.11/site-packages/click-1.0.dist-info/METADATA",
        "opt/bundle/models/iris/model.bin",
        "opt/bundle/env/requirements.lock",
        "opt/bundle/server.py",
        "opt/bundle/Containerfile",
    ]
    every = {name for one in found for name in one}
    assert "opt/bundle/src/service.py" in every
    assert not any("wheels" in name for name in every)


def test_nothing_of_this_machine_or_moment_is_in_a_layer(small, base, tmp_path):
    out = tmp_path / "out"
    image = make(small, small.build(), base, f"oci:{out}")
    for member in (member for one in layers(out, image) for member in one.values()):
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
        assert member.mtime == 315_532_800
        assert member.mode == (0o755 if member.isdir() else 0o644)
    everything = b"".join(path.read_bytes() for path in (out / "blobs" / "sha256").iterdir())
    assert str(tmp_path).encode() not in everything
    assert os.uname().nodename.encode() not in everything


def test_the_configuration_says_what_a_containerfile_would(small, base, tmp_path):
    item = small.build(image={"env": {"GREETING": 'a "b" $c'}, "labels": {"own": "$(id) `x`"}})
    image = make(small, item, base, f"oci:{tmp_path / 'out'}")
    known = config(tmp_path / "out", image)
    process = known["config"]
    assert process["User"] == "65532:65532"
    assert process["Entrypoint"] == ["python3", "-m", "modelbundle.runtime", "/opt/bundle"]
    assert "Cmd" not in process  # an entry point of ours takes no argument of the base's
    assert process["Healthcheck"]["Test"][:2] == ["CMD", "python3"]
    assert process["ExposedPorts"] == {"8080/tcp": {}}
    environment = dict(entry.split("=", 1) for entry in process["Env"])
    assert environment["LANG"] == "C.UTF-8"
    assert environment["GREETING"] == 'a "b" $c'
    assert environment["PYTHONUSERBASE"] == "/opt/packages"
    assert environment["BUNDLE_TRUST"] == item.digest.removeprefix("sha256:")
    assert process["Labels"]["own"] == "$(id) `x`"
    assert process["Labels"]["note"] == "two\nlines"
    assert process["Labels"]["vendor"] == "nobody"
    assert process["Labels"]["io.modelbundle.digest"] == item.digest
    assert known["created"] == "1980-01-01T00:00:00Z"
    assert len(known["history"]) == len(known["rootfs"]["diff_ids"]) == len(image.layers)


def test_the_manifest_says_what_it_is_and_on_which_base(small, base, tmp_path):
    """By the name in the lock if it is that image, wherever it lies; never by a path."""
    name = "org.opencontainers.image."
    own = {f"{name}licenses": "MIT", f"{name}version": "9", "team": "risk"}
    given = {"version": "1.4", "image": {"labels": own}}
    digest = json.loads((Path(base[4:]) / "index.json").read_text())["manifests"][0]["digest"]
    for locked, told in (
        (f"python:3.11-slim@{digest}", {"base.name": "docker.io/library/python:3.11-slim"}),
        (f"localhost:5000/python@{digest}", {"base.name": "localhost:5000/python"}),
        ("python:3.11-slim", {}),
    ):
        item = small.build(**given, base=locked)
        image = make(small, item, base, f"oci:{tmp_path / 'out'}")
        assert read(tmp_path / "out", image.digest)["annotations"] == {
            f"{name}{key}": text
            for key, text in {
                "title": "small", "version": item.version, "description": "Small, and complete.",
                "licenses": "MIT", "base.digest": digest, **told,
            }.items()
        }  # fmt: skip


def test_each_layers_digest_is_that_of_its_tar(small, base, tmp_path):
    image = make(small, small.build(), base, f"oci:{tmp_path / 'out'}")
    manifest = read(tmp_path / "out", image.digest)
    own = [one["digest"] for one in manifest["layers"][1:]]
    assert own == list(image.layers[1:])
    assert config(tmp_path / "out", image)["rootfs"]["diff_ids"] == list(image.layers)


def test_an_edit_of_the_code_moves_the_code_and_a_model_moves_its_file(small, base, tmp_path):
    output = f"oci:{tmp_path / 'out'}"
    first = make(small, small.build(), base, output)
    again = make(small, small.build(), base, output)
    assert again.digest == first.digest
    assert again.moved == 0
    edited = make(small, small.build({"src/service.py": b"# edited\n"}), base, output)
    assert [a == b for a, b in zip(first.layers, edited.layers, strict=True)] == [
        True, True, True, True, True, False, False,
    ]  # fmt: skip
    assert edited.moved < 30_000
    other = make(small, small.build({"models/iris/model.bin": b"other"}), base, output)
    assert [a == b for a, b in zip(first.layers, other.layers, strict=True)] == [
        True, True, True, False, True, True, False,
    ]  # fmt: skip


def test_the_tar_is_a_layout_and_what_docker_loads(small, base, tmp_path):
    image = make(small, small.build(), base, str(tmp_path / "image.tar"))
    with tarfile.open(tmp_path / "image.tar") as archive:
        listed = json.load(archive.extractfile("manifest.json"))
        index = json.load(archive.extractfile("index.json"))
        for member in archive:
            if member.name.startswith("blobs/"):
                data = archive.extractfile(member).read()
                assert hashlib.sha256(data).hexdigest() == member.name.rpartition("/")[2]
        names = set(archive.getnames())
    assert listed[0]["RepoTags"] == ["test/small:1"]
    assert listed[0]["Config"] == f"blobs/sha256/{image.id.removeprefix('sha256:')}"
    assert set(listed[0]["Layers"]) < names
    assert index["manifests"][0]["digest"] == image.digest


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_layers_are_the_same_layers_and_models_are_never_compressed(
    small, base, tmp_path, kind
):
    plain = make(small, small.build(), base, f"oci:{tmp_path / 'plain'}")
    packed = make(small, small.build(), base, f"oci:{tmp_path / 'packed'}", compression=kind)
    assert packed.id == plain.id
    assert packed.size < plain.size
    manifest = read(tmp_path / "packed", packed.digest)
    kinds = [one["mediaType"].rpartition(".")[2] for one in manifest["layers"][1:]]
    assert kinds == [f"tar+{kind}"] * 2 + ["tar"] + [f"tar+{kind}"] * 3


def test_what_a_containerfile_has_to_run_needs_an_engine_and_says_why(small, base, tmp_path):
    run = {"system": {"packages": ["libgomp1"], "run": [{"command": "ldconfig"}]}}
    item = small.build(image=run, hermetic=False)
    with pytest.raises(EngineUnavailable) as caught:
        make(small, item, base, f"oci:{tmp_path / 'out'}")
    assert "`system.packages` installs libgomp1; `system.run` runs commands" in str(caught.value)
    assert caught.value.exit_code == 7
    assert not (tmp_path / "out").exists()
    assert len(explanation.of(item, small.store)["needs_engine"]) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"architecture": "arm64"}, "is for linux/arm64"),
        ({"env": ["PYTHON_VERSION=3.12.1"]}, "the base image has 3.12.1"),
        ({"env": ["VIRTUAL_ENV=/venv"]}, "takes no user site"),
        ({"kind": "-foreign.tar"}, "may not be passed on"),
        ({"step": "ADD alpine-minirootfs-3.22.1-x86_64.tar.gz / # buildkit"}, "an Alpine Linux"),
        ({"step": "RUN /bin/sh -c apk add --no-cache ca-certificates"}, "an Alpine Linux"),
        ({"step": "RUN /bin/sh -c set -eux; apk -U --no-cache add tzdata"}, "an Alpine Linux"),
    ],
)
def test_a_base_that_does_not_fit_is_refused(small, tmp_path, given, said):
    base = write_base(tmp_path / "odd", **given)
    with pytest.raises(BuildError, match=said):
        make(small, small.build(), base, f"oci:{tmp_path / 'out'}")


@pytest.mark.parametrize(
    ("name", "is_alpine"),
    [
        ("python:3.11-alpine", True),
        ("quay.io/x/alpine:3", True),
        ("alpine-labs/python:3", False),
        ("oci:/home/alpine/base", False),
    ],
)
def test_alpine_is_known_by_its_name(name, is_alpine):
    with pytest.raises(BuildError, match="musl") if is_alpine else nullcontext():
        image_config.check_libc({}, name)


@pytest.mark.parametrize("version", [[], ["PYTHON_VERSION=3.11.2"]])
def test_a_base_that_does_not_say_its_python_is_not_taken_for_tried(small, tmp_path, version):
    base, steps = write_base(tmp_path / "base", env=[*ENV, *version]), RecordedProgress()
    means = ImageOptions(engine="none", base=base, output=f"oci:{tmp_path / 'out'}")
    containerize(small.build(), small.store, means, progress=steps)
    told = [step for step in steps.warnings if "does not say which Python it has" in step]
    assert bool(told) is not bool(version)


def test_an_image_that_no_engine_keeps_has_to_go_somewhere(small):
    with pytest.raises(InvalidDestination, match="has to go somewhere"):
        containerize(small.build(), small.store, ImageOptions(engine="none"))


def test_what_is_for_images_without_an_engine_is_refused_with_one(small):
    with pytest.raises(InvalidDestination, match="without an engine"):
        containerize(small.build(), small.store, ImageOptions(engine="docker", compression="gzip"))


def test_a_wheel_that_is_not_the_locked_one_never_gets_in(small, base, tmp_path):
    other = small.make_wheel(tmp_path / "evil", "click", "1.0", files=[("click.py", "evil")])
    item = small.build({f"env/wheels/{other.name}": other.read_bytes()})
    with pytest.raises(ResolveError, match=r"(?i)hash mismatch"):
        make(small, item, base, f"oci:{tmp_path / 'out'}")


def test_a_package_of_which_nothing_is_unpacked_is_never_left_out(small, base, tmp_path):
    item = small.build()
    make(small, item, base, f"oci:{tmp_path / 'first'}")
    (record,) = (small.store.root / "layers" / "packages").glob("*/click-1.0.dist-info/RECORD")
    record.unlink()
    with pytest.raises(BuildError, match="`click` is locked, and no RECORD of it is there") as said:
        make(small, item, base, f"oci:{tmp_path / 'second'}")
    assert f"Remove `{record.parent.parent}`" in said.value.hint


def test_a_damaged_model_never_becomes_a_layer(small, base, tmp_path):
    item = small.build({"models/iris/model.bin": b"weights"})
    path = small.store.directory(item) / "models/iris/model.bin"
    path.chmod(0o644)
    path.write_bytes(b"WEIGHTS")
    with pytest.raises(Damaged, match=r"model\.bin"):
        make(small, item, base, f"oci:{tmp_path / 'out'}")


def test_what_changes_after_it_was_hashed_is_noticed_while_it_is_written(small, base, tmp_path):
    item = small.build({"models/iris/model.bin": b"weights"})
    make(small, item, base, str(tmp_path / "a.tar"))
    path = small.store.directory(item) / "models/iris/model.bin"
    path.chmod(0o644)
    path.write_bytes(b"WEIGHTS")
    with pytest.raises(Damaged, match="model iris"):
        make(small, item, base, str(tmp_path / "b.tar"))
    assert not (tmp_path / "b.tar").exists()


def test_the_plan_says_each_layers_size_before_it_is_made(small, base, tmp_path):
    item = small.build()
    before = explanation.of(item, small.store)["layers"]
    assert [layer["exact"] for layer in before] == [False, False, True, True, True, True]
    assert [layer["reused"] for layer in before] == [False] * 6
    containerize(item, small.store, ImageOptions(output=f"oci:{tmp_path / 'out'}", base=base))
    manifest = read(tmp_path / "out", _only(tmp_path / "out"))
    sizes = [one["size"] for one in manifest["layers"][1:]]
    assert [layer["size"] for layer in before[2:]] == sizes[2:]
    after = explanation.of(item, small.store)["layers"]
    assert [layer["size"] for layer in after] == sizes
    assert [layer["reused"] for layer in after] == [True] * 6


def _only(folder):
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    assert len(entries) == 1
    return entries[0]["digest"]


def registry():
    host = os.environ.get("TEST_REGISTRY")
    if not host:
        pytest.skip("no registry: TEST_REGISTRY is not set")
    return host


def test_a_push_mounts_the_base_and_sends_what_is_new(small, base, tmp_path):
    """Against a real registry: the base lies in another repository of it."""
    host, name = registry(), f"test-{uuid.uuid4().hex[:12]}"
    push = ImageOptions(engine="none", base=base, bytecode="none")
    containerize(
        small.build(), small.store, replace(push, tags=(f"{host}/{name}/base:1",), push=True)
    )
    there = f"{host}/{name}/base:1"
    chosen = ImageOptions(engine="none", base=there, bytecode="none")
    item = small.build({"src/service.py": b"# edited\n"})
    again = containerize(
        item, small.store, replace(chosen, tags=(f"{host}/{name}/other:1",), push=True)
    )
    assert again.moved < 40_000  # bytes: the code, the manifest, the configuration
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    request = urllib.request.Request(f"http://{host}/v2/{name}/other/manifests/1", headers=accept)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["Docker-Content-Digest"] == again.digest
        assert json.load(answer)["config"]["digest"] == again.id


def test_clock_zone_locale_umask_folder_home_seed_and_user_change_no_byte(small, base, tmp_path):
    """Made from nothing each time: what was unpacked, compiled and hashed is thrown away."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    item, made = small.build(python=here), []
    for number, given in enumerate(
        (
            {"env": {"TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "1"}, "umask": 0o022},
            {
                "env": {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "2", "USER": "eve"},
                "umask": 0o077,
            },
        )
    ):
        shutil.rmtree(small.store.root / "layers", ignore_errors=True)
        home = tmp_path / f"home{number}"
        home.mkdir()
        environment = dict(os.environ) | {"HOME": str(home)} | given["env"]
        output = f"oci:{tmp_path / str(number)}"
        done = subprocess.run(
            [
                sys.executable, "-m", "modelbundle.cli.main", "containerize", item.tag,
                "--base", base, "--output", output, "--trust", "--json",
            ],
            env=environment, umask=given["umask"], cwd=home, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        made.append(json.loads(done.stdout)["image"])
    assert made[0]["digest"] == made[1]["digest"]
    assert made[0]["layers"] == made[1]["layers"]
    assert ".pyc" in " ".join(
        name for one in layers(tmp_path / "0", SimpleNamespace(**made[0])) for name in one
    )


@pytest.mark.parametrize("output", ["oci:{}/image", "{}/image.tar"])
def test_a_full_disk_is_told_by_path_and_leaves_no_image(
    small, base, tmp_path, monkeypatch, output
):
    item, place = small.build(), tmp_path / "out"
    place.mkdir()
    real = os.fsync

    def refuse(number):
        if Path(f"/proc/self/fd/{number}").readlink().is_relative_to(place):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(number)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(StoreError, match=r"Could not write the image: `.*out.*\(ENOSPC\)"):
            make(small, item, base, output.format(place))
    assert not [path for path in place.rglob("*") if path.name in {"image.tar", "index.json"}]
    make(small, item, base, output.format(place))
