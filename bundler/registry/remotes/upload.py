"""Upload: sends one blob to a registry."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

from ...errors import RegistryError
from ...store import Blob
from ..http.answer import Answer
from ..http.exchange import Exchange
from ..http.retry import Retry
from ..http.transient_error import TransientError
from .content import Content
from .layout_remote import changed
from .remote import Advance, Way

_CREATED, _ACCEPTED, _TOO_LARGE, _NOT_SATISFIABLE = 201, 202, 413, 416
_STATED = {200, 202, 204}
_GONE = {404, 410}
_FORGOTTEN = {*_GONE, 416}
_INVALID = 400
_UNKNOWN = {_INVALID, 404, 405, 501}  # statuses of a registry without chunked uploads
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")


class Upload:
    """Mounts the blob if another repository of the registry has it; else uploads it in parts."""

    def __init__(self, exchange: Exchange, blob: Blob, content: Content, advance: Advance) -> None:
        self._exchange = exchange
        self._blob = blob
        self._content = content
        self._advance = advance
        self._told = 0  # bytes counted as progress
        self._chunk = exchange.limits.chunk
        self._retry = Retry(exchange.limits, exchange.stop)
        self._location = ""
        self._offset = 0
        self._furthest = 0

    def run(self, source: str | None = None) -> Way:
        """Upload the blob; `source` is another repository that may have it.

        Raises:
            TransientError: after too many broken connections.
            RegistryError: when the registry refuses it.
            Damaged: when our own copy has another digest.
        """
        if self._mount(source):
            self._tell(self._blob.size)
            return "mounted"
        while True:
            try:
                self._go_on()
            except TransientError as failure:
                self._retry.wait(failure)
                if self._exchange.has(self._blob):  # it was the answer that got lost
                    break
                self._look()
            else:
                break
        self._tell(self._blob.size)
        return "sent"

    def _mount(self, source: str | None) -> bool:
        if source is None or source == self._exchange.reference.repository:
            return False
        query = f"uploads/?mount={self._blob.digest}&from={quote(source, safe='')}"
        url = self._exchange.url(f"blobs/{query}")
        with suppress(RegistryError):  # not ours to read from any more: then it travels
            answer = self._exchange.ask("POST", url, {"Content-Length": "0"}, also=source)
            if answer.status == _ACCEPTED:
                self._began(answer)
            return answer.status == _CREATED
        return False

    def _go_on(self) -> None:
        if not self._location:
            self._begin()
        if self._offset == 0 and self._blob.size <= self._chunk:
            self._finish(0)
            return
        while self._offset < self._blob.size:
            self._send_piece()
        self._finish(self._offset)

    def _begin(self) -> None:
        answer = self._exchange.once(
            "POST", self._exchange.url("blobs/uploads/"), {"Content-Length": "0"}
        )
        self._exchange.expect(answer, {_ACCEPTED}, "an upload")
        self._began(answer)
        answer.read(self._exchange.limits.message)

    def _began(self, answer: Answer) -> None:
        self._location, self._offset = self._exchange.follow(answer), 0
        least = answer.header("OCI-Chunk-Min-Length")
        if least.isascii() and least.isdigit() and len(least) < 12:  # noqa: PLR2004
            self._chunk = max(self._chunk, int(least))

    def _send_piece(self) -> None:
        size = min(self._chunk, self._blob.size - self._offset)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "Content-Range": f"{self._offset}-{self._offset + size - 1}",
        }
        start = self._offset
        answer = self._exchange.once(
            "PATCH", self._location, headers, lambda: self._bytes(start, size)
        )
        if answer.status == _TOO_LARGE:
            self._shrink(answer)
            return
        if answer.status == _NOT_SATISFIABLE:
            answer.close()
            raise TransientError(f"`{self._exchange.reference.host}` lost count of an upload.")
        if answer.status in _UNKNOWN and start == 0 and self._chunk < self._blob.size:
            answer.close()
            self._chunk, self._location = self._blob.size, ""
            raise TransientError(f"`{self._exchange.reference.host}` takes no uploads in pieces.")
        if answer.status in _GONE:
            raise self._forgotten(answer)
        self._exchange.expect(answer, {_CREATED, *_STATED}, "a piece of an upload")
        self._location = self._exchange.follow(answer)
        self._reach(self._received(answer, start + size))
        answer.read(self._exchange.limits.message)
        if self._offset <= start:
            raise TransientError(f"`{self._exchange.reference.host}` keeps nothing of an upload.")

    def _finish(self, offset: int) -> None:
        """Send the rest, and the digest of the whole."""
        size = self._blob.size - offset
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        url = f"{self._location}{'&' if '?' in self._location else '?'}digest={self._blob.digest}"
        answer = self._exchange.once("PUT", url, headers, lambda: self._bytes(offset, size))
        if answer.status == _TOO_LARGE and size:
            self._shrink(answer)
            self._location = ""
            raise TransientError(
                f"`{self._exchange.reference.host}` takes no blob of that size at once."
            )
        if answer.status in _FORGOTTEN:
            raise self._forgotten(answer)
        if answer.status == _INVALID:
            self._check_own_copy()
        self._exchange.expect(answer, {_CREATED, 204}, f"the blob `{self._blob.digest}`")
        answer.read(self._exchange.limits.message)

    def _forgotten(self, answer: Answer) -> TransientError:
        """Start again, as the registry has lost the upload."""
        answer.close()
        self._location, self._offset = "", 0
        return TransientError(f"`{self._exchange.reference.host}` has forgotten an upload.")

    def _look(self) -> None:
        """Ask how many bytes were received; start again if the registry has lost the upload."""
        if not self._location:
            return
        answer = self._exchange.ask("GET", self._location)
        if answer.status in _STATED:
            self._reach(self._received(answer, self._blob.size))
            if answer.header("Location"):
                self._location = self._exchange.follow(answer)
            if self._offset:
                return
        self._location, self._offset = "", 0

    def _reach(self, offset: int) -> None:
        """Count as progress what the registry has received, not what was sent."""
        self._retry.advanced(max(0, offset - self._furthest))
        self._furthest = max(self._furthest, offset)
        self._offset = offset

    def _received(self, answer: Answer, most: int) -> int:
        """The bytes that the registry has received; some report none as "0-0"."""
        found = _RANGE.fullmatch(answer.header("Range").strip())
        if not found:
            return most if answer.status in {_ACCEPTED, _CREATED} else 0
        received = int(found[1]) + 1 if int(found[1]) else 0
        if received > most:
            raise RegistryError(
                f"`{self._exchange.reference.host}` claims {received:,} bytes of an upload of "
                f"which {most:,} were sent."
            )
        return received

    def _shrink(self, answer: Answer) -> None:
        """Halve the size of pieces.

        Raises:
            RegistryError: when the pieces would become too small.
        """
        if self._chunk <= self._exchange.limits.smallest:
            self._exchange.expect(answer, set(), "a piece of an upload")
        answer.close()
        self._chunk = max(self._chunk // 2, self._exchange.limits.smallest)

    def _bytes(self, start: int, size: int) -> Iterator[bytes]:
        reached = start
        for part in self._content.read(start, size):
            yield part
            reached += len(part)
            self._tell(reached)

    def _tell(self, reached: int) -> None:
        """Report every byte once, however often it is sent."""
        self._advance(max(0, reached - self._told))
        self._told = max(self._told, reached)

    def _check_own_copy(self) -> None:
        running = hashlib.sha256()
        for part in self._content.read(0, self._blob.size):
            running.update(part)
        got = f"sha256:{running.hexdigest()}"
        if got != self._blob.digest:
            raise changed(self._blob.digest, got)
