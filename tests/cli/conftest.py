"""The command line as a person uses it: a process, its two streams and its exit code."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .warm_commands import BUNDLE, run_warm, start_serve, warm_commands

TRAIN = """
import numpy as np
from sklearn.linear_model import LogisticRegression

rows = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [3.0, 3.0]])
model = LogisticRegression().fit(rows, ["no", "yes", "no", "yes"])
"""
PLAIN = '''
class Doubler:
    """Twice each number, without a library that takes long to import."""

    def predict(self, rows):
        return [[2 * number for number in row] for row in rows]


model = Doubler()
'''
SERVICE = """
import modelbundle as mb


@mb.service
class Twice:
    def __init__(self):
        self.model = mb.model("double")

    @mb.api
    def double(self, text: str) -> str:
        return text + text
"""


@dataclass(frozen=True)
class Run:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.out.count("\n") == 1, f"not one object on stdout: {self.out!r}"
        return json.loads(self.out)


def run(*arguments, cwd, code=0, stdin=None, fresh=False, **variables):
    """Run one command; its exit code must be `code`, and nobody ever sees a traceback.

    It is forked from a process that has imported it, unless it is to be a `fresh` one.
    """
    line, environment = [*map(str, arguments)], os.environ | variables
    if not fresh and warm_commands().takes(environment):
        found = Run(*run_warm(line, cwd=cwd, environment=environment, stdin=stdin or ""))
    else:
        found = _run_fresh(line, cwd, environment, stdin or "")
    assert "Traceback" not in found.err, found.err
    assert found.code == code, f"{found.code}: {found.out}\n{found.err}"
    return found


def _run_fresh(line, cwd, environment, stdin):
    done = subprocess.run(
        [BUNDLE, *line],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        input=stdin,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def bundle(tmp_path):
    """Run a command in `tmp_path`, on the test's own store."""
    return partial(run, cwd=tmp_path)


@pytest.fixture(scope="session")
def first_saves(tmp_path_factory):
    """A model's tag and a store that has nothing but it, by its name: saved once, and copied."""
    made = {}

    def save(name, write):
        if name not in made:
            project, home = tmp_path_factory.mktemp(name), tmp_path_factory.mktemp("first")
            write(project)
            sample = ("--sample", "sample.json", "--json")
            told = run("save", name, "train:model", *sample, cwd=project, BUNDLE_HOME=str(home))
            made[name] = told.json["tag"], home
        return made[name]

    return save


@pytest.fixture
def saves(first_saves, home):
    """Have the test's own store begin with a model; its tag."""

    def save(name, write):
        tag, first = first_saves(name, write)
        assert not any(home.iterdir())
        shutil.copytree(first, home, symlinks=True, dirs_exist_ok=True)
        return tag

    return save


@pytest.fixture
def trained(tmp_path):
    """A directory with a scikit-learn `train.py`, a sample and a two-line bundlefile."""
    write_trained(tmp_path)
    return tmp_path


@pytest.fixture
def saved(saves, trained):
    """The tag of a saved model."""
    return saves("answer", write_trained)


@pytest.fixture
def plain(tmp_path):
    """A directory with a `train.py` that imports nothing, a sample and a bundlefile."""
    write_plain(tmp_path)
    return tmp_path


@pytest.fixture
def double(saves, plain):
    """The tag of a model saved from `plain`."""
    return saves("double", write_plain)


@pytest.fixture(name="serving")
def serving_here(tmp_path):
    """Serve a target in `tmp_path` until the block ends."""
    return partial(serving, cwd=tmp_path)


@pytest.fixture(name="started")
def started_here(tmp_path):
    """Start any command in `tmp_path`; it is ended with the block."""
    return partial(started, cwd=tmp_path)


@pytest.fixture(name="write_key")
def write_key_here():
    """Write a key pair."""
    return write_key


@pytest.fixture(name="eventually")
def eventually_here():
    """Wait for a claim to come true."""
    return eventually


