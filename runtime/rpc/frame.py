"""Frame: a message between a front and a service process: kind, call number, head, body."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

_HEADER = struct.Struct("<B3xIQQ")  # kind, bytes of the head, bytes of the body, number

MOST_HEAD = 1 << 24  # bytes: routes with their schemas are the largest
MOST_BODY = 1 << 30  # bytes of what a service sends; what a front sends has been limited before
AT_ONCE = 1 << 16  # bytes read at once; a larger frame gets a buffer of its own


class FrameKind(IntEnum):
    """The kind of a frame; its number is that of a call, if it belongs to one.

    To the service:   CALL  CANCEL  MORE (room for more parts)  PING  STOP (finish and exit)
    To the front:     STATE (what it is doing)  READY  ANSWER  ERROR  STREAM  PART  END  PONG
                      HUNG (it cannot recover)  STOPPED
    """

    CALL = 1
    CANCEL = 2
    MORE = 3
    PING = 4
    STOP = 5
    STATE = 16
    READY = 17
    ANSWER = 18
    ERROR = 19
    STREAM = 20
    PART = 21
    END = 22
    PONG = 23
    HUNG = 24
    STOPPED = 25


class BadFrame(ValueError):
    """The bytes are not a frame."""


class Frame(NamedTuple):
    """One message.

    number   of the call, 0 = none
    head     JSON
    body     bytes of a request, or of an answer
    """

    kind: FrameKind
    number: int = 0
    head: bytes = b""
    body: bytes = b""

    def pieces(self) -> list[bytes]:
        """The bytes to send; the body is a piece of its own, which avoids a copy.

        Raises:
            ValueError: when the frame is larger than the other end accepts.
        """
        head, body = self.head, self.body
        is_large = len(body) > MOST_BODY and self.kind != FrameKind.CALL
        if is_large or len(head) > MOST_HEAD:
            raise ValueError(f"A message of {len(head) + len(body)} bytes is too large.")
        front = _HEADER.pack(self.kind, len(head), len(body), self.number) + head
        return [front, body] if body else [front]


class FrameReader:
    """Splits a stream of bytes into frames; `takes_calls` of any size, or else none that large.

    Example:
        size = sock.recv_into(reader.room())
        for frame in reader.read(size): ...
    """

    def __init__(self, *, takes_calls: bool = False) -> None:
        self._takes_calls = takes_calls
        self._small = memoryview(bytearray(AT_ONCE))
        self._filled = 0
        self._large: memoryview | None = None  # of a frame that does not fit
        self._header = (FrameKind.PING, 0, 0, 0)

    def room(self) -> memoryview:
        """The buffer for the next bytes."""
        return (self._small if self._large is None else self._large)[self._filled :]

    def read(self, size: int) -> Iterator[Frame]:
        """Take `size` received bytes; the frames that are complete now.

        Raises:
            BadFrame: for invalid bytes; the rest of the stream cannot be parsed.
        """
        self._filled += size
        if self._large is None:
            yield from self._read_small()
        elif self._filled == len(self._large):
            kind, head, _, number = self._header
            large, self._large, self._filled = self._large, None, 0
            yield Frame(kind, number, bytes(large[:head]), bytes(large[head:]))

    def _read_small(self) -> Iterator[Frame]:
        small, start, end = self._small, 0, self._filled
        while end - start >= _HEADER.size:
            kind, head, body, number = header = self._header_at(start)
            at = start + _HEADER.size
            if end - at >= head + body:
                start = at + head + body
                yield Frame(
                    kind, number, bytes(small[at : at + head]), bytes(small[at + head : start])
                )
            elif _HEADER.size + head + body > len(small):
                self._begin_large(header, small[at:end])
                return
            else:
                break
        if start:
            small[: end - start] = small[start:end]
        self._filled = end - start

    def _header_at(self, start: int) -> tuple[FrameKind, int, int, int]:
        kind, head, body, number = _HEADER.unpack_from(self._small, start)
        is_call = self._takes_calls and kind == FrameKind.CALL
        if head > MOST_HEAD or (body > MOST_BODY and not is_call):
            raise BadFrame(f"A frame of {head + body} bytes was announced.")
        try:
            return FrameKind(kind), head, body, number
        except ValueError:
            raise BadFrame(f"There is no kind {kind} of frames.") from None

    def _begin_large(self, header: tuple[FrameKind, int, int, int], begun: memoryview) -> None:
        self._header = header
        self._large = memoryview(bytearray(header[1] + header[2]))
        self._large[: len(begun)] = begun
        self._filled = len(begun)
