"""Image: a real bundle on a real engine, from its store to an answer and back to silence."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import time
import urllib.request
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import modelbundle as mb
from modelbundle.bundler.errors import (
    BuildError,
    Damaged,
    EngineUnavailable,
    ImageFailed,
    InvalidTag,
)
from modelbundle.bundler.image import explanation
from modelbundle.bundler.image.image import containerize, default_tag
from modelbundle.bundler.image.image_options import ImageOptions
from modelbundle.bundler.image.recipe import instruction
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest

from ..recorded_progress import RecordedProgress

NASTY = 'it\'s "quoted" $HOME ${PATH} $(id) `id` \\ \\n #x <<EOF é 数 \\'
BUNDLEFILE = f"""
name: iris
description: Which iris is this?
models: [iris]
labels: {{note: {json.dumps(NASTY)}}}
image:
  env: {{GREETING: {json.dumps(NASTY)}}}
"""
SERVICE = """
name: flowers
models: [iris]
service: service:Flowers
include: ["*.py"]
system:
  run: [{command}]
"""
COMMAND = 'printf \'%s\' "it\'s \\$HOME" > "/opt/a b"'
CODE = '''
import modelbundle as mb
import numpy as np

@mb.service
class Flowers:
    """Irises by name."""

    def __init__(self):
        self.iris = mb.model("iris")

    @mb.api(batchable=True)
    async def predict(self, rows: np.ndarray) -> np.ndarray:
        return await self.iris(rows)
'''
HARDENED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "user": "12345",
    "network_mode": None,
}


BUILT = ImageOptions(containerfile=True)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A store with a small real model, and the folder of projects beside it."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    rows, labels = load_iris(return_X_y=True)
    store = Store(tmp_path_factory.mktemp("store"))
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    mb.save("iris", model, sample=rows[::50], store=store)
    return SimpleNamespace(store=store, projects=tmp_path_factory.mktemp("projects"))


@pytest.fixture(scope="module")
def build(workshop, index):
    """Build a bundle of a bundlefile and files beside it."""

    def run(name, bundlefile, **files):
        root = workshop.projects / name
        root.mkdir(exist_ok=True)
        (root / "bundlefile.yaml").write_text(bundlefile)
        for file, text in files.items():
            (root / f"{file}.py").write_text(text)
        lock = workshop.projects / "bundle.lock"  # most ask for the same
        if lock.exists():
            shutil.copyfile(lock, root / "bundle.lock")
        item = mb.build(root, store=workshop.store).item
        shutil.copyfile(root / "bundle.lock", lock)
        return item

    return run


@pytest.fixture(scope="module")
def bundle(build):
    """A bundle of the model alone, with hostile texts in its settings."""
    return build("iris", BUNDLEFILE)


@pytest.fixture(scope="module")
def flowers(build):
    """A bundle with a service class and a command of its own."""
    return build("flowers", SERVICE.format(command=json.dumps(COMMAND)), service=CODE)


@pytest.fixture(scope="module")
def image(engine, workshop, bundle):
    """The image of `bundle`, built from its Containerfile."""
    made = containerize(
        bundle, workshop.store, replace(BUILT, tags=("test/iris:1", "test/iris:again"))
    )
    yield made
    remove(engine, made)


@pytest.fixture(scope="module")
def flower_image(engine, workshop, flowers):
    """The image of `flowers`."""
    made = containerize(flowers, workshop.store, ImageOptions(tags=("test/flowers:1",)))
    yield made
    remove(engine, made)


@pytest.fixture(scope="module")
def plain_image(engine, workshop, bundle, tmp_path_factory):
    """The image of `bundle`, made without the engine and loaded into it."""
    folder = tmp_path_factory.mktemp("plain")
    base = as_layout(engine, workshop.store.directory(bundle), folder)
    means = ImageOptions(engine="none", output=str(folder / "image.tar"), base=base)
    made = containerize(bundle, workshop.store, replace(means, tags=("test/iris:plain",)))
    with (folder / "image.tar").open("rb") as file:
        loaded = engine.client.images.load(file)
    assert [image.id for image in loaded] == [made.id]
    yield made
    remove(engine, made)


def as_layout(engine, directory, folder):
    """The bundle's base image, out of the engine, as an OCI layout."""
    name = BundleManifest.read(directory).accelerator["base"].partition("@")[0]
    with (folder / "saved.tar").open("wb") as file:
        for chunk in engine.client.images.get(name).save():
            file.write(chunk)
    with tarfile.open(folder / "saved.tar") as archive:
        listed = json.load(archive.extractfile("manifest.json"))[0]
        about = put(folder, archive.extractfile(listed["Config"]).read(), "config.v1+json")
        parts = [archive.extractfile(layer).read() for layer in listed["Layers"]]
    layers = [put(folder, data, "layer.v1.tar") for data in parts]
    manifest = {"schemaVersion": 2, "config": about, "layers": layers}
    entry = put(folder, json.dumps(manifest).encode(), "manifest.v1+json")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "saved.tar").unlink()
    return f"oci:{folder}"


