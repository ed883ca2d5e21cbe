"""Index: a package index, and which packages come from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from ..errors import ResolveError

_SECRETS = re.compile(r"(?<=://)[^/\s]*(?=@)|(?<=\?)[^\s?=]*=\S*")
_LONGEST = 200  # characters of a line in a message


@dataclass(frozen=True, slots=True)
class Index:
    """A package index.

    name      by which its credentials are found, `UV_INDEX_<NAME>_PASSWORD`; may be empty
    packages  normalized names of what comes from here and from nowhere else; if there are none,
              it is asked first for everything
    """

    url: str
    name: str = ""
    packages: tuple[str, ...] = ()

    def to_json(self) -> str | dict[str, Any]:
        """Its form in the lock: the address alone if it has neither a name nor packages."""
        if not self.name and not self.packages:
            return self.url
        return {"name": self.name, "url": self.url, "packages": list(self.packages)}

    @classmethod
    def from_json(cls, data: str | Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        if isinstance(data, str):
            return cls(data)
        return cls(data["url"], data["name"], tuple(data["packages"]))


def bare(url: str) -> str:
    """`url` without user name, password, query, fragment and last slash.

    Raises:
        ResolveError: when it is no address.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ResolveError(f"`{shown(url)}` is not an address: {error}.") from error
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def shown(text: str) -> str:
    """A line of a file for a message: without passwords, and not longer than a line."""
    public = _SECRETS.sub("***", text)  # before it is cut: what a cut leaves of an address is none
    return public if len(public) <= _LONGEST else f"{public[:_LONGEST]}..."
