"""A request of `bundle predict`: its body, and the answer."""

import json as jsonlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....runtime.data import media
from ....runtime.data.codecs.multipart import type_of
from ....runtime.errors import BundleError
from ...terminal.console import Console

JSON = media.JSON
_MAGIC = {
    b"\x93NUMPY": media.NPY,
    b"PK\x03\x04": media.NPZ,
    b"ARROW1\0\0": media.ARROW_FILE,
    b"\xff\xff\xff\xff": media.ARROW,
    b"PAR1": media.PARQUET,
    b"\x89PNG": media.PNG,
    b"\xff\xd8\xff": media.JPEG,
}
_ABSENT = "Start a server with `bundle serve`, or name a tag instead of a URL."
_NOT_TRUSTED = "Name the certificate of who signed it: `SSL_CERT_FILE=ca.pem bundle predict ...`."
_LARGEST = 1 << 30  # bytes of a body; a device has no end
_SHOWN = 500  # characters of an answer that is no error of ours


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes and their content type."""

    content: bytes
    content_type: str

    @classmethod
    def read(cls, data: str, content_type: str | None, console: Console) -> "Body":
        """The body in the file `data`, or on stdin where that is `-`.

        A bare list of rows, as `bundle save --sample` takes it, is wrapped as the wire wants it.

        Raises:
            BundleError: when the file cannot be read.
        """
        if data == "-" and sys.stdin.isatty():
            console.step("Reading the request from the terminal; end it with Ctrl-D.")
        try:
            content = _content(data)
        except (OSError, ValueError) as error:
            raise BundleError(
                f"`{data}` cannot be read: {getattr(error, 'strerror', None) or error}.",
                hint="Name a file with `--data FILE`, or send the request to stdin.",
            ) from error
        kind = content_type or type_of(data) or _kind(content)
        return cls(_wrapped(content) if kind == JSON else content, kind)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a server, with its status."""

    status: int
    content: bytes
    content_type: str

    def value(self) -> Any:
        """The answer as JSON data; text where it is none.

        Raises:
            ValueError: for bytes that are neither.
        """
        if self.content_type.partition(";")[0] == JSON:
            return jsonlib.loads(self.content)
        return self.content.decode()

    def complaint(self) -> str:
        """What the server says is wrong."""
        try:
            return str(jsonlib.loads(self.content)["error"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return self.content[:_SHOWN].decode("utf-8", "replace").strip()


def _content(data: str) -> bytes:
    from ....bundler.untrusted import plain_file

    if data == "-":
        return plain_file.read_stream(sys.stdin.buffer, _LARGEST)
    with Path(data).open("rb") as file:
        return plain_file.read_stream(file, _LARGEST)


def parsed(headers: Sequence[str]) -> dict[str, str]:
    """Headers that were written as `Name: value`; raises BundleError for what is no header."""
    found = {}
    for each in headers:
        name, colon, value = each.partition(":")
        if not colon or not name.strip() or not each.isprintable() or not each.isascii():
            raise BundleError(f"`{each}` is not a header.", hint="Write `--header 'Name: value'`.")
        found[name.strip().lower()] = value.strip()
    return found


def post(url: str, body: Body, timeout: float, headers: Mapping[str, str] | None = None) -> Answer:
    """Send the body; the answer whatever its status.

    Raises:
        BundleError: when nobody answers in `timeout` seconds, or it is said to be elsewhere.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request

    from ....bundler.http_opener import opened

    sent = {"content-type": body.content_type, "accept": "*/*"} | dict(headers or {})
    try:
        request = Request(url, body.content, sent)  # noqa: S310 - http(s), checked by the caller
        with opened(request, timeout) as response:
            return Answer(response.status, response.read(), _type_of(response))
    except HTTPError as error:
        if place := error.headers.get("location"):
            raise BundleError(
                f"`{url}` is somewhere else: {error.code}, `{place}`.", hint="Name that URL."
            ) from error
        return Answer(error.code, error.read(), _type_of(error))
    except TimeoutError as error:
        raise BundleError(
            f"`{url}` did not answer within {timeout:g} s.", hint="Wait longer with `--timeout`."
        ) from error
    except (OSError, HTTPException, ValueError) as error:
        cause = getattr(error, "reason", error)
        reason = getattr(cause, "strerror", None) or cause
        message = f"`{url}` does not answer: {reason}."
        raise BundleError(
            message, hint=_NOT_TRUSTED if _is_untrusted(cause) else _ABSENT
        ) from error


def _is_untrusted(cause: object) -> bool:
    import ssl

    return isinstance(cause, ssl.SSLCertVerificationError)


def _type_of(response: Any) -> str:
    return str(response.headers.get("content-type", ""))


def _kind(content: bytes) -> str:
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            return kind
    return JSON


def _wrapped(content: bytes) -> bytes:
    try:
        data = jsonlib.loads(content)
    except (ValueError, RecursionError):
        return content  # the server says what is wrong with it
    return jsonlib.dumps({"instances": data}).encode() if isinstance(data, list) else content