def put(folder, data, kind):
    name = hashlib.sha256(data).hexdigest()
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    (folder / "blobs" / "sha256" / name).write_bytes(data)
    kind = f"application/vnd.oci.image.{kind}"
    return {"mediaType": kind, "digest": f"sha256:{name}", "size": len(data)}


def remove(engine, image):
    """Take the image away; the engine keeps the stage of dependencies for the next run."""
    for tag in image.tags:
        engine.client.api.remove_image(tag, force=True)


@pytest.fixture
def run(engine):
    """Start a container as an orchestrator would; (container, address)."""
    started = []

    def start(image, **options):
        healthcheck = {"Interval": 250_000_000, "StartPeriod": 120_000_000_000}
        container = engine.client.containers.run(
            image.id,
            detach=True,
            ports={"8080/tcp": ("127.0.0.1", None)},
            healthcheck=healthcheck,
            **{name: value for name, value in (HARDENED | options).items() if value is not None},
        )
        started.append(container)
        container.reload()
        return container, f"http://127.0.0.1:{container.ports['8080/tcp'][0]['HostPort']}"

    yield start
    for container in started:
        container.remove(force=True)


def until(claim, *, seconds=60):
    """Wait for a claim to hold; its value."""
    for _ in range(seconds * 10):
        if found := claim():
            return found
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s")


def is_healthy(container):
    container.reload()
    if container.status == "exited":
        pytest.fail(container.logs().decode())
    return container.attrs["State"]["Health"]["Status"] == "healthy"


def post(url, body):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.engine
def test_it_answers_read_only_as_nobody_without_capabilities_and_stops_cleanly(
    image, run, workshop, bundle
):
    """Ready, healthy, the recorded answer, and exit 0 on SIGTERM."""
    container, address = run(image)
    until(lambda: is_healthy(container))
    directory = workshop.store.directory(bundle)
    sample = json.loads((directory / "samples/iris/predict.json").read_bytes())
    answer = post(f"{address}/predict", json.dumps({"instances": sample["inputs"]}).encode())
    assert answer == {"predictions": sample["outputs"]}
    with urllib.request.urlopen(f"{address}/readyz", timeout=10) as ready:
        assert ready.status == 200
    container.stop(timeout=20)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0, container.logs().decode()


@pytest.mark.engine
def test_an_engine_that_need_not_build_has_the_image_of_none(engine, plain_image, workshop, bundle):
    """The same id, and so every layer and all of its configuration; a second time nothing moves."""
    made = containerize(bundle, workshop.store, ImageOptions(tags=("test/iris:given",)))
    try:
        assert (made.id, made.layers) == (plain_image.id, plain_image.layers)
        assert made.moved < 1 << 20
        assert engine.client.api.inspect_image("test/iris:given")["Id"] == made.id
    finally:
        engine.client.api.remove_image("test/iris:given")


