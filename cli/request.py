"""A request to a server: what is in the body, and what came back."""

import json as jsonlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..runtime.errors import BundleError
from .console import Console

JSON = "application/json"
TYPES = {
    ".json": JSON,
    ".csv": "text/csv",
    ".npy": "application/x-npy",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".txt": "text/plain",
}
_MAGIC = {b"\x93NUMPY": ".npy", b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}
_SHOWN = 500  # characters of an answer that is no error of ours


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes and what they are."""

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
            content = sys.stdin.buffer.read() if data == "-" else Path(data).read_bytes()
        except OSError as error:
            raise BundleError(
                f"`{data}` cannot be read: {error.strerror}.",
                hint="Name a file with `--data FILE`, or send the request to stdin.",
            ) from error
        kind = content_type or _kind(content, Path(data).suffix.lower())
        return cls(_wrapped(content) if kind == JSON else content, kind)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, with its status."""

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
        except (ValueError, KeyError, TypeError):
            return self.content[:_SHOWN].decode("utf-8", "replace").strip()


def post(url: str, body: Body, timeout: float) -> Answer:
    """Send the body; the answer whatever its status.

    Raises:
        BundleError: when nobody answers in `timeout` seconds.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    headers = {"content-type": body.content_type, "accept": "*/*"}
    try:
        request = Request(url, body.content, headers)  # noqa: S310 - http(s), checked by the caller
        with urlopen(request, timeout=timeout) as response:  # noqa: S310
            return Answer(response.status, response.read(), _type_of(response))
    except HTTPError as error:
        return Answer(error.code, error.read(), _type_of(error))
    except TimeoutError as error:
        raise BundleError(
            f"`{url}` did not answer within {timeout:g} s.", hint="Wait longer with `--timeout`."
        ) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise BundleError(
            f"`{url}` does not answer: {reason}.",
            hint="Start a server with `bundle serve`, or name a tag instead of a URL.",
        ) from error


def _type_of(response: Any) -> str:
    return str(response.headers.get("content-type", ""))


def _kind(content: bytes, suffix: str) -> str:
    if suffix in TYPES:
        return TYPES[suffix]
    for magic, name in _MAGIC.items():
        if content.startswith(magic):
            return TYPES[name]
    return JSON


def _wrapped(content: bytes) -> bytes:
    try:
        data = jsonlib.loads(content)
    except ValueError:
        return content  # the server says what is wrong with it
    return jsonlib.dumps({"instances": data}).encode() if isinstance(data, list) else content
