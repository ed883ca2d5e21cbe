"""A server process, from its start to its last answer."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from modelbundle.runtime.manifests.bundle_manifest import bundle_digest
from modelbundle.runtime.process.supervising.supervisor import SIGNAL_GAP

from ...conftest import Sums, wait_until
from ..watched import children, readiness


def ended(server):
    """Exit code, and what was said on stderr as lines."""
    return server.process.wait(90), server.log().splitlines()


def test_it_says_where_it_serves_once_it_does(sums, servers):
    server = servers.start(sums())
    messages = [json.loads(line)["message"] for line in server.log().splitlines()]
    assert any(m.startswith(f"Serving `demo` on {server.url} (ready in ") for m in messages)


def test_sigterm_lets_running_requests_finish_while_readyz_says_503(sums, servers):
    server = servers.start(sums())
    with server.holding() as answers:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: readiness(server) == (503, "draining"))
    assert server.process.wait(90) == 0
    assert answers[0].json() == {"predictions": [-5.0]}
    assert answers[0].headers["connection"] == "close"
    assert server.noted(answers[0].headers["x-request-id"])[0]["status"] == 200


def test_sigterm_turns_readyz_to_503_while_requests_are_still_answered(sums, servers):
    server = servers.start(sums())
    with server.client() as idle:
        idle.get("/livez")  # somebody to wait for
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: readiness(server) == (503, "draining"))
        with server.client() as client:
            assert client.get("/readyz").headers["connection"] == "close"
            assert client.post("/predict", json={"instances": [[1, 2]]}).status_code == 200
    assert server.process.wait(90) == 0


BODY = b'{"instances": [[1, 2]]}'
REQUEST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Caller:
    """Asks without end, keeps its connection until told otherwise, and never asks twice."""

    def __init__(self, server):
        self.server = server
        self.answered = 0
        self.lost = 0

    def call(self):
        """Ask until nobody listens any more; what was never sent is not lost."""
        while not self.lost:
            try:
                sock = self.server.connect()
            except OSError:
                return
            with sock:
                self.use(sock)

    def use(self, sock):
        received = b""
        while b"connection: close" not in received:
            try:
                sock.sendall(REQUEST)
                received = b""
                while b"[3.0]" not in received:
                    data = sock.recv(1 << 16)
                    if not data:
                        raise ConnectionError
                    received += data
            except OSError:
                self.lost += 1
                return
            self.answered += 1


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_loses_no_request_of_clients_that_never_repeat_one(sums, servers, workers):
    server = servers.start(sums(), f"--workers={workers}")
    callers = [Caller(server) for _ in range(32)]
    threads = [threading.Thread(target=caller.call) for caller in callers]
    for thread in threads:
        thread.start()
    wait_until(lambda: sum(caller.answered for caller in callers) > 100)
    assert server.stop() == 0
    for thread in threads:
        thread.join()
    assert sum(caller.lost for caller in callers) == 0


def test_without_clients_it_ends_at_once(sums, servers):
    server = servers.start(sums())
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5


def test_ctrl_c_ends_it_quietly_with_130(sums, servers):
    server = servers.start(sums())
    assert server.stop(signal.SIGINT) == 130
    assert "Traceback" not in server.log()


def test_a_second_signal_does_not_wait(sums, servers):
    server = servers.start(sums(), "--isolation=thread")
    with server.holding() as answers:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: readiness(server) == (503, "draining"))
        time.sleep(2 * SIGNAL_GAP)  # so soon it would be the same one
        assert server.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    assert isinstance(answers[0], httpx.TransportError)


def test_a_taken_port_is_one_line(sums, servers):
    bundle = sums()
    first = servers.start(bundle)
    second = servers.start(bundle, f"--port={first.port}", wait=False)
    code, lines = ended(second)
    assert code == 1
    assert lines == [
        f"error: Cannot listen on 127.0.0.1 port {first.port}: Address already in use.",
        "hint: Choose another with `--port`, or 0 for any free one.",
    ]


def test_a_bundle_that_nobody_vouched_for_is_not_loaded(sums, servers):
    code, lines = ended(servers.start(sums(), wait=False, trusted=False))
    assert code == 5
    assert "would run code" in lines[0]
    assert "builtins.print" in lines[0]
    assert "--trust" in lines[1]


def test_trust_can_be_given_for_one_start(sums, servers):
    assert servers.start(sums(), "--trust", trusted=False).post([[1, 2]]).status_code == 200


def test_damaged_weights_are_not_loaded(sums, servers):
    bundle = sums()
    weights = bundle / "models" / "sums" / "model.pkl"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    code, lines = ended(servers.start(bundle, wait=False))
    assert code == 6
    assert lines[0] == (
        "error: `models/sums/model.pkl` differs from its digest; the bundle is damaged."
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_cannot_be_loaded_ends_it_with_one_line(make_bundle, broken, servers, workers):
    server = servers.start(make_bundle(broken), f"--workers={workers}", wait=False)
    code, lines = ended(server)
    assert code == 1
    errors = [line for line in lines if line.startswith("error:")]
    assert len(errors) == 1
    assert "cannot be loaded" in errors[0]


def test_gpu_without_a_driver_is_refused(sums, servers):
    code, lines = ended(servers.start(sums(), "--gpu", wait=False, env={"PATH": os.devnull}))
    assert code == 8
    assert lines[0] == "error: `--gpu` needs an NVIDIA driver, and there is no `nvidia-smi` here."


def test_gpu_is_refused_where_no_model_has_a_use_for_it(sums, servers):
    bundle = sums()
    manifest = bundle / "bundle.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"framework":"generic"', '"framework":"sklearn"'))
    assert manifest.read_text() != text
    code, lines = ended(servers.start(bundle, "--gpu", wait=False))
    assert code == 8
    assert lines[0].startswith("error: `--gpu` was given, but sklearn models run on CPUs only.")


def test_no_bundle_is_said_in_one_line(tmp_path):
    command = [sys.executable, "-m", "modelbundle.runtime", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == f"error: There is no `bundle.json` in `{tmp_path}`.\n"


@pytest.mark.parametrize("option", ["--port=99999", "--workers=0", "--gpu=x", "--nonsense"])
def test_a_wrong_option_is_a_usage_error(tmp_path, option):
    command = [sys.executable, "-m", "modelbundle.runtime", tmp_path, option]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 2


def first_sign(server):
    """What it says to /livez as soon as it says anything."""
    while True:
        try:
            return server.get("/livez")
        except httpx.TransportError:
            assert server.process.poll() is None, server.log()
            time.sleep(0.02)


def test_while_it_loads_it_is_alive_and_not_ready(make_bundle, slow, servers):
    server = servers.start(make_bundle(slow), wait=False)
    assert first_sign(server).status_code == 200
    ready = server.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["reason"] == "loading `sums`"
    early = server.post([[1, 2]])
    assert (early.status_code, early.headers["retry-after"]) == (503, "1")
    assert "loading `sums`" in early.json()["error"]
    server.gate.touch()
    servers.await_ready(server)
    assert server.post([[1, 2]]).status_code == 200


def test_it_can_be_stopped_while_it_loads(make_bundle, slow, servers):
    server = servers.start(make_bundle(slow), wait=False)
    first_sign(server)
    assert server.stop() == 0


def test_port_zero_is_any_free_one_and_the_environment_names_one_too(sums, servers):
    bundle = sums(port=1)
    command = [sys.executable, "-m", "modelbundle.runtime", bundle, "--trust"]
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    process = subprocess.Popen(
        command, env=os.environ | {"AIP_HTTP_PORT": str(port)}, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stderr:
            if "Serving" in line:
                assert f"http://127.0.0.1:{port} " in line
                break
    finally:
        process.terminate()
        process.communicate()


SERVER = """
from pathlib import Path