@pytest.mark.engine
def test_without_the_engine_it_is_the_same_image(engine, image, plain_image, run, workshop, bundle):
    """The same process, the same files, the same answers, byte for byte."""
    known, other = (
        engine.client.api.inspect_image(one.id)["Config"] for one in (image, plain_image)
    )
    for name in ("User", "Entrypoint", "WorkingDir", "ExposedPorts", "Labels", "Healthcheck"):
        assert known[name] == other[name], name
    assert sorted(known["Env"]) == sorted(other["Env"])
    directory = workshop.store.directory(bundle)
    sample = json.loads((directory / "samples/iris/predict.json").read_bytes())
    body = json.dumps({"instances": sample["inputs"]}).encode()
    answers = []
    for one in (image, plain_image):
        container, address = run(one)
        until(lambda: is_healthy(container))  # noqa: B023 - called at once
        request = urllib.request.Request(
            f"{address}/predict", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            answers.append((answer.status, answer.headers["Content-Type"], answer.read()))
        container.stop(timeout=20)
        container.reload()
        assert container.attrs["State"]["ExitCode"] == 0, container.logs().decode()
    assert answers[0] == answers[1]
    assert json.loads(answers[0][2]) == {"predictions": sample["outputs"]}


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["image", "plain_image"])
def test_it_runs_without_a_network_and_has_nothing_that_helps_an_intruder(
    engine, request, run, kind
):
    """Healthy on loopback alone; no compiler, nothing of ours setuid or writable by others."""
    container = engine.client.containers.run(
        request.getfixturevalue(kind).id,
        detach=True,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        user="12345",
        network_mode="none",
        healthcheck={"Interval": 250_000_000, "StartPeriod": 120_000_000_000},
    )
    try:
        until(lambda: is_healthy(container))
        find = "find /opt -perm /6000 -o -perm -0002 ! -type l; command -v gcc cc g++ make"
        found = container.exec_run(["/bin/sh", "-c", find])
        assert found.output == b""
        container.stop(timeout=20)
        container.reload()
        assert container.attrs["State"]["ExitCode"] == 0, container.logs().decode()
    finally:
        container.remove(force=True)


@pytest.mark.engine
def test_a_service_class_answers_the_same_way(flower_image, run):
    """The author's code runs from a read-only image too; its own command ran literally."""
    container, address = run(flower_image)
    until(lambda: is_healthy(container))
    assert post(f"{address}/predict", b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}') == {
        "predictions": [0]
    }
    assert container.exec_run(["cat", "/opt/a b"]).output.decode() == "it's $HOME"


@pytest.mark.engine
def test_texts_arrive_byte_for_byte(engine, image):
    """Labels and variables of the built image equal those of the bundlefile."""
    config = engine.client.api.inspect_image(image.id)["Config"]
    environment = dict(entry.split("=", 1) for entry in config["Env"])
    assert environment["GREETING"] == NASTY
    assert config["Labels"]["note"] == NASTY
    assert config["Labels"]["org.opencontainers.image.description"] == "Which iris is this?"


@pytest.mark.engine
def test_the_image_names_and_trusts_its_bundle(engine, image, bundle):
    """By digest, given when it was built: the bundle itself could not say it."""
    config = engine.client.api.inspect_image(image.id)["Config"]
    environment = dict(entry.split("=", 1) for entry in config["Env"])
    assert config["Labels"]["io.modelbundle.digest"] == bundle.digest
    assert config["Labels"]["org.opencontainers.image.version"] == bundle.version
    assert environment["BUNDLE_TRUST"] == bundle.digest.removeprefix("sha256:")
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"][:3] == ["python3", "-m", "modelbundle.runtime"]


@pytest.mark.engine
def test_every_tag_names_the_image(engine, image):
    """-t may be given several times."""
    assert {engine.client.images.get(tag).id for tag in image.tags} == {image.id}
    assert image.size > 0
    assert image.layers


@pytest.mark.engine
def test_the_bundle_in_the_image_is_whole(engine, image, workshop, bundle):
    """Every file is there, readable by anybody and writable by nobody but root."""
    container = engine.client.containers.create(image.id)
    try:
        stream, _ = container.get_archive("/opt/bundle")
        data = io.BytesIO(b"".join(stream))
    finally:
        container.remove()
    with tarfile.open(fileobj=data) as archive:
        members = {
            member.name.removeprefix("bundle/"): member
            for member in archive
            if member.isfile() and "__pycache__" not in member.name
        }
        expected = {entry.path for entry in workshop.store.files(bundle)} | {"bundle.json"}
        assert set(members) == expected
        assert {member.mode & 0o022 for member in members.values()} == {0}
        assert all(member.mode & 0o004 for member in members.values())
        own = archive.extractfile(members["bundle.json"]).read()
    assert own == workshop.store.config(bundle)


@pytest.mark.engine
def test_the_same_bundle_is_not_built_twice(image, workshop, bundle):
    """Every step comes from the engine's cache."""
    assert (
        containerize(bundle, workshop.store, replace(BUILT, tags=("test/iris:1",))).id == image.id
    )


