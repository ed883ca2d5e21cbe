"""Connection: one end of the stream between a front and a service process, on an event loop."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from .frame import Frame, FrameKind, FrameReader

log = logging.getLogger(__name__)

HIGH_WATER = 1 << 20  # bytes waiting to be sent, above which no more calls should be sent
_READS = 64  # last bytes to read: more than the buffer of a socket holds


class Connection(asyncio.BufferedProtocol):
    """Sends and receives whole frames.

    on_frame  called with each frame; an exception closes the connection, as a bad frame does
    on_lost   called once, with the reason: what was wrong with a frame, or "" at the end of stream
    on_room   called when more can be sent after `has_room` was False
    takes_calls  whether this end is the service's, which bodies of any size come to
    """

    def __init__(
        self,
        on_frame: Callable[[Frame], None],
        on_lost: Callable[[str], None],
        on_room: Callable[[], None] = lambda: None,
        *,
        takes_calls: bool = False,
    ) -> None:
        self.has_room = True
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._on_room = on_room
        self._reader = FrameReader(takes_calls=takes_calls)
        self._transport: asyncio.Transport | None = None
        self._wrong = ""

    def send(self, kind: FrameKind, number: int = 0, head: bytes = b"", body: bytes = b"") -> None:
        """Send a frame if the connection is open; raises ValueError when it is too large."""
        pieces = Frame(kind, number, head, body).pieces()
        if self._transport is not None:
            for piece in pieces:  # frames of one turn of the event loop are sent together
                self._transport.write(piece)

    def close(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def finish(self) -> None:
        """Handle what has been received so far, and close the connection."""
        if self._transport is None:
            return
        descriptor = self._transport.get_extra_info("socket").fileno()
        with suppress(OSError):  # everything was read
            for _ in range(_READS):
                size = os.readv(descriptor, [self.get_buffer(-1)])
                if not size or self._wrong:
                    break
                self.buffer_updated(size)
        self.close()

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(HIGH_WATER)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """The buffer for the next bytes."""
        return self._reader.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Handle the received bytes."""
        try:
            for frame in self._reader.read(nbytes):
                self._on_frame(frame)
        except Exception as error:
            log.exception("A frame cannot be understood.")
            self._wrong = f"said what cannot be understood: {type(error).__name__}"
            self.close()

    def eof_received(self) -> bool:
        """Close: the other end has closed its direction."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Report the end of the connection."""
        self._transport = None
        with suppress(RuntimeError):  # the loop is being closed
            self._on_lost(self._wrong)

    def pause_writing(self) -> None:
        """Note that the send buffer is full."""
        self.has_room = False

    def resume_writing(self) -> None:
        """Report that there is room in the send buffer again."""
        self.has_room = True
        self._on_room()