from modelbundle.runtime.server import Route, Server

server = Server(
    Path(__file__).parent, routes=[Route("/add", method="predict", model="sums", max_batch_size=8)]
)
app = server.app

if __name__ == "__main__":
    server.main()
"""


def test_a_bundle_can_be_moved_and_served_by_its_own_server_py(sums, tmp_path_factory):
    bundle = tmp_path_factory.mktemp("moved") / "bundle"
    shutil.move(sums(), bundle)
    (bundle / "server.py").write_text(SERVER)
    command = [sys.executable, bundle / "server.py", "--port=0", "--trust"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "Serving" in line)
        url = line.split(" on ")[1].split(" ")[0]
        answer = httpx.post(
            url + "/add", json={"instances": [[1, 2]]}, timeout=90, trust_env=False, verify=False
        )
        assert answer.json() == {"predictions": [3.0]}
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize("trusted", [True, False])
def test_any_asgi_server_can_serve_a_bundle_or_learns_why_not(sums, trusted):
    bundle = sums()
    (bundle / "server.py").write_text(SERVER)
    trust = {"BUNDLE_TRUST": bundle_digest(bundle)} if trusted else {}
    command = [sys.executable, "-m", "uvicorn", "server:app", "--port=0"]
    process = subprocess.Popen(
        command, cwd=bundle, env=os.environ | trust, stderr=subprocess.PIPE, text=True
    )
    try:
        said = []
        for line in process.stderr:  # which ends with the process, whatever ends it
            said.append(line)
            if "running on" in line or "Exiting." in line:
                break
        if trusted:
            url = said[-1].split(" on ")[1].split(" ")[0]
            answer = httpx.post(
                url + "/add",
                json={"instances": [[1, 2]]},
                timeout=90,
                trust_env=False,
                verify=False,
            )
            assert answer.json() == {"predictions": [3.0]}
        else:
            assert "not trusted on this machine" in "".join(said)
            assert process.wait(90) == 3
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGQUIT, 128 + signal.SIGQUIT)]
)
def test_a_signal_to_the_whole_group_loses_nothing(sums, servers, number, code):
    """A service manager sends SIGTERM to every process of a service at once, a terminal SIGQUIT."""
    server = servers.start(sums())
    with server.holding() as answers:
        family = [server.process.pid, *children(server.process.pid)]
        for pid in (*family, *family[:1]):
            os.kill(pid, number)
    assert server.process.wait(90) == code
    assert [answer.status_code for answer in answers] == [200]


def test_who_is_told_of_another_server_where_none_can_be_lets_everybody_in_who_has_come(
    sums, servers
):
    server = servers.start(sums(), "--isolation=thread")
    with server.connect() as early, server.connect() as late:
        early.sendall(REQUEST)
        assert early.recv(1 << 16).startswith(b"HTTP/1.1 200")
        server.process.send_signal(signal.SIGUSR1)
        late.sendall(REQUEST)
        assert late.recv(1 << 16).startswith(b"HTTP/1.1 200")
    assert server.process.wait(90) == 128 + signal.SIGUSR1


class Hangs(Sums):
    """Never comes back from a row that begins with -5."""

    def predict(self, rows):
        import os
        import threading
        from pathlib import Path

        if (rows[:, 0] == -5).any():
            Path(os.environ["GATE"] + ".begun").touch()
            threading.Event().wait()
        return rows.sum(axis=1)


def test_a_front_in_one_of_whose_threads_a_model_hangs_is_replaced(
    make_bundle, servers, in_threads
):
    """Whoever has asked it for something else, such as to load a model, is answered, too."""
    bundle = make_bundle(Hangs(), timeout=3, model_control="explicit")
    server = servers.start(bundle, "--isolation=thread", "--workers=1")
    assert server.post([[1, 2]]).json() == {"predictions": [3.0]}

    def ask(first):
        if first:
            return server.post([[first, 2]]).status_code
        wait_until(server.begun.exists)
        return server.post([], "/v2/repository/models/sums/load").status_code

    *answers, loaded = in_threads(ask, [-5, 1, 2, 3, 0])
    assert set(answers) <= {200, 503, 504}
    assert loaded == 503
    wait_until(lambda: "starting another" in server.log())
    wait_until(lambda: server.post([[1, 2]]).status_code == 200)
    assert "more than" in server.log()
    assert server.stop() == 0
