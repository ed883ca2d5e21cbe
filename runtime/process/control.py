"""Control: what a supervisor and one front tell each other, a JSON object a line.

Supervisor to front: `born` and `died` (a model process: model, replica, generation, why), `leave`
(others take over: finish in good order). Front to supervisor: `kill` (model, replica, generation,
why), `cost` (what its batches are measured to take).
"""

import json
import logging
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_PIECE = 1 << 16
Event = dict[str, Any]


class Line:
    """One end: whole events in, whole events out; never waits."""

    def __init__(self, sock: socket.socket) -> None:
        self.on_event: Callable[[Event], None] = lambda _: None
        self._socket = sock
        self._rest = b""
        sock.setblocking(False)

    def fileno(self) -> int:
        """For a selector or a loop; -1 once it is closed."""
        return self._socket.fileno()

    def send(self, event: str, **more: Any) -> None:
        """Tell the other end, if it still listens."""
        line = json.dumps({"event": event, **more}).encode() + b"\n"
        try:
            sent = self._socket.send(line)
        except OSError as error:
            log.debug("An event was not heard: %s.", error)
            return
        if sent < len(line):
            self._socket.close()  # nobody reads there any more, and half a line is no event

    def read(self) -> bool:
        """Hear what has come; False once nothing more can."""
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.on_event(json.loads(line))
        return bool(data)

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
