"""Health: what an engine asks of the container every few seconds."""

import http.server
import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from modelbundle.runtime import health


@contextmanager
def serving(status, body=b"{}"):
    """A server on loopback that always answers the same; its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/readyz" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_ready_server_is_healthy():
    """200 and nothing else."""
    with serving(200) as port:
        assert health.ask(port) is None


def test_a_server_that_is_not_ready_says_why():
    """`docker inspect` shows the reason."""
    with serving(503, b'{"status":"loading"}') as port:
        assert health.ask(port) == '503 {"status":"loading"}'


def test_nobody_there_is_unhealthy():
    """A refused connection is an answer, not a traceback."""
    assert "does not answer" in health.ask(1)


@pytest.mark.parametrize(
    ("arguments", "environment", "settings", "port"),
    [
        (["python", "-m", "x", "--port", "1"], {"PORT": "2"}, 3, 1),
        (["python", "--port=1"], {"PORT": "2"}, 3, 1),
        (["python"], {"PORT": "2", "AIP_HTTP_PORT": "4"}, 3, 2),
        (["python"], {"AIP_HTTP_PORT": "4"}, 3, 4),
        (["python"], {"SAGEMAKER_BIND_TO_PORT": "5"}, 3, 5),
        (["python", "--port"], {}, 3, 3),
        ([], {"PORT": "x"}, 3, 3),
        ([], {}, None, 8080),
    ],
)
def test_it_asks_where_the_server_listens(tmp_path, arguments, environment, settings, port):
    """Command line, environment, bundle, 8080: the order of the server itself."""
    if settings:
        (tmp_path / "bundle.json").write_text(json.dumps({"serve": {"port": settings}}))
    assert health.port(arguments, environment, tmp_path) == port


def test_the_order_is_that_of_the_server():
    """The list is repeated only because importing the settings would cost more than asking."""
    from modelbundle.runtime.process.sockets import address

    assert health.VARIABLES == address.VARIABLES


def test_the_command_exits_with_the_answer(tmp_path):
    """As the image's HEALTHCHECK runs it."""
    command = [sys.executable, "-m", "modelbundle.runtime.health"]
    with serving(200) as port:
        done = subprocess.run(command, cwd=tmp_path, env={"PORT": str(port)}, check=False)
    assert done.returncode == 0
    done = subprocess.run(
        command, cwd=tmp_path, env={"PORT": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.startswith("Port 1 does not answer")


def test_it_imports_none_of_the_server():
    """It runs every few seconds, beside the model."""
    code = "import sys, modelbundle.runtime.health; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "starlette", "uvicorn", "orjson"} & set(loaded)
