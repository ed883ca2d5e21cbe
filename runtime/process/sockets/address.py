"""Address: where the server listens, and which setting decided that."""

import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import BundleError
from ...manifests.settings import ServeSettings
from .binding import bound, reached_at

VARIABLES = ("PORT", "AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT")
CONTAINER = "BUNDLE_CONTAINER"
"""Set to 1 in images that we build: 127.0.0.1 of a container cannot be reached from outside."""

BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """Host and port; `why`: where the port was configured."""

    host: str
    port: int
    why: str

    @property
    def url(self) -> str:
        """The URL for a person on this machine."""
        return f"http://{reached_at(self.host, self.port)}"

    @classmethod
    def choose(
        cls,
        host: str | None,
        port: int | None,
        settings: ServeSettings,
        environment: Mapping[str, str] = os.environ,
    ) -> "Address":
        """The command line, then the environment, then the bundlefile (or 8080).

        Raises:
            BundleError: when a variable is not a port.
        """
        chosen, why = (port, "--port") if port is not None else (settings.port, "the bundle")
        named = next((name for name in VARIABLES if environment.get(name)), None)
        if port is None and named is not None:
            chosen, why = _port(named, environment[named]), f"${named}"
        contained = environment.get(CONTAINER) == "1"
        usual = "0.0.0.0" if contained else "127.0.0.1"  # noqa: S104
        return cls(host or settings.host or usual, chosen, why)

    def bind(self) -> socket.socket:
        """A listening socket; port 0 is any free one, see `bound`.

        Raises:
            BundleError: when the port is taken, or the address is not one of this machine.
        """
        try:
            return bound(self.host, self.port, backlog=BACKLOG)
        except OSError as error:
            raise BundleError(
                f"Cannot listen on {self.host} port {self.port}: {error.strerror or error}.",
                hint=_instead(error),
            ) from error
        except OverflowError as error:
            raise BundleError(f"{self.port} is not a port.") from error

    def bound(self, listener: socket.socket) -> "Address":
        """The same address, with the port that the socket is bound to."""
        return Address(self.host, listener.getsockname()[1], self.why)


def _instead(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "Choose an address of this machine with `--host`; 0.0.0.0 is all of them."
    return "Choose another with `--port`, or 0 for any free one."


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65535:  # noqa: PLR2004
        raise BundleError(f"${name} is {text!r}, which is not a port.")
    return int(text)
