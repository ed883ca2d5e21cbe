"""Containerfile: a pure function of the manifest, in the order in which things change."""

import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.errors import BuildError
from modelbundle.bundler.image.recipe.containerfile import render
from modelbundle.bundler.requirements import standalone
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_entry import ModelEntry

from ..dockerfile_reader import logical_lines, read

DIGEST = "sha256:" + 64 * "0"
FILES = (
    "env/requirements.lock",
    "models/iris/model.json",
    "models/iris/model.pkl",
    "samples/iris/predict.json",
    "modelbundle/__init__.py",
    "src/service.py",
)
BUNDLE = BundleManifest(
    name="iris",
    version="1.4",
    description="Which iris\n  is this?",
    labels={},
    models=(ModelEntry("iris", "iris", "1", DIGEST, "sklearn", True),),
    service="service:Iris",
    routes=(),
    files=tuple(FileEntry(path, DIGEST, 1) for path in FILES),
    python="3.11",
    lock=DIGEST,
    hermetic=True,
    accelerator={"kind": "cpu", "base": "python:3.11-slim"},
    serve={"port": 8080},
    security={},
    image={"system": {"packages": [], "run": []}},
    packer="modelbundle 0.1.0",
)
FILES_OF_BUNDLE = BUNDLE.files
SAFE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


def lines(manifest, lock=None):
    return list(logical_lines(render(manifest, lock)))


def with_image(**image):
    return replace(BUNDLE, image={**BUNDLE.image, **image})


def environment(manifest):
    known = {"PATH": "/bin"}
    return {
        k: v
        for what, pairs in read(render(manifest), known)
        if what == "ENV"
        for k, v in pairs.items()
    }


def labels(manifest):
    return {
        k: v for what, pairs in read(render(manifest)) if what == "LABEL" for k, v in pairs.items()
    }


def test_layers_come_in_the_order_of_change():
    """Dependencies, weights, runtime, code, manifest."""
    copies = [line.split()[1] for line in lines(BUNDLE) if line.startswith("COPY")]
    assert copies == [
        "env/requirements.lock",
        "modelbundle",
        "--from=packages",
        "env/requirements.lock",
        "models/iris",
        "samples",
        "--from=runtime",
        "server.py",
        "src",
        "Containerfile",
    ]


def test_heavy_packages_have_layers_of_their_own_below_the_others():
    """A new version of a small package then moves no framework."""
    locks = [
        FileEntry(f"env/{group}.lock", DIGEST, 1) for group in ("cuda", "frameworks", "packages")
    ]
    whole = lines(replace(BUNDLE, files=(*FILES_OF_BUNDLE, *locks)))
    stages = [line.split()[-1] for line in whole if line.startswith("FROM system AS")]
    assert stages == ["cuda", "frameworks", "packages", "runtime"]
    taken = [line for line in whole if line.startswith("COPY --from=")][:3]
    assert taken == [f"COPY --from={stage} /opt/packages /opt/packages" for stage in stages[:3]]
    frameworks = whole[whole.index("FROM system AS frameworks") :]
    assert "COPY env/frameworks.lock /tmp/env/frameworks.lock" in frameworks[:6]


def test_what_changes_with_every_build_is_said_last():
    """Nothing after the arguments makes a layer, and nothing before them asks for their values."""
    whole = lines(BUNDLE)
    first = whole.index("ARG BUNDLE_DIGEST")
    assert {line.split()[0] for line in whole[first:]} == {"ARG", "LABEL", "ENV"}
    assert whole[-1] == "ENV BUNDLE_TRUST=$BUNDLE_TRUST"
    assert not any("BUNDLE_DIGEST" in line or "BUNDLE_TRUST" in line for line in whole[:first])


def test_it_asks_nothing_of_buildkit():
    """The docker SDK builds without: no mounts, no heredocs, no syntax line."""
    text = render(BUNDLE)
    assert not re.search(r"--mount|<<|^#\s*(syntax|escape|check)\s*=", text, re.MULTILINE)


def test_the_server_is_process_one_and_not_root():
    """Exec form, so that SIGTERM reaches it; a number, so that Kubernetes can see it is not root."""
    whole = lines(BUNDLE)
    assert 'ENTRYPOINT ["python3", "-m", "modelbundle.runtime", "/opt/bundle"]' in whole
    assert any(
        line.endswith('CMD ["python3", "-m", "modelbundle.runtime.health"]') for line in whole
    )
    assert "USER 65532:65532" in whole
    assert "USER 7:8" in lines(with_image(user="7:8"))


