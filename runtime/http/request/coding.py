"""Content coding: gzip and deflate, of requests and of answers."""

import asyncio
import zlib

from ...errors import BadPayload, PayloadTooLarge, UnsupportedMediaType
from ...printable import printable
from .body import Body
from .exchange import Exchange, Receive

_AT_ONCE = 1 << 16  # bytes that are inflated, or deflated, before others have their turn
_PIECE = 1 << 12  # bytes of a body that are looked at
_CODINGS = 4  # one over another
_MEMBERS = 16  # gzip files in one body, and one more for each
_MEMBER = 1 << 10  # bytes of output that allow one more member
_WORTH = 1 << 10  # bytes; smaller bodies are not compressed
_LEVEL = 1  # tensors hardly become smaller by more
_GZIP = 16 + zlib.MAX_WBITS
_ZLIB_METHOD = 8
_WINDOWS = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": zlib.MAX_WBITS}
_BITS = {b"gzip": _GZIP, b"deflate": zlib.MAX_WBITS}

_turn = asyncio.Lock()  # the budget does not count inflated bytes: one body at a time


async def read_plain(exchange: Exchange, body: Body, receive: Receive) -> bytes:
    """The body of a request, as it was before the client compressed it.

    Raises:
        RequestError: as `Body.read` and `inflated` do.
    """
    headers = exchange.headers
    data = await body.read(receive, headers.get(b"content-length"))
    exchange.received = len(data)
    coding = headers.get(b"content-encoding")
    if coding is None or not data:
        return data
    data = await inflated(data, coding, body.limit)
    body.hold(len(data))
    return data


async def inflated(body: bytes, coding: bytes, limit: int) -> bytes:
    """Decompress `body`; `coding` is the Content-Encoding.

    Codings are listed in the order in which they were applied.

    Raises:
        UnsupportedMediaType: for any other than gzip, deflate and identity, or too many of them.
        PayloadTooLarge: as soon as it becomes larger than `limit` bytes.
        BadPayload: when it is damaged, or ends too early.
    """
    names = [name.strip().lower() for name in coding.split(b",", _CODINGS)]
    names = [name for name in names if name not in {b"", b"identity"}]
    if len(names) > _CODINGS or not _WINDOWS.keys() >= set(names):
        shown = printable(coding.decode("latin-1"))[:64]
        raise UnsupportedMediaType(f"The body is encoded as `{shown}`; send gzip or deflate.")
    for name in reversed(names):
        body = await _inflated(body, name, limit)
    return body


async def _inflated(body: bytes, name: bytes, limit: int) -> bytes:
    """As `inflated`, of one coding."""
    window = _WINDOWS[name]
    if name == b"deflate" and not _is_zlib(body):
        window = -zlib.MAX_WBITS  # as some clients understand the word
    inflater = _Inflater(body, window, limit)
    if inflater.take(_AT_ONCE):
        return inflater.whole()
    async with _turn:
        await asyncio.to_thread(inflater.finish)
    return inflater.whole()


async def deflated(body: bytes, accepted: bytes) -> tuple[bytes, bytes] | None:
    """Compress `body` if the client asks for exactly one known coding; returns it with its coding.

    Many libraries send `gzip, deflate` by default; compressing numbers for them would take longer
    than sending them.
    """
    coding = accepted.strip().lower()
    if not is_coding(coding) or len(body) < _WORTH:
        return None
    if len(body) < _AT_ONCE:
        return _deflate(body, _BITS[coding]), coding
    return await asyncio.to_thread(_deflate, body, _BITS[coding]), coding


def is_coding(accepted: bytes) -> bool:
    """Whether `Accept-Encoding` names exactly one known coding."""
    return accepted.strip().lower() in _BITS


def _deflate(body: bytes, window: int) -> bytes:
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, window)
    return deflater.compress(body) + deflater.flush()


def _is_zlib(body: bytes) -> bool:
    """Whether it begins with a zlib header (RFC 1950)."""
    start = int.from_bytes(body[:2])
    return len(body) > 1 and body[0] & 15 == _ZLIB_METHOD and not start % 31


class _Inflater:
    """Inflates a body bit by bit; a gzip file may have several members."""

    def __init__(self, body: bytes, window: int, limit: int) -> None:
        self._body = memoryview(body)
        self._at = 0  # bytes that were consumed
        self._window = window
        self._limit = limit
        self._members = _MEMBERS + limit // _MEMBER
        self._stream = zlib.decompressobj(window)
        self._parts: list[bytes] = []
        self._size = 0

    def take(self, most: int) -> bool:
        """Go on, by at most so many bytes more, of either form; whether that was all."""
        while most > 0:
            begin = self._at
            part = self._part(min(most, self._limit + 1 - self._size))
            self._parts.append(part)
            self._size += len(part)
            most -= max(len(part), self._at - begin)
            if self._size > self._limit:
                raise PayloadTooLarge(
                    f"The body is larger than {self._limit} bytes when it is decompressed."
                )
            if self._stream.eof:
                if self._at == len(self._body):
                    return True
                self._next_member()
                most -= _MEMBER
            elif not part and self._at == len(self._body):
                raise BadPayload("The compressed body ends too early.")
        return False

    def _part(self, room: int) -> bytes:
        # In small pieces, because the rest after each member is copied, and there may be thousands.
        piece = self._body[self._at : self._at + _PIECE]
        try:
            part = self._stream.decompress(piece, room)
        except zlib.error:
            raise BadPayload("The body is not what its Content-Encoding says.") from None
        stream = self._stream
        self._at += len(piece) - len(stream.unused_data if stream.eof else stream.unconsumed_tail)
        return part

    def _next_member(self) -> None:
        self._members -= 1
        if self._window != _GZIP or self._members < 0:
            raise BadPayload("Something follows the compressed body.")
        self._stream = zlib.decompressobj(self._window)

    def finish(self) -> None:
        """All that is left."""
        while not self.take(self._limit + 1):
            pass

    def whole(self) -> bytes:
        """The whole output."""
        return b"".join(self._parts)
