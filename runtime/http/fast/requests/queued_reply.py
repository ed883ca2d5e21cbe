"""QueuedReply: an answer as bytes, as uvicorn would write it."""

import time
from email.utils import formatdate

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ....dialects.reply import Reply

OK = 200


class Date:
    """The Date header of one second, and an answer with it.

    template   an answer with 200 and JSON; formatted with its length, the request id and the body
    """

    __slots__ = ("line", "template")

    def __init__(self, wall: float) -> None:
        self.line = b"date: %b\r\n" % formatdate(wall, usegmt=True).encode()
        self.template = (
            STATUS_LINE[OK]
            + self.line
            + b"content-type: application/json\r\ncontent-length: %d\r\nx-request-id: %b\r\n\r\n%b"
        )


class DateCache:
    """Caches the date, and formats it anew once a second."""

    __slots__ = ("_date", "_until")

    def __init__(self) -> None:
        self._date = Date(0.0)
        self._until = 0.0

    def at(self, now: float) -> Date:
        """The date; `now` is on the monotonic clock."""
        if now >= self._until:
            wall = time.time()
            self._until = now + 1.0 - wall % 1.0
            self._date = Date(wall)
        return self._date


class QueuedReply:
    """An answer that waits for its turn to be written."""

    __slots__ = ("_date", "_reply", "body")

    def __init__(self, reply: Reply, date: Date) -> None:
        self._reply = reply
        self._date = date
        self.body = reply.body if isinstance(reply.body, bytes) else b""

    def encode(self, request_id: bytes, *, is_last: bool) -> bytes:
        """The bytes of the answer; `is_last`: the connection is closed after it."""
        reply = self._reply
        more = b"".join([b"%b: %b\r\n" % header for header in reply.headers])
        if is_last:
            more += b"connection: close\r\n"
        head = b"%b%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%b\r\n" % (
            STATUS_LINE[reply.status],
            self._date.line,
            reply.content_type.encode(),
            len(self.body),
            request_id,
            more,
        )
        return head + self.body