@pytest.mark.parametrize("user", ["root", "0", "0:0", "1 2", "-1", "1\nRUN x", "$UID"])
def test_users_that_are_root_or_no_number_are_refused(user):
    """Names mean nothing in an image, and root means too much."""
    with pytest.raises(BuildError, match="user"):
        render(with_image(user=user))


def test_models_get_a_layer_each_until_there_are_too_many():
    """An image has at most 127 layers."""
    few = [replace(BUNDLE.models[0], alias=f"m{i}") for i in range(3)]
    many = [replace(BUNDLE.models[0], alias=f"m{i}") for i in range(100)]
    assert render(replace(BUNDLE, models=tuple(few))).count("COPY models/m") == 3
    assert render(replace(BUNDLE, models=tuple(many))).count("COPY models") == 1


def test_a_bundle_without_own_code_copies_none():
    """COPY of a folder that is not there would fail."""
    without = tuple(entry for entry in BUNDLE.files if not entry.path.startswith("src/"))
    assert "COPY src" not in render(replace(BUNDLE, files=without, service=None))


def test_the_bundle_lies_where_the_bundlefile_says():
    """`workdir` is the bundle's place, and the server's directory."""
    text = render(with_image(workdir="/srv/model"))
    assert "WORKDIR /srv/model" in text
    assert "/opt/bundle" not in text


@pytest.mark.parametrize("workdir", ["opt", "/", "/opt/../etc", "/opt/.", "/..", "/a b", "/a\nb"])
def test_a_place_that_leads_elsewhere_is_refused(workdir):
    """Whoever wrote the bundle: the paths of its layers begin with it."""
    with pytest.raises(BuildError, match="directory"):
        render(with_image(workdir=workdir))


def test_system_packages_and_commands_come_before_the_dependencies():
    """In a layer of their own that seldom changes, in both stages."""
    command = "echo \"it's $HOME\" \\\\ > '/x y'"
    system = {"packages": ["libgomp1", "curl=7.88.1-10"], "run": [{"command": command}]}
    whole = lines(with_image(system=system))
    assert "apt-get install --yes --no-install-recommends libgomp1 curl=7.88.1-10" in whole[1]
    assert whole[2].startswith('RUN ["/bin/sh", "-c", ')
    assert whole[3] == "FROM system AS packages"


@pytest.mark.parametrize(
    "package", ["a;reboot", "--allow-unauthenticated", "A", "$(id)", "a b", ""]
)
def test_packages_that_are_no_names_are_refused(package):
    """They stand in a shell's line, so only names may."""
    with pytest.raises(BuildError, match="package"):
        render(with_image(system={"packages": [package], "run": []}))


@pytest.mark.parametrize("base", ["", "a b", "$BASE", "x\nRUN id", "--platform=x y", "#x"])
def test_bases_that_are_no_images_are_refused(base):
    """FROM expands variables and takes flags."""
    with pytest.raises(BuildError, match="base image"):
        render(replace(BUNDLE, accelerator={"kind": "cpu", "base": base}))


def test_the_lock_decides_the_base_image():
    """With its digest where a registry said it."""
    pinned = f"python:3.11-slim@{DIGEST}"
    assert (
        lines(replace(BUNDLE, accelerator={"kind": "cpu", "base": pinned}))[0]
        == f"FROM {pinned} AS system"
    )


def test_the_lock_is_installed_by_hash_and_from_wheels_alone():
    """What is not in the lock byte for byte does not get in."""
    text = render(BUNDLE)
    assert "--require-hashes --only-binary :all: " in text
    assert "--no-deps" in text
    assert "build-essential" not in text


def test_compilers_are_there_for_locked_sdists_only_and_stay_out_of_the_image():
    """The stage that has them is thrown away."""
    whole = lines(BUNDLE, SimpleNamespace(compiled=("fasttext",)))
    stages = [number for number, line in enumerate(whole) if line.startswith("FROM")]
    compilers = next(number for number, line in enumerate(whole) if "build-essential" in line)
    assert stages[1] < compilers < stages[2]
    assert any("--only-binary :all: --no-binary fasttext " in line for line in whole)


