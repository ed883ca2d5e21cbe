"""Control: what a supervisor and one front tell each other, a JSON object a line.

Supervisor to front: `born` and `died` (a model process: model, term, replica, generation, why),
`leave` (others take over: finish in good order), `end` (nobody does: let nobody in any more),
`come` (with channels), `enter`, `withdraw`, `go` (a term of a model), `stands` and `done` (what has
become of it), `welcome` and `farewell` (a model from outside the bundle). Front to supervisor:
`kill` (model, term, replica, generation, why), `cost` (what its batches are measured to take),
`load` and `unload` (model, ticket), `register` and `forget` (the same, from and to outside),
`loaded`, `failed`, `here`, `gone` (model, term, why).
"""

import json
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ..errors import BundleError

log = logging.getLogger(__name__)

_PIECE = 1 << 16
_MOST = 253  # descriptors in one message: Linux's SCM_MAX_FD
_PRIVATE = getattr(socket, "MSG_CMSG_CLOEXEC", 0)  # no program that is started gets them
Event = dict[str, Any]


class Line:
    """One end: whole events in, whole events out; never waits."""

    def __init__(self, sock: socket.socket) -> None:
        self.on_event: Callable[[Event], None] = lambda _: None
        self._socket = sock
        self._rest = b""
        self._descriptors: deque[int] = deque()  # that came, and whose event has not
        sock.setblocking(False)

    def fileno(self) -> int:
        """For a selector or a loop; -1 once it is closed."""
        return self._socket.fileno()

    def send(self, event: str, descriptors: Sequence[int] = (), **more: Any) -> None:
        """Tell the other end, if it still listens; it gets descriptors of its own."""
        line = json.dumps({"event": event, **more}).encode() + b"\n"
        try:
            if descriptors:
                sent = socket.send_fds(self._socket, [line], descriptors)
            else:
                sent = self._socket.send(line)
        except OSError as error:
            log.debug("An event was not heard: %s.", error)
            return
        if sent < len(line):  # nobody reads there any more, and half a line is no event
            with suppress(OSError):  # not closed: whoever waits for us hears the end now
                self._socket.shutdown(socket.SHUT_RDWR)

    def read(self) -> bool:
        """Hear what has come; False once nothing more can.

        An event that cannot be followed is in the log, and keeps nobody from hearing the next.

        Raises:
            BundleError: it is about the end of the server.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _PIECE, _MOST, _PRIVATE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._descriptors.extend(descriptors)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._heard(line)
        return bool(data)

    def _heard(self, line: bytes) -> None:
        try:
            self.on_event(json.loads(line))
        except BundleError:
            raise
        except Exception:  # whoever told it is another process: its word ends nothing here
            log.exception("An event could not be followed: %.200r.", line)

    def take(self, count: int) -> list[int]:
        """The next descriptors that came; they are the caller's."""
        return [self._descriptors.popleft() for _ in range(count)]

    def close(self) -> None:
        """Tell and hear nothing more."""
        self._socket.close()


class Control:
    """Both ends, made before the fork; each process closes the other's."""

    def __init__(self) -> None:
        self.supervisor, self.front = map(Line, socket.socketpair())

    def close(self) -> None:
        """Both ends."""
        self.supervisor.close()
        self.front.close()
