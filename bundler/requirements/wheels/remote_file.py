"""A file behind HTTP, read in ranges: enough to look into a wheel without fetching it."""

import io
import netrc
import os
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ..index import Index
from ..index_credentials import IndexCredentials, origin

if TYPE_CHECKING:
    import urllib3

TIMEOUT = 6.0  # seconds for a step of a request
TAIL = 128 << 10  # bytes of the end that are fetched at once: there zip has its directory
LEAST = 64 << 10  # bytes of a further range
WHOLE = 32 << 20  # bytes of a file that is taken whole where a server knows no ranges
AT_ONCE = 16  # connections to one host
_OK, _PARTIAL = 200, 206


class RemoteFile(io.RawIOBase):
    """A seekable view on the file at `url`.

    Raises:
        OSError: when it cannot be reached, or its server knows no ranges and it is large.
    """

    def __init__(self, url: str, indexes: Iterable[Index] = ()) -> None:
        super().__init__()
        self._url, self._headers = url, headers(url, indexes)
        self._position = 0
        answer = self._ask(f"bytes=-{TAIL}")
        start, self._size = _tail(answer) if answer.status == _PARTIAL else (0, _whole(answer))
        self._parts = [(start, _body(answer, self._size - start))]

    def _ask(self, span: str) -> "urllib3.BaseHTTPResponse":
        from urllib3.exceptions import HTTPError

        asked = {**self._headers, "Range": span, "Accept-Encoding": "identity"}
        try:
            answer = _pool(self._url).request(
                "GET", self._url, headers=asked, preload_content=False
            )
        except HTTPError as error:
            raise OSError(str(error)) from error
        if answer.status not in (_OK, _PARTIAL):
            answer.close()
            raise OSError(f"The server answered with {answer.status}.")
        return answer

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset`, from the start, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes from here; all that is left without it."""
        left = max(0, self._size - self._position)
        wanted = left if size < 0 else min(size, left)
        data = self._range(self._position, wanted) if wanted else b""
        self._position += len(data)
        return data

    def _range(self, start: int, size: int) -> bytes:
        for at, part in self._parts:
            if at <= start and start + size <= at + len(part):
                return part[start - at : start - at + size]
        if size > WHOLE:
            raise OSError("No wheel has a directory of that size.")
        end = min(self._size, start + max(size, LEAST))
        answer = self._ask(f"bytes={start}-{end - 1}")
        if answer.status != _PARTIAL:
            answer.close()
            raise OSError("The server knows ranges no longer.")
        data = _body(answer, end - start)
        self._parts.append((start, data))
        return data[:size]


def _tail(answer: "urllib3.BaseHTTPResponse") -> tuple[int, int]:
    """Where what was sent of the file's end begins, and the size of the file."""
    span = answer.headers.get("Content-Range") or ""
    found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", span)
    start, size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 < size - start <= TAIL:
        answer.close()
        raise OSError(f"The server answered with the range {span!r:.100}.")
    return start, size


def _whole(answer: "urllib3.BaseHTTPResponse") -> int:
    """The size of a file that is sent whole."""
    said = answer.headers.get("Content-Length") or ""
    if not re.fullmatch(r"\d{1,18}", said) or int(said) > WHOLE:
        answer.close()
        raise OSError("The server knows no ranges.")
    return int(said)


def _body(answer: "urllib3.BaseHTTPResponse", size: int) -> bytes:
    from urllib3.exceptions import HTTPError

    try:
        data = answer.read(size)
    except HTTPError as error:
        raise OSError(str(error)) from error
    if answer.length_remaining:
        answer.close()  # nobody knows whether there would be an end of it
    else:
        answer.release_conn()
    if len(data) != size:
        raise OSError("The server sent less than was asked for.")
    return data


def _pool(url: str) -> "urllib3.PoolManager":
    """Connections that are kept, through the proxy that the environment names for the host."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return _pools(None if proxy_bypass(parts.hostname or "") else proxy)


@cache
def _pools(proxy: str | None) -> "urllib3.PoolManager":
    import urllib3

    retries = urllib3.Retry(2, redirect=3, backoff_factor=0.1)  # which drops credentials elsewhere
    timeout = urllib3.Timeout(TIMEOUT)
    if proxy:
        return urllib3.ProxyManager(proxy, maxsize=AT_ONCE, retries=retries, timeout=timeout)
    return urllib3.PoolManager(maxsize=AT_ONCE, retries=retries, timeout=timeout)


def headers(url: str, indexes: Iterable[Index] = ()) -> dict[str, str]:
    """What lets us in: from the variables of an index at that place, or from netrc.

    Raises:
        ResolveError: when the variables were not given for it.
    """
    for index in indexes:
        found = IndexCredentials.of(index) if origin(index.url) == origin(url) else None
        if found:
            return _basic(found.user, found.password)
    try:
        known = netrc.netrc(os.environ.get("NETRC")).authenticators(urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return {}
    return _basic(known[0], known[2] or "") if known else {}


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def download(url: str, path: Path, indexes: Iterable[Index] = ()) -> None:
    """Fetch the file at `url` whole; raises OSError when it cannot be had, or breaks off."""
    from urllib3.exceptions import HTTPError

    try:
        answer = _pool(url).request(
            "GET", url, headers={**headers(url, indexes), "Accept-Encoding": "identity"},
            preload_content=False,
        )  # fmt: skip
        if answer.status != _OK:
            answer.close()
            raise OSError(f"The server answered with {answer.status}.")
        with path.open("wb") as file:
            for part in answer.stream(1 << 20):
                file.write(part)
        answer.release_conn()
    except HTTPError as error:
        raise OSError(str(error)) from error
