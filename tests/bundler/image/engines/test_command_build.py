"""Podman and Buildah by their own commands: the real ones, where they are installed."""

import os
from dataclasses import replace

import pytest

from modelbundle.bundler.errors import EngineUnavailable, ImageFailed, InvalidDestination
from modelbundle.bundler.image.engines.command_build import find, is_installed
from modelbundle.bundler.image.engines.engine import connect
from modelbundle.bundler.image.image import containerize
from modelbundle.bundler.image.image_options import ImageOptions


@pytest.mark.parametrize("name", ["podman", "buildah"])
def test_a_program_that_is_not_installed_is_named(name, small, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=f"`{name}` is not installed") as caught:
        containerize(small.build(), small.store, ImageOptions(engine=name))
    assert caught.value.exit_code == 7
    assert "--engine none" in caught.value.hint


def test_a_program_that_cannot_run_is_no_engine(monkeypatch, tmp_path):
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="broken"):
        find("podman")


@pytest.mark.parametrize("said", ["", "[]", "null", '["x"]'])
def test_nonsense_about_an_image_is_told(monkeypatch, tmp_path, said):
    program = tmp_path / "podman"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageFailed, match="does not say what `small:1` is"):
        find("podman").inspect("small:1")


def test_nothing_of_a_build_without_an_engine_is_for_it(small, base):
    with pytest.raises(InvalidDestination, match="without an engine"):
        containerize(small.build(), small.store, ImageOptions(engine="podman", output="oci:x"))
    for means in (
        ImageOptions(engine="docker", base=base, build_args={"A": "b"}),
        ImageOptions(engine="podman", base=base, containerfile=True),
        ImageOptions(engine="buildkit", bytecode="none"),
    ):
        with pytest.raises(InvalidDestination, match=r"`--base` and `--bytecode` are for layers"):
            containerize(small.build(), small.store, means)


@pytest.mark.engine
def test_buildkit_builds_the_same_process(small):
    """With stages side by side; what it built is on the engine that `docker` speaks to."""
    if "DOCKER_HOST" not in os.environ or not is_installed("buildkit"):
        pytest.skip("no container engine: DOCKER_HOST is not set, or there is no `docker`")
    item = small.build()
    arguments = {"PIP_NO_INDEX": "1"}
    try:
        find("buildkit")
    except EngineUnavailable as error:
        pytest.skip(str(error))
    means = ImageOptions(engine="buildkit", build_args=arguments)
    made = containerize(item, small.store, replace(means, tags=("test/small:kit",)))
    with connect() as engine:
        try:
            config = engine.client.api.inspect_image("test/small:kit")["Config"]
        finally:
            engine.client.api.remove_image("test/small:kit", force=True)
    assert config["Entrypoint"] == ["python3", "-m", "modelbundle.runtime", "/opt/bundle"]
    assert config["Labels"]["io.modelbundle.digest"] == item.digest
    assert made.size > 0
    assert made.layers


@pytest.mark.engine
@pytest.mark.parametrize("name", ["podman", "buildah"])
def test_a_base_that_is_nowhere_fails_with_the_programs_own_words(
    name, small, monkeypatch, tmp_path
):
    if not is_installed(name):
        pytest.skip(f"`{name}` is not installed")
    storage = tmp_path / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/root"\nrunroot = "{tmp_path}/run"\n'
    )
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(storage))
    with pytest.raises(ImageFailed, match=r"(?s)cannot pull .*127\.0\.0\.1:1"):
        containerize(
            small.build(base="127.0.0.1:1/no/base:1"), small.store, ImageOptions(engine=name)
        )