@pytest.mark.engine
def test_a_change_of_code_makes_the_layers_of_code_alone(engine, build, workshop, flower_image):
    """Dependencies, weights and runtime are found again; the code and the manifest are new."""
    code = CODE + "# edited\n"
    edited = build("flowers", SERVICE.format(command=json.dumps(COMMAND)), service=code)
    image = containerize(edited, workshop.store, ImageOptions(tags=("test/flowers:2",)))
    try:
        new = [
            before != after for before, after in zip(flower_image.layers, image.layers, strict=True)
        ]
        assert new == [False] * (len(new) - 2) + [True] * 2
        copies = [
            step for step in engine.client.api.history(image.id) if "COPY" in step["CreatedBy"]
        ]
        assert sum(step["Size"] for step in copies[:2]) < 1 << 20  # bytes; newest first
    finally:
        remove(engine, image)


@pytest.mark.engine
def test_any_value_survives_the_engines_own_reader(engine):
    """The rules that the tests of `instruction` restate are those of the engine."""
    characters = [
        "\\",
        '"',
        "'",
        "$",
        "`",
        "#",
        "=",
        " ",
        "\t",
        "é",
        "\u2028",
        "$HOME",
        "${X}",
        "<<E",
        "\\\\",
    ]
    values = {
        f"V{a}_{b}": f"{x}{y}" for a, x in enumerate(characters) for b, y in enumerate(characters)
    }
    values |= {f"W{a}": f"a{x}b{x}" for a, x in enumerate(characters)}
    text = (
        f"FROM scratch\n{instruction.pairs('ENV', values)}\n{instruction.pairs('LABEL', values)}\n"
    )
    events = list(engine.client.api.build(fileobj=io.BytesIO(text.encode()), rm=True, decode=True))
    made = next(event["aux"]["ID"] for event in events if "aux" in event)
    config = engine.client.api.inspect_image(made)["Config"]
    engine.client.api.remove_image(made)
    assert {k: v for k, v in (e.split("=", 1) for e in config["Env"]) if k in values} == values
    assert {k: v for k, v in config["Labels"].items() if k in values} == values


@pytest.mark.engine
def test_a_push_arrives_and_says_its_digest(engine, workshop, bundle, image):
    """A registry on loopback has the manifest that it names."""
    registry = os.environ.get("TEST_REGISTRY")
    if not registry:
        pytest.skip("no registry: TEST_REGISTRY is not set")
    pushed = containerize(
        bundle, workshop.store, ImageOptions(tags=(f"{registry}/test/iris:1",), push=True)
    )
    try:
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        request = urllib.request.Request(
            f"http://{registry}/v2/test/iris/manifests/1", headers=accept
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.headers["Docker-Content-Digest"] == pushed.digest
            assert json.load(answer)["config"]["digest"] == pushed.id
    finally:
        remove(engine, pushed)


@pytest.mark.engine
def test_a_push_to_nowhere_fails_with_the_reason(engine, workshop, bundle, image):
    """And the image stays."""
    tag = "127.0.0.1:1/test/iris:1"
    with pytest.raises(ImageFailed, match=r"cannot be pushed.*refused"):
        containerize(bundle, workshop.store, ImageOptions(tags=(tag,), push=True))
    engine.client.api.remove_image(tag)


@pytest.mark.engine
def test_a_base_image_that_is_nowhere_is_named(engine, build, workshop):
    """Neither on the engine nor in a registry."""
    base = "127.0.0.1:1/no/such-base:1"
    item = build("baseless", f"name: baseless\nmodels: [iris]\nimage: {{base: '{base}'}}\n")
    with pytest.raises(ImageFailed, match=rf"base image `{base}` is not on this engine") as caught:
        containerize(item, workshop.store, BUILT)
    assert caught.value.exit_code == 1
    assert "docker pull" in caught.value.hint


@pytest.mark.engine
def test_a_step_that_fails_shows_its_last_lines(engine, build, workshop):
    """What it printed, and its exit code."""
    command = "seq 1000; echo what went wrong >&2; exit 3"
    item = build("failing", f"name: failing\nmodels: [iris]\nsystem: {{run: ['{command}']}}\n")
    with pytest.raises(ImageFailed) as caught:
        containerize(item, workshop.store)
    assert "what went wrong" in str(caught.value)
    assert "999" in str(caught.value)
    assert "\n  1\n" not in str(caught.value)
    assert "code: 3" in str(caught.value)


@pytest.mark.engine
def test_a_damaged_file_never_becomes_an_image(engine, build, workshop):
    """The bytes are compared on their way into the engine."""
    item = build("damaged", "name: damaged\ndescription: about to be damaged\nmodels: [iris]\n")
    entry = next(e for e in workshop.store.files(item) if e.path == "openapi.json")
    for path in (workshop.store.blob(entry.digest), workshop.store.directory(item) / entry.path):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b" ")
    with pytest.raises(Damaged, match=r"openapi\.json"):
        containerize(item, workshop.store, ImageOptions(tags=("test/damaged:1",)))
    assert not engine.client.images.list("test/damaged")


