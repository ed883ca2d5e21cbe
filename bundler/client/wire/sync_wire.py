"""SyncWire: requests over kept-alive connections, blocking."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .address import Address
from .reply import Lost, Reply
from .request import Request

if TYPE_CHECKING:
    import ssl

_CONNECT = 10.0  # seconds
_PIECE = 1 << 16
_KEPT = 16  # idle connections


class SyncWire:
    """Connections to one server; used by several threads, and by processes forked from this one.

    Each process has connections of its own: on one, two would read one another's answers.
    """

    def __init__(self, address: Address, tls: "ssl.SSLContext | None" = None) -> None:
        self._address = address
        self._tls = tls
        self._pools: dict[int, Any] = {}  # by process

    def send(self, request: Request, seconds: float) -> Reply | Lost:
        """The reply with all of its body, or why there is none."""
        deadline = time.monotonic() + seconds
        try:
            with self.opened(request, seconds) as (reply, parts):
                body = b"".join(self._before(deadline, parts))
                return Reply(reply.status, reply.headers, body)
        except Lost as lost:
            return lost

    @contextmanager
    def opened(self, request: Request, seconds: float) -> Iterator[tuple[Reply, Iterator[bytes]]]:
        """The head of the reply, and its body as it comes.

        Raises:
            Lost: when there is none, or it breaks off.
        """
        response = self._begin(request, seconds)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            yield Reply(response.status, headers), self._parts(response)
        finally:
            if response.closed or response.isclosed():
                response.release_conn()
            else:
                response.close()  # what nobody has read stands in the way of the next

    def close(self) -> None:
        """Close what is kept."""
        if (pool := self._pools.pop(os.getpid(), None)) is not None:
            pool.close()

    def _begin(self, request: Request, seconds: float) -> Any:
        import urllib3
        from urllib3 import exceptions

        connect = min(_CONNECT, seconds)
        try:
            return self._pool().urlopen(
                request.method,
                self._address.prefix + request.path,
                body=request.body or None,
                headers={"Accept-Encoding": "identity"} | dict(request.headers),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=connect, read=seconds, total=seconds),
            )
        except (exceptions.NewConnectionError, exceptions.ConnectTimeoutError) as error:
            raise Lost(f"{self._where} does not answer.", was_sent=False) from error
        except exceptions.SSLError as error:
            raise Lost(
                f"{self._where} has no valid certificate: {error}.", was_sent=False
            ) from error
        except (exceptions.TimeoutError, TimeoutError) as error:
            raise self._late() from error
        except (exceptions.HTTPError, OSError) as error:
            raise Lost(f"The connection to {self._where} broke.", was_sent=True) from error

    def _parts(self, response: Any) -> Iterator[bytes]:
        from urllib3 import exceptions

        try:
            while part := response.read1(_PIECE, decode_content=False):
                yield part
        except (exceptions.TimeoutError, TimeoutError) as error:
            raise self._late() from error
        except (exceptions.HTTPError, OSError, ValueError) as error:
            raise Lost(f"The answer of {self._where} broke off.", was_sent=True) from error

    def _before(self, deadline: float, parts: Iterator[bytes]) -> Iterator[bytes]:
        """The parts, as long as there is time: a socket's timeout begins anew with every byte."""
        for part in parts:
            yield part
            if time.monotonic() > deadline:
                raise self._late()

    def _late(self) -> Lost:
        return Lost(f"{self._where} did not answer in time.", was_sent=True, is_late=True)

    @property
    def _where(self) -> str:
        return f"`{self._address.url}`"

    def _pool(self) -> Any:
        process = os.getpid()
        return self._pools.get(process) or self._pools.setdefault(process, self._make())

    def _make(self) -> Any:
        import ssl

        import urllib3
        from urllib3.connection import HTTPConnection

        at_once = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        more: dict[str, Any] = {
            "maxsize": _KEPT,
            "socket_options": [*HTTPConnection.default_socket_options, at_once],
        }
        if self._address.scheme == "http":
            return urllib3.HTTPConnectionPool(self._address.host, self._address.port, **more)
        tls = self._tls or ssl.create_default_context()
        return urllib3.HTTPSConnectionPool(
            self._address.host, self._address.port, ssl_context=tls, **more
        )
