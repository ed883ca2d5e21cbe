"""ManagementPort: the port of the management API, and the token that requests need.

Without a token in the environment the port stays closed, because its clients can unload models.
"""

import logging
import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass, field

from ...errors import BundleError
from ...manifests.settings import ManagementSettings
from .accept_queue import turn_away
from .binding import bound, reached_at

log = logging.getLogger(__name__)

SHORTEST = 16  # characters of a token
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class ManagementPort:
    """The listening socket of all fronts, and the token."""

    listener: socket.socket
    token: str = field(repr=False)

    @property
    def url(self) -> str:
        """The URL for a person on this machine."""
        host, port = self.listener.getsockname()[:2]
        return f"http://{reached_at(host, port)}"

    @classmethod
    def open(
        cls,
        settings: ManagementSettings,
        environment: MutableMapping[str, str] = os.environ,
        *,
        is_shared: bool = False,
    ) -> "ManagementPort | None":
        """Open the port of the settings; None without a port or a token.

        The token is removed from the environment, so that no child process inherits it.

        `is_shared` if the server that this one replaces may still listen on the port.

        Raises:
            BundleError: when the port is taken, or the token is too short to be a secret.
        """
        if settings.port == "off":
            return None
        token = environment.pop(settings.token_env, "")
        if not token:
            log.warning("The management port stays closed: $%s has no token.", settings.token_env)
            return None
        if len(token) < SHORTEST or not token.isascii() or not token.isprintable():
            raise BundleError(
                f"The token in ${settings.token_env} has fewer than {SHORTEST} characters, or "
                "others than letters, digits and punctuation.",
                hint="Make one with `openssl rand -hex 32`.",
            )
        host = settings.host or "127.0.0.1"
        if not is_shared:
            # Another server on the same port would silently get a part of our requests.
            _bound(host, settings.port, is_shared=False, listens=True).close()
        # The server that takes over from this one listens at the same place for a while; if it did
        # so before its fronts can answer, every other client would wait for them.
        return cls(_bound(host, settings.port, is_shared=True, listens=not is_shared), token)

    def leave(self) -> None:
        """Stop listening, as the server that replaces this one listens on the port.

        Our fronts still accept the connections in our queue.
        """
        if self.listener.fileno() >= 0:
            turn_away(self.listener)
            self.listener.close()


def _bound(host: str, port: int, *, is_shared: bool, listens: bool) -> socket.socket:
    try:
        return bound(host, port, backlog=_BACKLOG if listens else 0, is_shared=is_shared)
    except OSError as error:
        raise BundleError(
            f"The management port cannot be {host}:{port}: {error.strerror or error}.",
            hint="Choose another: `serve.management.port`.",
        ) from error
