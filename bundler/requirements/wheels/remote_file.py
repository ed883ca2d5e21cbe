"""RemoteFile: a file behind HTTP, read in ranges, to look into a wheel without downloading it."""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..index import Index
from .request import ask

if TYPE_CHECKING:
    import urllib3

TAIL = 128 << 10  # bytes of the end that are fetched at once: there zip has its directory
LEAST = 64 << 10  # bytes of a further range
WHOLE = 32 << 20  # bytes of a file that is taken whole where a server knows no ranges
LARGEST = 16 << 30  # bytes of a fetched file of unknown size
_PLAIN = {"Accept-Encoding": "identity"}
_OK, _PARTIAL = 200, 206


class RemoteFile(io.RawIOBase):
    """A seekable view on the file at `url`.

    Raises:
        OSError: when it cannot be reached, or its server knows no ranges and it is large.
    """

    def __init__(self, url: str, indexes: Iterable[Index] = ()) -> None:
        super().__init__()
        self._url, self._indexes = url, tuple(indexes)
        self._position = 0
        answer = self._ask(f"bytes=-{TAIL}")
        start, self._size = _tail(answer) if answer.status == _PARTIAL else (0, _whole(answer))
        self._parts = [(start, _body(answer, self._size - start))]

    def _ask(self, span: str) -> "urllib3.BaseHTTPResponse":
        return ask(self._url, {**_PLAIN, "Range": span}, {_OK, _PARTIAL}, self._indexes)

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
            raise OSError("The server no longer supports ranges.")
        data = _body(answer, end - start)
        self._parts.append((start, data))
        return data[:size]


def _tail(answer: "urllib3.BaseHTTPResponse") -> tuple[int, int]:
    """The offset of the received end of the file, and the size of the file."""
    span = answer.headers.get("Content-Range") or ""
    found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", span)
    start, size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 < size - start <= TAIL:
        answer.close()
        raise OSError(f"The server answered with the range {span!r:.100}.")
    return start, size


def _whole(answer: "urllib3.BaseHTTPResponse") -> int:
    """The size of a file that the server sends whole."""
    length = answer.headers.get("Content-Length") or ""
    if not re.fullmatch(r"\d{1,18}", length) or int(length) > WHOLE:
        answer.close()
        raise OSError("The server does not support ranges.")
    return int(length)


def _body(answer: "urllib3.BaseHTTPResponse", size: int) -> bytes:
    from urllib3.exceptions import HTTPError

    try:
        data = answer.read(size)
    except HTTPError as error:
        raise OSError(str(error)) from error
    if answer.length_remaining:
        answer.close()  # it may be endless
    else:
        answer.release_conn()
    if len(data) != size:
        raise OSError("The server sent less than was asked for.")
    return data


def download(url: str, path: Path, indexes: Iterable[Index] = (), size: int | None = None) -> None:
    """Fetch the complete file at `url`.

    Args:
        url: where it is.
        path: where it is written.
        indexes: those whose variables may let us in.
        size: bytes that it has, where somebody has said so.

    Raises:
        OSError: when it cannot be had, breaks off, or is larger than any file of an index.
    """
    from urllib3.exceptions import HTTPError

    answer = ask(url, _PLAIN, {_OK}, indexes)
    left = most = min(size or LARGEST, LARGEST)
    try:
        with path.open("wb") as file:
            for part in answer.stream(1 << 20):
                left -= len(part)
                if left < 0:
                    raise OSError(f"The server sends more than {most:,} bytes")
                file.write(part)
        answer.release_conn()
    except HTTPError as error:
        raise OSError(str(error)) from error
    finally:
        answer.close()
