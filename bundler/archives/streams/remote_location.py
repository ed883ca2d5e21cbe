"""RemoteLocation: a file behind a URL (`s3://`, `gs://`, `az://`, ...), through fsspec."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ....runtime.errors import BundleError, in_short
from ...errors import MissingLibrary
from ...untrusted.quotation import quoted

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SECRETS = re.compile(r"(?<=://)[^/@]*(?=@)|(?<=\?).*", re.DOTALL)
_BUFFER = 8 << 20  # bytes of one request
_LONGEST = 300  # characters of what a library says


def is_remote(text: str) -> bool:
    """Whether it is a URL and no path."""
    return _URL.match(text) is not None


def local(location: str) -> str:
    """The path of a `file://` URL, which libraries would write in place; others unchanged."""
    address = urlsplit(location) if location.lower().startswith("file://") else None
    return unquote(address.path) if address and address.netloc in {"", "localhost"} else location


def shown(location: str) -> str:
    """A path as it is; a URL without its password or token."""
    return _SECRETS.sub("***", location) if is_remote(location) else location


@dataclass(frozen=True, slots=True)
class RemoteLocation:
    """An object in a store that fsspec knows; the store's library finds the credentials."""

    url: str

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A binary file to read from."""
        with self._told("read"):
            system, path = self._system()
            with system.open(path, "rb", block_size=_BUFFER) as file:
                yield file

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """A binary file to write to; it appears only when the block ends without an error."""
        with self._told("write"):
            system, path = self._system()
            with system.transaction, system.open(path, "wb", block_size=_BUFFER) as file:
                yield file

    def _system(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            scheme = self.url.partition(":")[0]
            raise MissingLibrary(f"`{scheme}://`", "fsspec", "remote") from error
        system, path = url_to_fs(self.url)
        return system, path

    @contextmanager
    def _told(self, verb: str) -> Iterator[None]:
        """Convert the exceptions of fsspec and its libraries, which have no common base class."""
        try:
            yield
        except BundleError:
            raise
        except Exception as error:
            reason = in_short(error)
            for secret in filter(None, _SECRETS.findall(self.url)):
                reason = reason.replace(secret, "***")
            raise BundleError(
                f"Could not {verb} {quoted(shown(self.url))}: {reason[:_LONGEST]}.",
                hint="Check the name and the credentials; `pip install s3fs`, `gcsfs` or `adlfs` "
                "brings what a store needs.",
            ) from error
