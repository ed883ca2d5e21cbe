"""Engine: the container engine of this machine, found as its own command line would find it."""

import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ...errors import EngineUnavailable

PROBE = 10  # seconds for the first answer
PATIENCE = 3600  # seconds of silence in a push; layers of gigabytes are hashed without a word


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address where an engine may listen, and the setting that names it."""

    url: str
    source: str
    tls: Any = None

    def __str__(self) -> str:
        return f"{self.url} ({self.source})"


class Engine:
    """A connection to an engine that has answered; close it, or use it in a `with`."""

    def __init__(self, client: Any, endpoint: Endpoint, about: Mapping[str, Any]) -> None:
        self.client = client
        self.endpoint = endpoint
        self.name = _name(about)
        self.version = str(about.get("Version", "?"))
        self.platform = f"{about.get('Os', 'linux')}/{about.get('Arch', 'amd64')}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


def connect(environment: Mapping[str, str] = os.environ) -> Engine:
    """The first engine that answers.

    Raises:
        EngineUnavailable: with what was tried and why it failed.
    """
    tried = []
    for endpoint in endpoints(environment):
        trouble = _trouble(endpoint)
        engine = None if trouble else _open(endpoint)
        if isinstance(engine, Engine):
            return engine
        tried.append(f"{endpoint}: {trouble or engine}")
    lines = tried or ["None of the usual sockets of Docker and Podman is there."]
    raise EngineUnavailable(
        "\n  ".join(["No container engine answers.", *lines]),
        hint="Start Docker, or Podman with `systemctl --user start podman.socket`; set "
        "`DOCKER_HOST` where it listens elsewhere. `bundle containerize --print` needs none.",
    )


def endpoints(environment: Mapping[str, str]) -> list[Endpoint]:
    """The addresses to try: only the configured one, else the usual sockets."""
    if host := environment.get("DOCKER_HOST"):
        from docker.utils import kwargs_from_env

        tls = kwargs_from_env(environment=dict(environment)).get("tls")
        return [Endpoint(host, "DOCKER_HOST", tls)]
    context = _context(environment)
    if context is not None:
        return [context]
    if host := environment.get("CONTAINER_HOST"):
        return [Endpoint(host, "CONTAINER_HOST")]
    return list(_sockets(environment))


def _context(environment: Mapping[str, str]) -> Endpoint | None:
    """What `docker context use` or DOCKER_CONTEXT chose, unless it is the default one."""
    from docker.context import ContextAPI
    from docker.context.config import get_current_context_name
    from docker.errors import ContextException

    name = environment.get("DOCKER_CONTEXT") or get_current_context_name()
    if name == "default":
        return None
    try:
        context = ContextAPI.get_context(name)
    except (ContextException, OSError, ValueError, KeyError) as error:
        raise EngineUnavailable(f"The Docker context `{name}` cannot be read: {error}.") from error
    if context is None or not context.Host:
        raise EngineUnavailable(
            f"There is no Docker context `{name}`.",
            hint="See `docker context ls`, or unset DOCKER_CONTEXT.",
        )
    return Endpoint(context.Host, f"context {name}", context.TLSConfig)


def _sockets(environment: Mapping[str, str]) -> Iterator[Endpoint]:
    home = Path(environment.get("HOME") or "/")
    mine = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    places = {
        "Docker": Path("/var/run/docker.sock"),
        "rootless Docker": mine / "docker.sock",
        "Docker Desktop": home / ".docker" / "run" / "docker.sock",
        "Colima": home / ".colima" / "default" / "docker.sock",
        "Podman": mine / "podman" / "podman.sock",
        "Podman of root": Path("/run/podman/podman.sock"),
    }
    for name, path in places.items():
        if path.exists():
            yield Endpoint(f"unix://{path}", name)


def _trouble(endpoint: Endpoint) -> str | None:
    """Why a socket cannot be connected to, in the system's words; None for other files."""
    if not endpoint.url.startswith("unix://"):
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE)
        try:
            probe.connect(endpoint.url.removeprefix("unix://"))
        except PermissionError:
            return "permission denied; is your user in the group `docker`?"
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return None


def _open(endpoint: Endpoint) -> Engine | str:
    """The engine at `endpoint`, or why there is none."""
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    client = None
    try:
        client = docker.DockerClient(
            base_url=endpoint.url,
            tls=endpoint.tls or False,
            timeout=PROBE,
            use_ssh_client=endpoint.url.startswith("ssh://"),
        )
        engine = Engine(client, endpoint, client.version())
    except (DockerException, RequestException, OSError, ValueError) as error:
        if client is not None:
            client.close()
        return _short(str(error))
    client.api.timeout = PATIENCE
    return engine


def _short(text: str) -> str:
    """The system's own words out of three libraries' wrappings."""
    found = re.search(r"\[Errno -?\d+\] ([^\"')\]]+)", text)
    return found[1].lower() if found else text


def _name(about: Mapping[str, Any]) -> str:
    components = [str(part.get("Name", "")) for part in about.get("Components") or ()]
    return "Podman" if any("Podman" in name for name in components) else "Docker"
