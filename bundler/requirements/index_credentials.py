"""Credentials of an index, from variables named after it, for one host alone.

The name and the address of an index are in a bundlefile or a lock, which is untrusted. So a user
who sets a password also sets its host; uv itself needs only the name.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import ResolveError
from .index import Index, shown

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


@dataclass(frozen=True, slots=True)
class IndexCredentials:
    """User name and password."""

    user: str
    password: str

    @classmethod
    def of(cls, index: Index) -> "IndexCredentials | None":
        """The credentials of an index, if there are any.

        Raises:
            ResolveError: when some bear its name, and were not given for its address.
        """
        names = variables(index.name)
        user, password = (os.environ.get(name, "") for name in names[:2])
        if not index.name or not (user or password) or not urlsplit(index.url).hostname:
            return None
        given = os.environ.get(names[2], "")
        if not given or _given(given, names[2]) != _origin(index.url):
            raise _for_another(index, names[2], given)
        return cls(user, password)


def check(indexes: Iterable[Index]) -> None:
    """Refuse to run uv if it would send a password to another host than its own.

    Raises:
        ResolveError: naming the index, its host and the variable that allows it.
    """
    for index in indexes:
        IndexCredentials.of(index)


def variables(name: str) -> tuple[str, str, str]:
    """The names of the variables with user, password and host of an index."""
    middle = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return (
        f"UV_INDEX_{middle}_USERNAME", f"UV_INDEX_{middle}_PASSWORD", f"BUNDLE_INDEX_{middle}_HOST"
    )  # fmt: skip


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address, for comparison."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, (parts.hostname or "").lower(), port or _PORTS.get(parts.scheme)


def _given(text: str, variable: str) -> tuple[str, str, int | None]:
    """The origin that a variable names; raises ResolveError when it names none."""
    try:
        return _origin(text)
    except ValueError as error:
        raise ResolveError(
            f"`{variable}` says `{shown(text)}`, which is not an address: {error}.",
            hint=f"Write the host, as in `{variable}=packages.example.com`.",
        ) from error


def _origin(text: str) -> tuple[str, str, int | None]:
    """The origin of an address, or of a host: with https unless it is this machine."""
    if "//" in text:
        return origin(text)
    host = urlsplit(f"//{text}").hostname or ""
    return origin(f"{'http' if _LOOPBACK.fullmatch(host) else 'https'}://{text}")


def _for_another(index: Index, variable: str, given: str) -> ResolveError:
    parts = urlsplit(index.url)
    host = parts.netloc.rpartition("@")[2]
    is_plain = parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname or "")
    place = f"{parts.scheme}://{host}" if is_plain else host
    stated = f"`{variable}` says `{shown(given)}`" if given else f"`{variable}` does not say so"
    return ResolveError(
        f"The index `{index.name}` at `{place}` would be sent the password of its variables, and "
        f"{stated}.",
        hint=f"If it is that host's password, set `{variable}={place}`.",
    )
