"""`bundle predict`: one request to a server, or to a bundle that is started for it."""

import json as jsonlib
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..runtime.errors import BundleError
from .choice import environment_mode
from .completion import any_tags
from .console import Console
from .options import Env, Json, Offline, Quiet, Trust

if TYPE_CHECKING:
    from ..bundler.serving import Wish

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="A server's URL, a tag or a project.", autocompletion=any_tags
    ),
]
Data = Annotated[
    str, typer.Option("--data", "-d", metavar="FILE|-", help="The body: json, csv, npy, image.")
]
Method = Annotated[str, typer.Option("--method", "-m", help="Route to ask.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the answer.")]
TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".npy": "application/x-npy",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".txt": "text/plain",
}
PATIENCE = 120  # seconds until a server must be ready


def predict(
    target: Target,
    data: Data = "-",
    method: Method = "predict",
    timeout: Timeout = 30.0,
    env: Env = "auto",
    trust: Trust = False,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask for a prediction and print the answer.

    Examples:

      bundle predict http://127.0.0.1:8080 --data request.json

      echo '{"instances": [[1, 2]]}' | bundle predict model:iris
    """
    from ..bundler.serving import Wish

    console = Console(json=json, quiet=quiet)
    body, content_type = _body(data)
    wish = Wish(environment_mode(env), trust=trust, offline=offline)
    with _server(target, wish, console) as address:
        url = f"{address}/{method.lstrip('/')}"
        console.write(_post(url, body, content_type, timeout).rstrip("\n"))


def _body(data: str) -> tuple[bytes, str]:
    if data == "-":
        return _wrapped(sys.stdin.buffer.read()), TYPES[".json"]
    path = Path(data)
    try:
        body = path.read_bytes()
    except OSError as error:
        raise BundleError(f"`{path}` cannot be read: {error.strerror}.") from error
    content_type = TYPES.get(path.suffix.lower(), "application/octet-stream")
    return (_wrapped(body) if path.suffix == ".json" else body), content_type


def _wrapped(body: bytes) -> bytes:
    """A bare list of rows, as `--sample` takes it, is wrapped as the wire wants it."""
    try:
        data = jsonlib.loads(body)
    except ValueError:
        return body  # the server says what is wrong with it
    return jsonlib.dumps({"instances": data}).encode() if isinstance(data, list) else body


@contextmanager
def _server(target: str, wish: "Wish", console: Console) -> Iterator[str]:
    if target.startswith(("http://", "https://")):
        yield target.rstrip("/")
        return
    from ..bundler.serving import prepare
    from ..bundler.store import Store
    from . import process

    port = _free_port()
    options = [f"--port={port}", "--host=127.0.0.1"]
    with (
        prepare(target, Store.default(), wish, console) as launch,
        tempfile.NamedTemporaryFile(suffix=".log") as log,
    ):
        child = process.start(launch.command(options), launch.variables(), log=Path(log.name))
        try:
            _wait(f"http://127.0.0.1:{port}", child, Path(log.name))
            yield f"http://127.0.0.1:{port}"
        finally:
            child.terminate()
            child.wait()


def _wait(address: str, child: Any, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise _failure(log, child.returncode)
        try:
            _get(f"{address}/readyz")
        except OSError:
            time.sleep(0.03)
            continue
        return
    raise BundleError(f"The server was not ready within {PATIENCE} s.")


class _Failed(BundleError):
    """The server said why it could not start."""


def _failure(log: Path, code: int) -> BundleError:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    message = next((line for line in lines if line.startswith("error: ")), "\n".join(lines[-3:]))
    hint = next((line for line in lines if line.startswith("hint: ")), None)
    error = _Failed(
        message.removeprefix("error: ") or "The server did not start.",
        hint=hint.removeprefix("hint: ") if hint else None,
    )
    error.exit_code = code if code > 0 else 1
    return error


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _get(url: str) -> None:
    from urllib.request import urlopen

    with urlopen(url, timeout=2):  # noqa: S310 - our own server
        pass


def _post(url: str, body: bytes, content_type: str, timeout: float) -> str:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    request = Request(url, body, {"content-type": content_type})  # noqa: S310 - checked by _server
    try:
        with urlopen(request, timeout=timeout) as response:  # noqa: S310
            return str(response.read().decode())
    except HTTPError as error:
        raise BundleError(f"{error.code}: {_detail(error.read())}") from error
    except (URLError, TimeoutError) as error:
        raise BundleError(f"`{url}` does not answer: {error}.") from error


def _detail(body: bytes) -> str:
    try:
        return str(jsonlib.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:500].decode("utf-8", "replace")
