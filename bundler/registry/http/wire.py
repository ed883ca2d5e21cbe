"""Wire: HTTP connections to a registry and to the hosts that it redirects to.

No redirect is followed here, no cookie kept, no `.netrc` read, nothing decompressed: every request
carries exactly what it was given.
"""

import os
import re
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

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
from ..reference import is_loopback
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
    """Connections to a registry and to where it sends us; used by several threads."""

    def __init__(self, host: str, limits: Limits) -> None:
        self._limits = limits
        self._connections = OpenConnections()
        self._tls = _tls(host)
        self._pools: dict[str, urllib3.PoolManager] = {}
        self.has_answered = False

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body = None) -> Answer:
        """Send one request; the head of its answer.

        Raises:
            TransientError: when there is no connection, or no answer in time.
            RegistryError: when the other side cannot prove who it is.
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
        """End every request that is under way."""
        self._connections.cut()

    def close(self) -> None:
        """Close what is open."""
        for pool in self._pools.values():
            pool.clear()
        self._connections.close()

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = _proxy(url)
        if proxy not in self._pools:
            self._pools.setdefault(proxy, self._make(proxy))
        return self._pools[proxy]

    def _make(self, proxy: str) -> urllib3.PoolManager:
        options: dict[str, Any] = {"maxsize": 8, "ssl_context": self._tls, "blocksize": _BLOCK}
        pool: urllib3.PoolManager
        if proxy:
            pool = urllib3.ProxyManager(proxy, proxy_headers=_proxy_headers(proxy), **options)
        else:
            pool = urllib3.PoolManager(**options)
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
            proxy = f"`{urlsplit(_proxy(url)).netloc.rpartition('@')[2]}`"
            return TransientError(
                f"The proxy {proxy} on the way to {place} does not answer.",
                hint="Correct `HTTPS_PROXY`, or name hosts in `NO_PROXY` that need no proxy.",
            )
        if isinstance(error, NameResolutionError):
            return TransientError(f"There is no host {place}, or no name service.", hint=_NO_HOST)
        if isinstance(error, NewConnectionError):
            return TransientError(f"{place} cannot be reached: {_short(error)}.", hint=_NO_SERVER)
        if isinstance(error, TimeoutError):
            return TransientError(f"{place} does not answer in time.")
        return TransientError(f"The connection to {place} broke off.")


def shown(url: str) -> str:
    """A URL for a message, without its query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:300]


def _tls(host: str) -> ssl.SSLContext:
    """The system's authorities, those of `certifi`, and what docker keeps for the host."""
    context = ssl.create_default_context()
    given = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    for path in (given, _certifi(), _CERTIFICATES / host / "ca.crt"):
        with suppress(OSError, ssl.SSLError):
            if path:
                context.load_verify_locations(cafile=str(path))
    return context


def _certifi() -> str | None:
    with suppress(ImportError):
        import certifi

        return str(certifi.where())
    return None


def _proxy(url: str) -> str:
    """The proxy that the environment names for an address, "" for none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies_environment()
    if is_loopback(host) or proxy_bypass_environment(parts.netloc, proxies):
        return ""
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    return found if "://" in found or not found else f"http://{found}"


def _proxy_headers(proxy: str) -> Mapping[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return urllib3.make_headers(proxy_basic_auth=secret)


def _short(error: Exception) -> str:
    """The system's own words out of urllib3's wrappings."""
    found = re.search(r"\[Errno -?\d+\] ([^\"')\]]+)", str(error))
    if found:
        return found[1].lower()
    text = re.sub(r"^.*?certificate verify failed: ", "", str(error))
    return re.sub(r" \(_ssl\.c:\d+\)", "", text).strip(" .()'")[:160]
