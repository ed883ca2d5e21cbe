"""Credentials of an index, from variables named after it, for one host alone.

A name is in a bundlefile or a lock, which may be a stranger's, and so is the address beside it. So
whoever sets a password says for which host it is, too; uv itself asks for the name alone.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import ResolveError
from .index import Index

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


@dataclass(frozen=True, slots=True)
class IndexCredentials:
    """What lets us in."""

    user: str
    password: str

    @classmethod
    def of(cls, index: Index) -> "IndexCredentials | None":
        """Those that were given for the index, if any were.

        Raises:
            ResolveError: when some bear its name, and were not given for its address.
        """
        names = variables(index.name)
        user, password = (os.environ.get(name, "") for name in names[:2])
        if not index.name or not (user or password) or not urlsplit(index.url).hostname:
            return None
        given = os.environ.get(names[2], "")
        if not given or _origin(given) != _origin(index.url):
            raise _for_another(index, names[2], given)
        return cls(user, password)


def check(indexes: Iterable[Index]) -> None:
    """Let uv run only where no password would go to an address that it was not given for.

    Raises:
        ResolveError: naming the index, its host and the variable that allows it.
    """
    for index in indexes:
        IndexCredentials.of(index)


def variables(name: str) -> tuple[str, str, str]:
    """Names of the variables with user, password and host of the index `name`."""
    middle = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return (
        f"UV_INDEX_{middle}_USERNAME", f"UV_INDEX_{middle}_PASSWORD", f"BUNDLE_INDEX_{middle}_HOST"
    )  # fmt: skip


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address, by which two of them are one place."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, (parts.hostname or "").lower(), port or _PORTS.get(parts.scheme)


def _origin(text: str) -> tuple[str, str, int | None]:
    """Of an address or a host, which is spoken to over TLS unless it is this machine."""
    if "//" in text:
        return origin(text)
    host = urlsplit(f"//{text}").hostname or ""
    return origin(f"{'http' if _LOOPBACK.fullmatch(host) else 'https'}://{text}")


def _for_another(index: Index, variable: str, given: str) -> ResolveError:
    parts = urlsplit(index.url)
    host = parts.netloc.rpartition("@")[2]
    is_plain = parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname or "")
    place = f"{parts.scheme}://{host}" if is_plain else host
    told = f"`{variable}` says `{given}`" if given else f"`{variable}` does not say so"
    return ResolveError(
        f"The index `{index.name}` at `{place}` would be sent the password of its variables, and "
        f"{told}.",
        hint=f"If it is that host's password, set `{variable}={place}`.",
    )
