"""Wire: HTTP connections to a registry and to the hosts that it redirects to.

It follows no redirects, keeps no cookies, reads no `.netrc` and decompresses nothing: each request
is sent exactly as given.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
    TimeoutError,  # noqa: A004 - urllib3's own, for connecting and reading
)

from ....runtime.version import __version__
from ...errors import RegistryError
from . import proxies, tls
from .answer import Answer
from .limits import Limits
from .open_connections import OpenConnections, pool_classes
from .transient_error import TransientError

_CERTIFICATES = Path("/etc/docker/certs.d")
_NO_HOST = "Check how it is spelled, and the network."
_NO_SERVER = "Start the registry, or correct the host and the port."
_BLOCK = 1 << 17  # bytes that are written at once
Body = bytes | Iterable[bytes] | None


class Wire:
    """Connections to a registry and to the hosts of its redirects; used by several threads."""

    def __init__(self, host: str, limits: Limits) -> None:
        self._limits = limits
        self._connections = OpenConnections()
        self._tls = tls.context(_CERTIFICATES / host / "ca.crt")
        self._pools: dict[str, urllib3.PoolManager] = {}
        self.has_answered = False

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body = None) -> Answer:
        """Send one request; returns the head of its answer.

        Raises:
            TransientError: when there is no connection, or no answer in time.
            RegistryError: when the certificate of the other side is invalid.
        """
        patience = self._limits.settle if method in {"PUT", "PATCH"} else self._limits.answer
        own = {"User-Agent": f"modelbundle/{__version__}", "Accept-Encoding": "identity"}
        try:
            response = self._pool(url).urlopen(
                method,
                url,
                body=body,
                headers=own | dict(headers),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self._limits.answer, read=patience),
            )
        except LocationParseError as error:
            raise RegistryError(f"`{shown(url)}` is not an address.") from error
        except (HTTPError, OSError, ValueError) as error:
            raise self._failure(url, error) from error
        self.has_answered = True
        return Answer(response, url, self._limits)

    def cut(self) -> None:
        """Abort all requests."""
        self._connections.cut()

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.clear()
        self._connections.close()

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = proxies.of(url)
        if proxy not in self._pools:
            self._pools.setdefault(proxy, self._make(proxy))
        return self._pools[proxy]

    def _make(self, proxy: str) -> urllib3.PoolManager:
        options: dict[str, Any] = {"maxsize": 8, "ssl_context": self._tls, "blocksize": _BLOCK}
        pool = proxies.pool(proxy, **options)
        pool.pool_classes_by_scheme = pool_classes(self._connections, self._limits)
        return pool

    def _failure(self, url: str, error: Exception) -> RegistryError:
        place = f"`{urlsplit(url).netloc.rpartition('@')[2]}`"
        if isinstance(error, SSLError):
            return RegistryError(
                f"{place} cannot be trusted: {_short(error)}.",
                hint=f"Put its CA into `{_CERTIFICATES}/HOST/ca.crt`, or add `--plain-http` where "
                "it speaks no TLS.",
            )
        if isinstance(error, ProxyError):
            proxy = f"`{urlsplit(proxies.of(url)).netloc.rpartition('@')[2]}`"
            return TransientError(
                f"The proxy {proxy} on the way to {place} does not answer.",
                hint="Correct `HTTPS_PROXY`, or name hosts in `NO_PROXY` that need no proxy.",
            )
        if isinstance(error, NameResolutionError):
            return TransientError(f"The host {place} cannot be resolved.", hint=_NO_HOST)
        if isinstance(error, NewConnectionError):
            return TransientError(f"{place} cannot be reached: {_short(error)}.", hint=_NO_SERVER)
        if isinstance(error, TimeoutError):
            return TransientError(f"{place} does not answer in time.")
        return TransientError(f"The connection to {place} broke off.")


def shown(url: str) -> str:
    """A URL for a message, without its query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:300]


def _short(error: Exception) -> str:
    """The message of the system error that urllib3 has wrapped."""
    found = re.search(r"\[Errno -?\d+\] ([^\"')\]]+)", str(error))
    if found:
        return found[1].lower()
    text = re.sub(r"^.*?certificate verify failed: ", "", str(error))
    return re.sub(r" \(_ssl\.c:\d+\)", "", text).strip(" .()'")[:160]