@pytest.mark.engine
def test_steps_are_told_while_it_builds(image, workshop, bundle):
    """One line for each step that takes time."""
    steps = RecordedProgress()
    containerize(bundle, workshop.store, replace(BUILT, tags=("test/iris:1",)), progress=steps)
    assert steps.steps[0].startswith("Building with ")
    assert any("COPY models/iris" in said for said in steps.steps)
    assert not any("LABEL" in said for said in steps.steps)


def test_no_engine_is_exit_7(workshop, bundle, monkeypatch):
    """With what to do."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/e.sock")
    with pytest.raises(EngineUnavailable) as caught:
        containerize(bundle, workshop.store)
    assert caught.value.exit_code == 7


def test_code_that_nobody_vouched_for_gets_no_image(workshop, build):
    """Exit 5, before any engine is asked; the model's own trust is enough where there is no other code."""
    item = build("foreign", "name: foreign\nmodels: [iris]\n")
    store = workshop.store
    model = store.find("iris", "model")
    store.trust.revoke(item.digest)
    store.trust.revoke(model.digest)
    try:
        with pytest.raises(NotTrusted) as caught:
            containerize(item, store)
        assert caught.value.exit_code == 5
        assert "--trust" in caught.value.hint
    finally:
        store.trust.grant(model.digest, "saved here")


@pytest.mark.parametrize(
    "tag", ["Iris", "a b", "iris:", ":1", "iris:-1", "http://x/iris", "$(id)", "iris:1\n"]
)
def test_tags_that_no_registry_takes_are_refused(workshop, bundle, tag):
    """Exit 2, like any wrong word on the command line."""
    with pytest.raises(InvalidTag) as caught:
        containerize(bundle, workshop.store, ImageOptions(tags=(tag,)))
    assert caught.value.exit_code == 2


def test_another_platform_than_the_bundles_is_refused(workshop, bundle):
    """Its lock knows no wheels for it."""
    with pytest.raises(BuildError, match="not for linux/arm64") as caught:
        containerize(bundle, workshop.store, ImageOptions(platform="linux/arm64"))
    assert "platforms" in caught.value.hint
    with pytest.raises(BuildError, match="not for windows/amd64") as caught:
        containerize(bundle, workshop.store, ImageOptions(platform="windows/amd64"))
    assert "`platforms`" not in caught.value.hint


def test_a_base_of_alpine_is_refused_before_an_engine_is_asked(build, workshop):
    """Its pip would refuse the wheels after minutes, whatever steps come before."""
    base = "image: {base: python:3.11-alpine}\nsystem: {packages: [curl]}"
    item = build("alpine", f"name: alpine\nmodels: [iris]\n{base}\n")
    with pytest.raises(BuildError, match="Alpine Linux"):
        containerize(item, workshop.store)
    with pytest.raises(BuildError, match="Alpine Linux"):
        explanation.of(item, workshop.store)


def test_a_base_image_of_a_place_called_alpine_needs_no_engine(build, workshop):
    base = "image: {base: alpine-labs/python:3.11}"
    item = build("labs", f"name: labs\nmodels: [iris]\n{base}\n")
    assert explanation.of(item, workshop.store)["needs_engine"] == []


def test_nobody_else_fills_in_whom_to_trust(workshop, bundle):
    """A build argument cannot grant what the check above refuses."""
    with pytest.raises(BuildError, match="BUNDLE_TRUST"):
        containerize(bundle, workshop.store, ImageOptions(build_args={"BUNDLE_TRUST": "0" * 64}))


def test_the_default_tag_is_the_bundles(bundle):
    """name:version, without what a registry does not take."""
    assert default_tag(bundle) == bundle.tag
    assert default_tag(SimpleNamespace(name="a", version="1.0+cpu")) == "a:1.0-cpu"


def test_the_sample_is_small(workshop, bundle):
    """The tests above send what was recorded when the model was saved."""
    sample = json.loads(
        (workshop.store.directory(bundle) / "samples/iris/predict.json").read_bytes()
    )
    assert np.asarray(sample["inputs"]).shape == (3, 4)