def test_a_gpu_bundle_tells_the_container_toolkit_what_it_needs():
    """The toolkit then refuses an older driver before the server starts."""
    cuda = {"kind": "cuda", "cuda": "13.0", "min_driver": "580", "base": "python:3.11-slim"}
    found = environment(replace(BUNDLE, accelerator=cuda))
    assert found["NVIDIA_VISIBLE_DEVICES"] == "all"
    assert found["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"
    assert found["NVIDIA_REQUIRE_DRIVER"] == "driver>=580"
    assert not any(name.startswith("NVIDIA") for name in environment(BUNDLE))


def test_nvidias_images_get_the_python_of_the_lock():
    """They have none, and their distribution's is another version."""
    cuda = {"kind": "cuda", "cuda": "13.0", "base": "nvidia/cuda:13.0.3-base-ubuntu24.04"}
    whole = lines(replace(BUNDLE, accelerator=cuda))
    assert whole[0] == "FROM nvidia/cuda:13.0.3-base-ubuntu24.04 AS python"
    known = standalone.find("3.11", "linux/amd64")
    assert whole[2] == f"ADD ${{PYTHON_MIRROR}}/{known.path} /tmp/python-x86_64.tar.gz"
    assert f"printf '{known.digest}  /tmp/python-x86_64.tar.gz" in whole[3]
    assert "COPY --from=python /opt/python /opt/python" in whole
    assert sum(line.startswith("FROM") for line in whole) == 5
    two = replace(BUNDLE, accelerator=cuda, image={"platforms": ["linux/amd64", "linux/arm64"]})
    assert sum(line.startswith("ADD ") for line in lines(two)) == 2
    exact = lines(replace(BUNDLE, accelerator=cuda, python="3.11.9"))
    assert exact[0] == "FROM python:3.11-slim AS python"
    assert "uv python install 3.11.9" in exact[2]


def test_the_authors_environment_and_labels_come_last_and_win():
    """They know better, but for what the server relies on being there."""
    found = environment(with_image(env={"USER": "me", "OMP_NUM_THREADS": "4"}))
    assert found["USER"] == "me"
    assert found["OMP_NUM_THREADS"] == "4"
    assert found["BUNDLE_CONTAINER"] == "1"
    titled = replace(BUNDLE, labels={"org.opencontainers.image.title": "Iris!", "empty": ""})
    assert labels(titled)["org.opencontainers.image.title"] == "Iris!"
    assert labels(titled)["empty"] == ""


def test_labels_name_the_bundle_and_its_models():
    """A description of several lines becomes one, for no Containerfile can say a line break."""
    found = labels(BUNDLE)
    assert found["org.opencontainers.image.description"] == "Which iris is this?"
    assert found["org.opencontainers.image.version"] == "1.4"
    assert found["io.modelbundle.models"] == DIGEST
    assert "version=$BUNDLE_VERSION" in render(replace(BUNDLE, version=None))


@given(
    st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), SAFE),
    st.dictionaries(st.from_regex(r"[a-z.]{1,8}", fullmatch=True), SAFE),
)
def test_hostile_values_change_nothing_but_themselves(env, own):
    """The instructions are the same, whatever the values; and the values arrive."""
    plain = [line.split()[0] for line in lines(with_image(env={"A": "x"}, labels={"a": "x"}))]
    hostile = with_image(env=env or {"A": "x"}, labels=own)
    assert [line.split()[0] for line in lines(hostile)] == plain
    assert environment(hostile).items() >= env.items()
    assert labels(hostile).items() >= own.items()


def test_ports_are_those_of_the_bundlefile():
    """Default: where the server listens."""
    assert "EXPOSE 8080" in lines(BUNDLE)
    assert "EXPOSE 9000 9001" in lines(with_image(ports=[9000, 9001]))
    serve = {"port": 80, "dialects": ["native", "grpc"], "grpc": {"port": 9090}}
    assert "EXPOSE 80 9090" in lines(replace(BUNDLE, serve=serve))


def test_packages_are_compiled_but_for_their_own_tests(tmp_path):
    """The command of the Containerfile, with a folder here in place of the one in the image."""
    (line,) = (line for line in lines(BUNDLE) if "compileall" in line and "modelbundle" not in line)
    command = line.removeprefix("RUN ").partition(" ||")[0].split()
    site = tmp_path / "site"
    for name in ("small/tests.py", "small/tests/deep/it.py", "tests/test_it.py"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("x = 1\n")
    # A relative path: this folder may be one of tests itself.
    subprocess.run([sys.executable, *command[1:-1], "site"], check=True, cwd=tmp_path)
    (compiled,) = site.rglob("*.pyc")
    assert compiled.parent == site / "small" / "__pycache__"
