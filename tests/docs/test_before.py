"""docs/migrating: what stands under "Before" runs with the server that it is of, and answers so.

Each server has an environment of its own. TensorFlow Serving's is an image, TorchServe needs Java,
and Ray starts too many processes to be a part of the tests: of those, only the form of the code is
tested, in `test_dialect_pages`.
"""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
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


@dataclass(frozen=True)
class Server:
    """How to run a page's "Before".

    requirements   what is installed for it
    file           what its code is called in the page's command
    prepare        what is run first, after the model was trained
    """

    requirements: tuple
    file: str
    prepare: str = ""


SERVERS = {
    "bentoml": Server(
        environments.BENTOML,
        "service.py",
        prepare="import bentoml\nbentoml.sklearn.save_model('iris', model)\n",
    ),
    "fastapi": Server(environments.FASTAPI, "app.py"),
    "kserve": Server(environments.KSERVE, "predictor.py"),
    "litserve": Server(environments.LITSERVE, "server.py"),
    "mlserver-seldon": Server(environments.MLSERVER_SKLEARN, "model-settings.json"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_what_was_before_runs(name, judge, tmp_path, checkout):  # noqa: F811
    """Whoever migrates compares the two; neither is to be made up."""
    server = SERVERS[name]
    python = judge(server.requirements).python
    page = (checkout / "docs" / "migrating" / f"{name}.md").read_text()
    before = page.partition("\n## Before\n")[2].partition("\n## After\n")[0]
    (text,) = re.findall(r"```(?:python|json)\n(.*?)```", before, re.DOTALL)
    (started, _), *asked = story(before)
    port = str(free_port())
    (tmp_path / server.file).write_text(text.replace("8080", port))
    if name.startswith("mlserver"):
        (tmp_path / "settings.json").write_text(_settings(port))
    environment = _environment(python, tmp_path)
    train = [python, "-c", TRAIN + server.prepare]
    subprocess.run(train, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert asked
    with _running([each.replace("8080", port) for each in started], tmp_path, environment) as run:
        for request, shown in asked:
            answer = _told(request, port, run)
            assert is_like(_plain(answer), _plain(json.loads(shown))), answer


def _settings(port):
    """MLServer's ports, of which the page needs no others than the usual ones."""
    ports = {"http_port": int(port), "grpc_port": free_port(), "metrics_port": free_port()}
    return json.dumps(ports | {"parallel_workers": 0})


def _environment(python, home):
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    own.pop("PYTHONPATH", None)
    path = f"{python.parent}{os.pathsep}{own['PATH']}"
    quiet = {"BENTOML_DO_NOT_TRACK": "1"}
    return own | quiet | {"PATH": path, "HOME": str(home), "BENTOML_HOME": str(home / "bentoml")}


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
            os.killpg(self.process.pid, signal.SIGTERM)
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
