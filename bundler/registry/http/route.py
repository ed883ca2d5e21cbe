"""Route: which redirects of a registry are followed, and which of them get credentials."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from ...errors import RegistryError
from ..reference import is_inside, is_loopback
from .wire import shown

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Route:
    """The registry's own address, `https://host[:port]`.

    is_plain_allowed   the user allows plain HTTP, also to other machines
    """

    base: str
    is_plain_allowed: bool = False

    def is_own(self, url: str) -> bool:
        """Whether a URL is of the registry itself; only there credentials are sent."""
        return _origin(urlsplit(url)) == _origin(urlsplit(self.base))

    def follow(self, here: str, location: str) -> str:
        """The URL of a `Location` header.

        Registries often redirect to another storage. It must use TLS, and such a redirect must
        not lead to this machine or to its private network.

        Raises:
            RegistryError: for an address that is not safe.
        """
        try:
            parts = urlsplit(urljoin(here, location))
            own = urlsplit(self.base)
            origin = _origin(parts)
        except ValueError as error:
            raise _unsafe(here, "nowhere") from error
        if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
            raise _unsafe(here, f"`{shown(urlunsplit(parts))}`")
        if parts.hostname == own.hostname and origin != _origin(own) and _is_same(parts, own):
            parts = parts._replace(scheme=own.scheme, netloc=own.netloc)  # TLS ends before it
        if not self._is_safe(parts, own):
            raise _unsafe(here, f"`{shown(urlunsplit(parts))}`")
        return urlunsplit(parts)

    def _is_safe(self, parts: SplitResult, own: SplitResult) -> bool:
        if _origin(parts) == _origin(own):
            return True
        if is_inside(parts.hostname or ""):
            are_here = is_loopback(own.hostname or "") and is_loopback(parts.hostname or "")
            return are_here and own.scheme in {"http", parts.scheme}
        return parts.scheme == "https" or (self.is_plain_allowed and own.scheme == "http")


def _is_same(parts: SplitResult, own: SplitResult) -> bool:
    """Whether two addresses of a host may be those behind and in front of its proxy."""
    ports = {parts.port or _PORTS[parts.scheme], own.port or _PORTS[own.scheme]}
    return len(ports) == 1 or (parts.port is None and own.port is None)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _unsafe(here: str, place: str) -> RegistryError:
    return RegistryError(f"`{shown(here)}` sends us to {place}, where it is not safe to go.")
