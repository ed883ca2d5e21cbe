"""Answer: the response of a registry, read within limits."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from ...errors import RegistryError
from ...untrusted import shallow_json
from .limits import Limits
from .transient_error import TransientError

_CHUNK = 1 << 18
_SAID = 200  # characters of a registry's own words in a message
_SECONDS = re.compile(r"[0-9]{1,9}")


class Answer:
    """Head and body of one answer; the body is read once, or the answer is closed."""

    def __init__(self, response: BaseHTTPResponse, url: str, limits: Limits) -> None:
        self._response = response
        self._body: bytes | None = None
        self._limits = limits
        self.url = url
        self.status = response.status

    def header(self, name: str) -> str:
        """The value of a header, or ""."""
        return str(self._response.headers.get(name, ""))

    def headers(self, name: str) -> list[str]:
        """All values of a header that may be repeated."""
        return list(self._response.headers.getlist(name))

    @property
    def length(self) -> int | None:
        """The `Content-Length` in bytes."""
        text = self.header("Content-Length")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004

    @property
    def retry_after(self) -> float:
        """The `Retry-After` in seconds, or 0."""
        text = self.header("Retry-After").strip()
        if _SECONDS.fullmatch(text):
            return float(text)
        if not text:
            return 0.0
        from datetime import UTC, datetime
        from email.utils import parsedate_to_datetime

        with suppress(ValueError, TypeError, OverflowError):
            return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
        return 0.0

    def read(self, limit: int, what: str = "answer") -> bytes:
        """Read the whole body, so that the connection can be used again.

        Raises:
            RegistryError: when it is longer than `limit`, or too slow.
            TransientError: when it breaks off.
        """
        if self._body is None:
            self._body = self._read(limit, what)
        return self._body

    def _read(self, limit: int, what: str) -> bytes:
        deadline = time.monotonic() + self._limits.answer
        parts, size = [], 0
        for part in self._pieces(limit + 1):
            parts.append(part)
            size += len(part)
            if size > limit:
                self.close()
                raise RegistryError(f"The {what} is longer than {limit:,} bytes.")
            if time.monotonic() > deadline:
                self.close()
                raise RegistryError(f"The {what} takes longer than {self._limits.answer:.0f} s.")
        self._response.release_conn()
        return b"".join(parts)

    def pieces(self, limit: int) -> Iterator[bytes]:
        """Read the body in pieces, at most `limit` bytes, and not slower than the limit.

        Raises:
            RegistryError: when it is too slow.
            TransientError: when it breaks off; an end that comes early is for the caller to see.
        """
        since, got = time.monotonic(), 0
        for part in self._pieces(limit):
            yield part
            got += len(part)
            now = time.monotonic()
            if now - since >= self._limits.window:
                if got < self._limits.slowest * (now - since):
                    self.close()
                    raise RegistryError(
                        f"It sends {got / (now - since):.0f} bytes a second, which is too slow."
                    )
                since, got = now, 0

    def close(self) -> None:
        """Close the connection without reading the rest."""
        self._response.close()

    def message(self) -> str:
        """The error message of the registry, on one short line."""
        try:
            body = self.read(self._limits.message)
            return _told(body) or _plain(self.header("Content-Type"), body)
        except RegistryError:
            return ""

    def _pieces(self, limit: int) -> Iterator[bytes]:
        left = limit
        try:
            while left > 0 and (
                part := self._response.read1(min(_CHUNK, left), decode_content=False)
            ):
                left -= len(part)
                yield part
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two: the connection was cut by another thread.
            self.close()
            raise TransientError("The connection broke off.") from error


def _told(body: bytes) -> str:
    """The message of an OCI error document."""
    with suppress(ValueError, KeyError, IndexError, TypeError, AttributeError):
        first = shallow_json.loads(body)["errors"][0]
        words = [str(first.get("code") or ""), str(first.get("message") or "")]
        message = ": ".join(word for word in words if word)
        cause = _cause(first.get("detail"))
        return _short(f"{message} ({cause})" if cause else message)
    return ""


def _cause(detail: Any) -> str:
    """The cause inside an "unknown error" of the reference registry."""
    while isinstance(detail, dict):
        number = detail.get("Err")
        if isinstance(number, int) and number > 0:
            return os.strerror(number)
        detail = detail.get("Enclosed", number)
    return ""


def _plain(content_type: str, body: bytes) -> str:
    """A plain-text error; HTML pages are ignored."""
    if not content_type.startswith("text/plain"):
        return ""
    return _short(body[: 4 * _SAID].decode("utf-8", "replace"))


def _short(text: Any) -> str:
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in line)[:_SAID].rstrip(" .")
