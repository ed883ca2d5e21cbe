"""The examples as images: built by a real engine, run with nothing to spare, asked, stopped."""

import json
import math
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
HARDENED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "user": "12345",
}


@dataclass(frozen=True)
class Example:
    """How an example is made (`saves`: name -> source), and how its image is asked."""

    saves: dict[str, str]
    bundle: str
    sample: str = "sample.json"
    route: str = "/predict"
    request: str = "request.json"
    content_type: str = "application/json"


# The first two have one lock, so that the engine installs it once.
EXAMPLES = {
    "sklearn_digits": Example({"digits": "train:model"}, "digits"),
    "two_models": Example(
        {"wine-classifier": "train:classifier", "wine-guard": "train:guard"},
        "wine",
        route="/judge",
    ),
    "xgboost_dataframe": Example(
        {"diabetes": "train:model"},
        "diabetes",
        "sample.csv",
        request="sample.csv",
        content_type="text/csv",
    ),
}


@pytest.fixture
def terminal(tmp_path, checkout, home):
    """Type a command in a copy of an example; what it prints on stdout."""

    def copied(name):
        project = tmp_path / name
        shutil.copytree(checkout / "examples" / name, project)
        variables = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

        def run(*command, code=0):
            done = subprocess.run(
                command, cwd=project, env=variables, capture_output=True, text=True, check=False
            )
            if command[1] == "build" and done.returncode == 4 and name == "torch_images":
                pytest.skip(f"torch cannot be resolved here: {done.stderr}")  # from its own index
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout

        return project, run

    return copied


@pytest.mark.engine
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_becomes_an_image_that_answers_with_nothing_to_spare(
    name, engine, terminal, index
):
    pytest.importorskip("xgboost" if name == "xgboost_dataframe" else "sklearn")
    example = EXAMPLES[name]
    project, run = terminal(name)
    run("python", "train.py")
    for model, source in example.saves.items():
        run("bundle", "save", model, source, "--sample", example.sample)
    run("bundle", "build")
    tag = f"test/example-{example.bundle}:1"
    asked = ("--data", example.request, "--method", example.route.strip("/"), "--env", "current")
    expected = json.loads(run("bundle", "predict", example.bundle, *asked))
    made = json.loads(run("bundle", "containerize", example.bundle, "-t", tag, "--json"))
    assert made["image"]["tags"] == [tag]
    container = engine.client.containers.run(
        tag, detach=True, ports={"8080/tcp": ("127.0.0.1", None)}, **HARDENED
    )
    try:
        url = address(container)
        until_ready(container, url)
        body = (project / example.request).read_bytes()
        assert is_like(post(url + example.route, body, example.content_type), expected)
        checked = container.exec_run(["python3", "-m", "modelbundle.runtime.health"])
        assert checked.exit_code == 0, checked.output
        container.stop(timeout=20)
        assert container.wait()["StatusCode"] == 0, container.logs().decode()
    finally:
        container.remove(force=True)
        engine.client.api.remove_image(tag, force=True)


def test_the_example_in_torch_has_a_containerfile(terminal, index):
    """Its image is not built in a test: the packages are gigabytes where no wheels are at hand."""
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    _, run = terminal("torch_images")
    run("python", "train.py")
    run("bundle", "save", "digit_net", "train:model", "--sample", "sample.npy")
    run("bundle", "build")
    lines = run("bundle", "containerize", "digit-reader", "--print").splitlines()
    assert any(line.startswith("FROM ") for line in lines)
    assert "USER 65532:65532" in lines
    assert 'ENTRYPOINT ["python3", "-m", "modelbundle.runtime", "/opt/bundle"]' in lines
    copied = [line for line in lines if line.startswith("COPY ") and "/opt/bundle" in line]
    assert any("models/digit_net" in line for line in copied)


def address(container):
    container.reload()
    return f"http://127.0.0.1:{container.ports['8080/tcp'][0]['HostPort']}"


def until_ready(container, url, *, seconds=60):
    for _ in range(seconds * 10):
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
        container.reload()
        assert container.status == "running", container.logs().decode()
    pytest.fail(f"not ready within {seconds} s: {container.logs().decode()}")


def post(url, body, content_type):
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def is_like(got, expected):
    """Equal, but for the last digits of what another machine computes."""
    if isinstance(expected, float):
        return math.isclose(got, expected, rel_tol=1e-4, abs_tol=1e-6)
    if isinstance(expected, dict):
        return got.keys() == expected.keys() and all(is_like(got[k], expected[k]) for k in got)
    if isinstance(expected, list):
        return len(got) == len(expected) and all(map(is_like, got, expected))
    return got == expected
