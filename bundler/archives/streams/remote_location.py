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
_SAID = 300  # characters of what a library says


def is_remote(text: str) -> bool:
    """Whether it is a URL and no path."""
    return _URL.match(text) is not None


def local(location: str) -> str:
    """The path behind a `file://` URL, which the libraries would write in place; others as is."""
    address = urlsplit(location) if location.lower().startswith("file://") else None
    return unquote(address.path) if address and address.netloc in {"", "localhost"} else location


def shown(location: str) -> str:
    """A path as it is; a URL without the password or the token in it."""
    return _SECRETS.sub("***", location) if is_remote(location) else location


@dataclass(frozen=True, slots=True)
class RemoteLocation:
    """One object of a store that fsspec knows; credentials are that store's own business."""

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
        """A binary file to write to; it is not there before the block ends well."""
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
        """What fsspec and the libraries below it raise is of a hundred kinds, and never ours."""
        try:
            yield
        except BundleError:
            raise
        except Exception as error:
            said = in_short(error)
            for secret in filter(None, _SECRETS.findall(self.url)):
                said = said.replace(secret, "***")
            raise BundleError(
                f"Could not {verb} {quoted(shown(self.url))}: {said[:_SAID]}.",
                hint="Check the name and the credentials; `pip install s3fs`, `gcsfs` or `adlfs` "
                "brings what a store needs.",
            ) from error
