"""Multipart: the parts of a multipart/form-data body, as browsers and `curl -F` send it.

Source: RFC 7578, RFC 2046 section 5.1. Parts are not encoded, and not nested.
"""

import re
from dataclasses import dataclass

from ...errors import BadPayload
from .. import media

_MOST_PARTS = 1024
_MOST_HEAD = 1 << 13  # bytes of the headers of a part
_LINES = 4  # bytes between the headers of a part and its body
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PARAMETER = re.compile(r';\s*([A-Za-z*]+)=("(?:[^"\\\r\n]|\\.)*"|[^;"\r\n]*)')
_SUFFIXES = {
    ".json": media.JSON,
    ".npy": media.NPY,
    ".npz": media.NPZ,
    ".csv": media.CSV,
    ".arrow": media.ARROW_FILE,
    ".feather": media.ARROW_FILE,
    ".arrows": media.ARROW,
    ".parquet": media.PARQUET,
    ".msgpack": media.MSGPACK,
    ".png": media.PNG,
    ".jpg": media.JPEG,
    ".jpeg": media.JPEG,
    ".txt": media.TEXT,
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    filename       None for a field of a form, text that somebody typed
    content_type   "" where neither the part nor its file name says it
    """

    name: str
    body: bytes
    filename: str | None = None
    content_type: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a file, and not a field of a form."""
        return self.filename is not None or bool(self.content_type)

    def text(self) -> str:
        """The body as text; raises BadPayload when it is not UTF-8."""
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadPayload(f"The part `{self.name[:64]}` is not UTF-8.") from error


def loads(body: bytes, content_type: str) -> list[Part]:
    """The parts of a body, in their order.

    Raises:
        BadPayload: when it is none, or has no part at all.
    """
    boundary = media.parameter(content_type, "boundary") or ""
    if not _BOUNDARY.fullmatch(boundary):
        raise BadPayload("The content type multipart/form-data lacks its `boundary`.")
    bounds, end = _bounds(body, b"\r\n--" + boundary.encode())
    if len(bounds) > _MOST_PARTS:
        raise BadPayload(f"The body has more than {_MOST_PARTS} parts.")
    if not bounds or not body.startswith(b"--", end):
        raise BadPayload("The body is not multipart/form-data with this boundary, or it is cut.")
    return [_part(body, start, stop) for start, stop in bounds]


def type_of(filename: str) -> str:
    """The content type that a file's name tells, or ""."""
    return next((kind for end, kind in _SUFFIXES.items() if filename.lower().endswith(end)), "")


def _bounds(body: bytes, mark: bytes) -> tuple[list[tuple[int, int]], int]:
    """Where each part begins and ends, up to one too many, and where the last mark ends.

    Nothing is copied: bodies may be large.
    """
    bounds: list[tuple[int, int]] = []
    at = -2 if body.startswith(mark[2:]) else body.find(mark)  # the first one needs no line end
    if at == -1:
        return bounds, len(body)
    start = at + len(mark)
    while len(bounds) <= _MOST_PARTS and (stop := body.find(mark, start)) >= 0:
        bounds.append((start, stop))
        start = stop + len(mark)
    return bounds, start


def _part(body: bytes, start: int, stop: int) -> Part:
    end = body.find(b"\r\n\r\n", start, stop)
    if end < 0 or end - start > _MOST_HEAD:
        raise BadPayload("A part of the body has no end of its headers.")
    lines = body[start:end].decode("utf-8", "replace").split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
    }
    disposition = headers.get("content-disposition", "")
    parameters = {name.lower(): _plain(value) for name, value in _PARAMETER.findall(disposition)}
    if not disposition.lower().startswith("form-data") or "name" not in parameters:
        raise BadPayload("A part of the body does not say its name.")
    filename = parameters.get("filename")
    kind = headers.get("content-type", "")
    if media.essence(kind) in {"", media.OCTETS} and filename:
        kind = type_of(filename) or kind
    return Part(parameters["name"], body[end + _LINES : stop], filename, kind)


def _plain(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value.strip()
