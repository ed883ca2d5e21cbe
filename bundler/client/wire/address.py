"""Address: where a server is, out of its URL."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from .failures import Unreachable

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A server's scheme, host, port, and what stands before its routes."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """Parse a URL; raises Unreachable when it cannot be that of a server."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Unreachable(f"`{url}` is not a URL: {error}.") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise Unreachable(f"`{url}` is not the URL of a server: `http://HOST:PORT`.")
        if parts.username or not url.isprintable() or " " in url:
            raise Unreachable("The URL of a server has no user, password or spaces.")
        host = parts.hostname
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """For the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """As it was given, tidied up."""
        return f"{self.scheme}://{self.authority}{self.prefix}"
