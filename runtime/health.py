"""The health check of an image: `python -m modelbundle.runtime.health`.

For the image's HEALTHCHECK: exit 0 when `/readyz` answers 200, else 1 and one line that says why.
It imports little, because it runs every few seconds.
"""

import http.client
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

VARIABLES = ("PORT", "AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT")
"""As in `address`, which would import the settings and more."""
TIMEOUT = 4.0  # seconds; the HEALTHCHECK itself gives five


def main() -> int:
    """Ask the server, and print what is wrong."""
    trouble = ask(port(_server_arguments(), os.environ, Path.cwd()))
    if trouble:
        sys.stdout.write(trouble + "\n")  # `docker inspect` shows it
    return 1 if trouble else 0


def ask(number: int) -> str | None:
    """What is wrong with the server at this port of 127.0.0.1, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", number, timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read(1000).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"Port {number} does not answer: {error}."
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{answer.status} {text}"


def port(arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> int:
    """Where the server listens: its command line, then the environment, then the bundle."""
    for name, value in zip(arguments, [*arguments[1:], ""], strict=False):
        text = value if name == "--port" else name.removeprefix("--port=")
        if name.startswith("--port") and text.isdecimal():
            return int(text)
    for name in VARIABLES:
        if environment.get(name, "").isdecimal():
            return int(environment[name])
    try:
        return int(json.loads((directory / "bundle.json").read_bytes())["serve"]["port"])
    except (OSError, ValueError, LookupError, TypeError):
        return 8080


def _server_arguments() -> list[str]:
    """The command line of the container's first process, which is the server."""
    try:
        return Path("/proc/1/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
