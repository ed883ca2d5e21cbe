"""Each example: what its README says, and its image, run with nothing to spare."""

import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
EXAMPLES = ("sklearn_digits", "xgboost_dataframe", "torch_images", "two_models")
HARDENED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "user": "12345",
}
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # models as small are trained with less work
CURRENT = ("--env", "current")  # the libraries are here; a locked environment is tested elsewhere


def story(readme):
    """The commands in the console blocks, each with the output that is shown below it."""
    found = []
    for block in re.findall(r"```console\n(.+?)```", readme, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            count = next(n for n in range(1, len(lines) + 1) if is_whole("\n".join(lines[:n])))
            typed = "\n".join(lines[:count]).replace("\\\n", " ")
            command = shlex.split(typed, comments=True)
            found.append((command, "\n".join(lines[count:]).strip()))
    return found


def is_whole(command):
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quote is still open
        return False
    return not command.endswith("\\")


@dataclass
class Terminal:
    """Where a reader types; servers run until it is closed."""

    project: Path
    home: Path
    closing: ExitStack = field(default_factory=ExitStack)
    url: str = ""
    bundle: str = ""  # the one that is served
    request: urllib.request.Request = None  # the last one, and its answer
    answer: str = ""

    def type(self, command):
        """Run a command as the README has it, apart from ports, environments and engines."""
        match command:
            case ["bundle", "serve", *rest]:
                return self.serve([*rest, *(() if "--env" in rest else CURRENT)])
            case ["bundle", "test", *rest]:
                return self.run("bundle", "test", *rest, *(() if "--env" in rest else CURRENT))
            case ["bundle", "containerize", *rest]:
                return self.run("bundle", "containerize", *rest, "--print")
            case ["curl", *rest]:
                return self.curl(rest)
        return self.run(*command)

    def run(self, *command):
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        needs_torch = (self.project / "net.py").exists()
        if command[:2] == ("bundle", "build") and done.returncode == 4 and needs_torch:
            pytest.skip(f"torch cannot be resolved here: {done.stderr}")  # from its own index
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def serve(self, arguments):
        self.bundle = arguments[0]
        server = self.closing.enter_context(
            subprocess.Popen(
                ["bundle", "serve", *arguments, "--port=0", "--json"],
                cwd=self.project,
                env=self.variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        self.closing.callback(server.terminate)
        said = json.loads(server.stdout.readline())
        assert "url" in said, said
        self.url = said["url"]
        return ""

    def curl(self, arguments):
        """Ask as curl would, without needing it."""
        body, headers, path = b"", {}, ""
        rest = iter(arguments)
        for argument in rest:
            if argument in {"-d", "--data-binary"}:
                value = next(rest)
                body = (
                    (self.project / value[1:]).read_bytes()
                    if value.startswith("@")
                    else value.encode()
                )
            elif argument == "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            else:
                path = argument.removeprefix("http://127.0.0.1:8080")
        self.request = urllib.request.Request(self.url + path, body or None, headers)
        self.answer = asked(self.request)
        return self.answer

    @property
    def variables(self):
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        return os.environ | ONE_THREAD | {"BUNDLE_HOME": str(self.home), "PATH": path}


def asked(request):
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One for all examples, as a reader has it: packages are unpacked and compiled only once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module", params=EXAMPLES)
def typed(request, tmp_path_factory, store, checkout, index):
    """A terminal after all commands of a README, and each command with what it shows and said."""
    project = tmp_path_factory.mktemp("example") / request.param
    shutil.copytree(checkout / "examples" / request.param, project)
    told = story((project / "README.md").read_text(encoding="utf-8"))
    with ExitStack() as closing:
        terminal = Terminal(project, store, closing)
        done = [(command, shown, terminal.type(command)) for command, shown in told]
    return terminal, done


def test_the_readme_of_an_example_is_true(typed):
    _, done = typed
    verbs = {tuple(command[:2]) for command, _, _ in done}
    assert verbs >= {("bundle", verb) for verb in ("save", "build", "test", "serve")}

    for command, shown, answer in done:
        if command[0] == "curl":
            value = json.loads(answer)
            assert not shown or is_like(value, json.loads(shown)), answer


def test_an_example_has_a_containerfile(typed):
    terminal, _ = typed
    lines = terminal.run("bundle", "containerize", terminal.bundle, "--print").splitlines()
    assert any(line.startswith("FROM ") for line in lines)
    assert "USER 65532:65532" in lines
    assert 'ENTRYPOINT ["python3", "-m", "modelbundle.runtime", "/opt/bundle"]' in lines
    copied = [line for line in lines if line.startswith("COPY ") and "/opt/bundle" in line]
    assert any("models/" in line for line in copied)


@pytest.mark.engine
def test_an_example_becomes_an_image_that_answers_with_nothing_to_spare(engine, typed):
    """The image answers what the server of the README answered."""
    terminal, _ = typed
    if terminal.project.name == "torch_images":
        pytest.skip("its packages are gigabytes where no wheels are at hand")
    tag = f"test/example-{terminal.bundle}:1"
    told = terminal.run("bundle", "containerize", terminal.bundle, "-t", tag, "--json")
    assert json.loads(told)["image"]["tags"] == [tag]
    container = engine.client.containers.run(
        tag, detach=True, ports={"8080/tcp": ("127.0.0.1", None)}, **HARDENED
    )
    try:
        url = address(container)
        until_ready(container, url)
        once = terminal.request
        answer = json.loads(
            asked(urllib.request.Request(url + once.selector, once.data, once.headers))
        )
        assert is_like(answer, json.loads(terminal.answer), 1e-4)
        checked = container.exec_run(["python3", "-m", "modelbundle.runtime.health"])
        assert checked.exit_code == 0, checked.output
        container.stop(timeout=20)
        assert container.wait()["StatusCode"] == 0, container.logs().decode()
    finally:
        container.remove(force=True)
        engine.client.api.remove_image(tag, force=True)


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


def is_like(got, shown, tolerance=0.02):
    """Equal, but for what another machine computes a little otherwise."""
    if isinstance(shown, float):
        return math.isclose(got, shown, rel_tol=1e-4, abs_tol=tolerance)
    if isinstance(shown, dict):
        return got.keys() == shown.keys() and all(
            is_like(got[key], shown[key], tolerance) for key in shown
        )
    if isinstance(shown, list):
        pairs = zip(got, shown, strict=False)
        return len(got) == len(shown) and all(is_like(*pair, tolerance) for pair in pairs)
    return got == shown


def test_every_example_is_in_the_list_and_in_this_test(checkout):
    folders = {path.parent.name for path in (checkout / "examples").glob("*/README.md")}

    assert folders == set(EXAMPLES)
    listed = (checkout / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(f"({name})" in listed for name in folders)


def test_the_demo_tells_its_story_to_the_end(checkout, index):
    done = subprocess.run(
        [sys.executable, checkout / "examples" / "demo.py"],
        capture_output=True,
        text=True,
        env=os.environ | ONE_THREAD,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "prediction: 2" in done.stdout
    assert "the server stopped with exit code 0" in done.stdout
    assert done.stdout.count("  took ") == 6


def test_a_step_of_the_demo_that_does_not_come_back_is_ended_and_told(checkout):
    done = subprocess.run(
        [sys.executable, checkout / "examples" / "demo.py"],
        capture_output=True,
        text=True,
        env=os.environ | {"DEMO_STEP_SECONDS": "0.01"},
        timeout=120,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("error: `python train.py` took longer than 0.01 seconds")
    assert "hint: " in done.stderr
    assert "bundle save" not in done.stdout
