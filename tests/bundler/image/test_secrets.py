"""Twenty-five secrets lie about where an image is made; none of them is in it, or in what is said."""

import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import replace

import pytest

from modelbundle.bundler.building import building
from modelbundle.bundler.errors import BundleError
from modelbundle.bundler.image.engines.engine import connect
from modelbundle.bundler.image.image import containerize
from modelbundle.bundler.image.image_options import ImageOptions

from ..recorded_progress import RecordedProgress

PROJECT = {
    ".env": "PASSWORD={}",
    ".env.production": "TOKEN={}",
    ".envrc": "export KEY={}",
    ".netrc": "machine pypi.example.com login me password {}",
    "pip.conf": "[global]\nindex-url = https://me:{}@pypi.example.com/simple",
    ".pypirc": "[pypi]\npassword = {}",
    ".npmrc": "//registry.example.com/:_authToken={}",
    "id_ed25519": "{}",
    "server.key": "{}",
    "cert.pem": "{}",
    ".git/config": "[remote]\nurl = https://me:{}@git.example.com/x",
    ".aws/credentials": "aws_secret_access_key = {}",
    ".docker/config.json": '{{"auths": {{"x": {{"auth": "{}"}}}}}}',
    ".huggingface/token": "{}",
    "secrets.yaml": "key: {}",
    "service-account.json": '{{"private_key": "{}"}}',
    ".streamlit/secrets.toml": 'key = "{}"',
    ".venv/pip.ini": "{}",
}
VARIABLES = ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD")
SECRETS = {name: f"s3cr3t-{number:02}-kept" for number, name in enumerate((*PROJECT, *VARIABLES))}
IN_HOME = "s3cr3t-home-kept"
ARGUMENT = "s3cr3t-argument-kept"
INDEX = "s3cr3t-index-kept"
ENVIRONMENT = "s3cr3t-environment-kept"
ALL = (*SECRETS.values(), IN_HOME, ARGUMENT, INDEX, ENVIRONMENT)


@pytest.fixture
def planted(locked_project, add_model, monkeypatch, tmp_path):
    """A project with a secret in every usual place, and others around it."""
    add_model()
    files = {path: text.format(SECRETS[path]) for path, text in PROJECT.items()}
    files["service.py"] = "x = 1\n"
    project = locked_project(
        "name: planted\nmodels: [iris]\ninclude: ['**', '.*', '.*/**']\n", files
    )
    for name in VARIABLES:
        monkeypatch.setenv(name, SECRETS[name])
    monkeypatch.setenv("PIP_INDEX_URL", f"https://me:{INDEX}@127.0.0.1:9/simple")
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / ".netrc").write_text(f"machine x login me password {IN_HOME}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "me" / ".netrc"))
    return project


def held(*texts):
    """Which of the secrets are in these bytes."""
    return [secret for secret in ALL if any(secret.encode() in text for text in texts)]


def test_there_are_twenty_five():
    assert len(set(ALL)) == 25


def test_none_of_them_is_in_lock_sbom_layers_configuration_or_log(
    planted, own_store, base, tmp_path
):
    said = RecordedProgress()
    item = building.build(planted, store=own_store, progress=said).item
    means = ImageOptions(output=f"oci:{tmp_path / 'out'}", base=base, bytecode="none")
    containerize(item, own_store, means, progress=said)
    blobs = [path.read_bytes() for path in (tmp_path / "out" / "blobs" / "sha256").iterdir()]
    directory = own_store.directory(item)
    texts = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    assert any(b"Starlette" in blob for blob in blobs)  # they were looked through uncompressed
    assert not held(*blobs, *texts, (planted.root / "bundle.lock").read_bytes())
    assert not held("\n".join(said.steps).encode())


@pytest.mark.parametrize(
    "bundlefile",
    [
        f"name: x\nmodels: [iris]\npython:\n  indexes: ['https://me:{INDEX}@pypi.example.com/simple']\n",
        f"name: x\nmodels: [iris]\nimage:\n  env: {{API_TOKEN: {ENVIRONMENT}}}\n",
    ],
)
def test_a_bundlefile_that_holds_one_is_refused_without_repeating_it(
    bundlefile, project, add_model, own_store
):
    add_model()
    with pytest.raises(BundleError) as caught:
        building.build(project(bundlefile), store=own_store)
    assert not held(f"{caught.value} {caught.value.hint}".encode())


def test_an_index_that_cannot_be_reached_is_named_without_its_password(small, base, tmp_path):
    """uv is told of it by a variable, and says in its own words what failed."""
    item = small.build({"env/wheels/click-1.0-py3-none-any.whl": b"", "env/requirements.lock": b""})
    directory = small.store.directory(item)
    environment = dict(os.environ) | {
        "UV_NO_INDEX": "0",
        "UV_DEFAULT_INDEX": f"http://me:{INDEX}@127.0.0.1:9/simple",
        "BUNDLE_HOME": str(small.store.root),
    }
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"nowhere==1.0 --hash=sha256:{64 * '0'}\n")
    code = (
        "import sys; from pathlib import Path; from modelbundle.bundler.requirements.resolving import uv\n"
        "from modelbundle.bundler.layers.packages.package_tree import Wanted\n"
        "w = Wanted('3.11', 'linux/amd64', 'opt/site')\n"
        "uv.run(w.arguments(Path(sys.argv[2]), Path(sys.argv[1])), cwd=Path('/'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(lock), str(tmp_path / "target")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "127.0.0.1:9" in done.stderr
    assert not held(done.stdout.encode(), done.stderr.encode())
    assert directory.is_dir()


@pytest.mark.engine
def test_a_password_in_a_build_argument_stays_in_the_stage_that_is_thrown_away(small):
    """Every byte of the saved image: configuration, history, each layer."""
    if "DOCKER_HOST" not in os.environ:
        pytest.skip("no container engine: DOCKER_HOST is not set")
    said, item = RecordedProgress(), small.build()
    url = f"http://me:{ARGUMENT}@127.0.0.1:9/simple"
    means = ImageOptions(
        engine="docker", build_args={"PIP_EXTRA_INDEX_URL": url, "PIP_NO_INDEX": "1"}
    )
    with connect() as engine:
        made = containerize(
            item, small.store, replace(means, tags=("test/planted:1",)), progress=said
        )
        try:
            data = io.BytesIO(b"".join(engine.client.images.get(made.id).save()))
            history = json.dumps(engine.client.api.history(made.id)).encode()
        finally:
            engine.client.api.remove_image("test/planted:1", force=True)
    with tarfile.open(fileobj=data) as archive:
        members = [archive.extractfile(member).read() for member in archive if member.isfile()]
    assert any(b"frozenset" in one or b"Small, and complete." in one for one in members)
    assert not held(history, "\n".join(said.steps).encode(), *members)
