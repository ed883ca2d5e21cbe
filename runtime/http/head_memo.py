"""HeadMemo: heads that were read before, so that the same bytes are not parsed again."""

from .plain_head import Headers, PlainHead

MOST = 1024  # heads
LARGEST = 2048  # bytes of one

_REQUEST_LINE = b"POST %b HTTP/1.1"


class HeadMemo:
    """What heads mean, by their bytes: clients send the same few again and again.

    A head comes in only when the parser and all checks have passed these very bytes, and when
    they read the same to a parser of three lines. It is remembered the second time that it comes,
    so that heads which never come twice push nothing out.
    """

    __slots__ = ("_known", "_seen", "get")

    def __init__(self) -> None:
        self._known: dict[bytes, PlainHead] = {}
        self._seen: set[int] = set()  # hashes of heads that came once
        self.get = self._known.get
        """What the head, without the blank line that ends it, means; None if it is not known."""

    def __len__(self) -> int:
        """How many heads are known."""
        return len(self._known)

    def learn(self, raw: bytes, plain: PlainHead, target: bytes, headers: Headers) -> None:
        """Remember what `raw`, which the parser read as `target` and `headers`, means."""
        if len(raw) > LARGEST:
            return
        seen, mark = self._seen, hash(raw)
        if mark not in seen:
            if len(seen) >= MOST:
                seen.clear()
            seen.add(mark)
            return
        if not _is_read_alike(raw, target, headers):
            return
        if len(self._known) >= MOST:
            # The oldest makes room; what is still in use is back the next time but one.
            del self._known[next(iter(self._known))]
        self._known[raw] = plain


def _is_read_alike(raw: bytes, target: bytes, headers: Headers) -> bool:
    """Whether `raw`, cut at its line ends and first colons, says what the parser made of it."""
    first, *lines = raw.split(b"\r\n")
    if first != _REQUEST_LINE % target or raw.count(b"\n") != len(lines):
        return False
    if raw.count(b"\r") != len(lines) or len(lines) != len(headers):
        return False
    for line, (name, value) in zip(lines, headers, strict=True):
        said, colon, rest = line.partition(b":")
        if not colon or said.lower() != name or rest.strip(b" \t") != value.strip(b" \t"):
            return False
    return True
