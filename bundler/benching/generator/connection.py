"""Connection: one client of the load generator."""

import errno
import socket

from .response import END, Head, Heads, NotHttp, dechunked

_SIZE = 1 << 16  # bytes that are read at once
Answer = tuple[Head, bytes]


class Connection:
    """A non-blocking socket, opened when it is first needed.

    number     of the request that was sent, in the list of requests
    due        when the request was due, on the monotonic clock in seconds
    is_busy    whether a request is unanswered
    is_used    whether it has received an answer before
    """

    __slots__ = (
        "_data", "_family", "_head", "_heads", "_start", "due", "fileno", "is_busy", "is_resent",
        "is_used", "number", "socket", "unsent",
    )  # fmt: skip

    def __init__(self, family: int, heads: Heads) -> None:
        self._family = family
        self._heads = heads
        self.socket: socket.socket | None = None
        self.fileno = -1
        self.number = 0
        self.due = 0.0
        self.unsent: bytes | None = None
        self.is_used = False
        self.is_busy = False
        self.is_resent = False
        self._data = b""
        self._head: Head | None = None
        self._start = 0

    def open(self, address: tuple[str, int], request: bytes) -> None:
        """Begin to connect; `flush` sends the request when that is done.

        Raises:
            OSError: when it is refused at once.
        """
        self.socket = socket.socket(self._family, socket.SOCK_STREAM)
        self.fileno = self.socket.fileno()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unsent = request
        code = self.socket.connect_ex(address)
        if code not in {0, errno.EINPROGRESS}:
            raise OSError(code, "refused")

    def ask(self, request: bytes) -> None:
        """Send the request as far as possible; `unsent` is the rest.

        Raises:
            OSError: when the connection is broken.
        """
        self._data = b""
        self._head = None
        assert self.socket is not None
        try:
            sent = self.socket.send(request)
        except BlockingIOError:
            sent = 0
        self.unsent = request[sent:] if sent < len(request) else None

    def flush(self) -> None:
        """Send more of the rest; raises OSError when the connection is broken."""
        assert self.socket is not None
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "refused")
        self.ask(self.unsent or b"")

    def receive(self) -> Answer | None:
        """Read the available data; returns the answer once it is complete.

        Raises:
            NotHttp: when it is not HTTP.
            OSError: when the server has closed the connection before.
        """
        assert self.socket is not None
        try:
            data = self.socket.recv(_SIZE)
        except BlockingIOError:
            return None
        if not data:
            return self._at_end()
        head = self._head
        if head is None:
            return self._begin(self._data + data if self._data else data)
        self._data += data
        return self._whole(head)

    @property
    def has_begun(self) -> bool:
        """Whether a part of the answer has arrived."""
        return bool(self._data)

    def close(self) -> None:
        """Close it; the next request opens it again."""
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self.fileno = -1
        self.unsent = None
        self.is_used = False
        self._data = b""
        self._head = None

    def _begin(self, data: bytes) -> Answer | None:
        end = data.find(END)
        self._data = data
        if end < 0:
            return None
        head = self._heads.get(data[:end])
        start = end + 4
        if len(data) == start + head.length:  # nearly always
            self._data = b""
            return head, data[start:]
        self._head, self._start = head, start
        return self._whole(head)

    def _whole(self, head: Head) -> Answer | None:
        data, start = self._data, self._start
        if head.length == -1:
            body = dechunked(data, start)
            return None if body is None else (head, body)
        if head.length < 0 or len(data) < start + head.length:
            return None
        if len(data) > start + head.length:
            raise NotHttp("More came than was asked for.")
        return head, data[start:]

    def _at_end(self) -> Answer | None:
        if self._head is not None and self._head.length == -2:  # noqa: PLR2004 - see `Head`
            return self._head._replace(is_last=True), self._data[self._start :]
        raise ConnectionResetError(errno.ECONNRESET, "closed")