def write_trained(directory):
    (directory / "train.py").write_text(TRAIN)
    (directory / "sample.json").write_text("[[0.0, 0.5], [2.0, 2.0]]")
    (directory / "bundlefile.yaml").write_text("name: answer\nmodels: [answer]\ninclude: []\n")


def write_plain(directory):
    (directory / "train.py").write_text(PLAIN)
    (directory / "sample.json").write_text("[[0.0, 0.5], [2.0, 2.0]]")
    (directory / "bundlefile.yaml").write_text("name: twice\nmodels: [double]\ninclude: []\n")


def write_key(path):
    """A private key and, beside it, its public half: `key.pem` and `key.pub`."""
    key = ec.generate_private_key(ec.SECP256R1())
    secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, *secret))
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    data = key.public_key().public_bytes(serialization.Encoding.PEM, public)
    path.with_suffix(".pub").write_bytes(data)


@dataclass(frozen=True)
class Shop:
    """A project, and a store with its model `double` and its bundle `twice`."""

    project: Path
    home: Path
    model: str
    built: dict

    def __call__(self, *arguments, **given):
        return run(*arguments, cwd=self.project, BUNDLE_HOME=str(self.home), **given)

    def serving(self, *arguments, **given):
        return serving(*arguments, cwd=self.project, BUNDLE_HOME=str(self.home), **given)

    def started(self, *arguments, **given):
        return started(*arguments, cwd=self.project, BUNDLE_HOME=str(self.home), **given)

    @property
    def tag(self):
        return self.built["tag"]


@pytest.fixture(scope="session")
def shop(tmp_path_factory, index):
    """Made once, for tests that only look at it or run it."""
    project, home = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("shop")
    write_plain(project)
    write_key(project / "key.pem")
    command = partial(run, cwd=project, BUNDLE_HOME=str(home))
    sample = ("--sample", "sample.json")
    model = command("save", "double", "train:model", *sample, "--json").json["tag"]
    return Shop(project, home, model, command("build", "--json").json)


@pytest.fixture
def copy(tmp_path):
    """Make a shop that a test may change."""

    def copied(shop):
        project, home = tmp_path / "project", tmp_path / "home"
        shutil.copytree(shop.project, project)
        shutil.copytree(shop.home, home, symlinks=True)
        return replace(shop, project=project, home=home)

    return copied


@dataclass
class Server:
    """A running `bundle serve`."""

    process: subprocess.Popen
    ready: dict
    talk: list

    @property
    def url(self):
        return self.ready["url"]

    def post(self, path, data):
        request = urllib.request.Request(
            self.url + path, json.dumps(data).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(90)


@contextmanager
def serving(*arguments, cwd, **variables):
    """A server that is ready, on a free port; stopped at the end."""
    with started("serve", *arguments, "--port=0", "--json", cwd=cwd, **variables) as (
        process,
        talk,
    ):
        line = process.stdout.readline()
        assert line, "".join(talk)
        yield Server(process, json.loads(line), talk)


@contextmanager
def started(*arguments, cwd, **variables):
    """A command in the background and, line by line, what it says on stderr."""
    process = _in_background([*map(str, arguments)], cwd, os.environ | variables)
    talk = []
    reader = threading.Thread(target=lambda: talk.extend(process.stderr), daemon=True)
    reader.start()
    try:
        yield process, talk
    finally:
        process.terminate()
        process.wait(90)
        reader.join(90)
        process.stdout.close()
        process.stderr.close()


def _in_background(line, cwd, environment):
    if line[0] == "serve" and (program := start_serve(line, cwd=cwd, environment=environment)):
        return program
    return subprocess.Popen(
        [BUNDLE, *line],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def eventually(claim, seconds=90):
    """Wait until `claim()` is true; it is asked again and again."""
    deadline = time.monotonic() + seconds
    while not (found := claim()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return found
