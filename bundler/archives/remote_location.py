"""RemoteLocation: a file behind a URL (`s3://`, `gs://`, `az://`, ...), through fsspec."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ...runtime.errors import BundleError, in_short
from ..errors import MissingLibrary
from ..quotation import quoted

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_REFUSED = ("http", "https", "ftp", "local", "file")
BUFFER = 8 << 20  # bytes of one request


def is_remote(text: str) -> bool:
    """Whether it is a URL and no path."""
    return _URL.match(text) is not None


@dataclass(frozen=True, slots=True)
class RemoteLocation:
    """One object of a store that fsspec knows; credentials are that store's own business."""

    url: str

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A binary file to read from."""
        with self._told("read"), self._system() as (system, path), system.open(path, "rb") as file:
            yield file

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """A binary file to write to; it is not there before the block ends well."""
        with self._told("write"), self._system() as (system, path):
            file = system.open(path, "wb", block_size=BUFFER, autocommit=False)
            try:
                yield file
                file.close()
                file.commit()
            except BaseException:
                with suppress(Exception):
                    file.discard()
                raise

    @contextmanager
    def _system(self) -> Iterator[tuple[Any, str]]:
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            scheme = self.url.partition(":")[0]
            raise MissingLibrary(f"`{scheme}://`", "fsspec", "remote") from error
        yield url_to_fs(self.url)

    @contextmanager
    def _told(self, verb: str) -> Iterator[None]:
        """What fsspec and the libraries below it raise is of a hundred kinds, and never ours."""
        try:
            yield
        except BundleError:
            raise
        except Exception as error:
            raise BundleError(
                f"Could not {verb} {quoted(self.url)}: {in_short(error)[:300]}.",
                hint="Check the name and the credentials; `pip install s3fs`, `gcsfs` or `adlfs` "
                "brings what a store needs.",
            ) from error
