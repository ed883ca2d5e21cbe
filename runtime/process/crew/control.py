"""The control line between the supervisor and a front: one JSON object per line.

Supervisor to front:

process_started, process_died   a model process: model, term, replica, generation, why
prepare, commit, abort          the steps of a load (model, term); `prepare` carries channels
unload                          unload a model (model, term)
model_state                     the state of a model in all fronts (model, state, why, failed)
result                          the result of a front's request (request_id, state, why)
add_model, remove_model         a model from outside the bundle
prefer                          the default version of a name (model)
leave                           another crew takes over: finish the running requests
shut_down                       the server ends: accept no more connections
allow_ready                     `/readyz` may answer 200
measure, ping                   answered with `costs` and `pong`

Front to supervisor:

load, unload, register, forget, prefer   requests (model, request_id, replicas); `register` and
                                         `forget` are for models from outside the bundle
prepared, failed, committed, unloaded    reports about a load or unload (model, term, why)
kill_process                             a model process that hangs (as `process_died`)
hung                                     this front hangs and ends itself (why)
costs                                    the measured cost of its batches, by queue
pong                                     is_debugged
"""

import errno
import json
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ...errors import BundleError
from ...system import fd_message

log = logging.getLogger(__name__)

_PIECE = 1 << 16
_MOST = 253  # descriptors in one message: Linux's SCM_MAX_FD
Event = dict[str, Any]


class ControlLine:
    """One end of a control line: sends and receives whole events, and never blocks.

    What does not fit into the socket's buffer is queued here.

    on_full   called when events are queued; then `flush` must be called once there is room
    """

    def __init__(self, sock: socket.socket) -> None:
        self.on_event: Callable[[Event], None] = lambda _: None
        self.on_full: Callable[[], None] = lambda: None
        self._socket = sock
        self._rest = b""
        self._descriptors: deque[int] = deque()  # received, and not taken yet
        self._kept: deque[tuple[bytes, list[int]]] = deque()  # with our own duplicates
        sock.setblocking(False)

    def fileno(self) -> int:
        """For a selector or a loop; -1 once it is closed."""
        return self._socket.fileno()

    def send(self, event: str, descriptors: Sequence[int] = (), **more: Any) -> None:
        """Send an event, with duplicates of `descriptors`; ignored if the other end is closed.

        Raises:
            OSError: when a descriptor cannot be duplicated (EMFILE).
        """
        line = json.dumps({"event": event, **more}).encode() + b"\n"
        if len(descriptors) > _MOST:
            self._send_in_parts(line, _copies(descriptors))
            return
        sent = 0 if self._kept else self._write(line, descriptors)
        if sent < len(line):
            self._kept.append((line[sent:], [] if sent else _copies(descriptors)))
            if len(self._kept) == 1:
                self.on_full()

    def _send_in_parts(self, line: bytes, copies: list[int]) -> None:
        """Send an event with more descriptors than fit into a message: some with each byte."""
        was_empty = not self._kept
        while copies:
            size = 1 if len(copies) > _MOST else len(line)
            self._kept.append((line[:size], copies[:_MOST]))
            line, copies = line[size:], copies[_MOST:]
        if not self.flush() and was_empty:
            self.on_full()

    def flush(self) -> bool:
        """Send queued events as far as there is room; whether the queue is empty now."""
        while self._kept:
            line, descriptors = self._kept[0]
            try:
                sent = self._write(line, descriptors)
            except OSError as error:  # what comes later would make no sense without it
                log.error("An event cannot be sent: %s.", error)  # noqa: TRY400
                self._end()
                return True
            if not sent:
                return False
            _close(descriptors)
            self._kept[0] = line[sent:], []
            if sent == len(line):
                self._kept.popleft()
        return True

    def _write(self, line: bytes, descriptors: Sequence[int]) -> int:
        """The number of bytes that were sent; all of them if the other end is closed.

        Raises:
            OSError: when the descriptors cannot be sent.
        """
        try:
            if descriptors:
                return socket.send_fds(self._socket, [line], descriptors)
            return self._socket.send(line)
        except BlockingIOError:
            return 0
        except OSError as error:
            if descriptors and not isinstance(error, ConnectionError):
                raise
            log.debug("An event was not received: %s.", error)
            return len(line)

    def _end(self) -> None:
        self._forget()
        with suppress(OSError):  # not closed: the event loop must see the end
            self._socket.shutdown(socket.SHUT_RDWR)

    def _forget(self) -> None:
        while self._kept:
            _close(self._kept.popleft()[1])

    def read(self) -> bool:
        """Handle the events that have arrived; False once the other end is closed.

        An event whose handler fails is logged, and the next one is handled.

        Raises:
            BundleError: from a handler; it ends the server.
        """
        try:
            data, descriptors = fd_message.receive(self._socket, _PIECE, _MOST)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._descriptors.extend(descriptors)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._handle(line)
        return bool(data)

    def _handle(self, line: bytes) -> None:
        try:
            self.on_event(json.loads(line))
        except BundleError:
            raise
        except Exception:  # a faulty event of another process must not end this one
            log.exception("An event could not be handled: %.200r.", line)

    def take(self, count: int) -> list[int]:
        """The next received descriptors, in order; the caller closes them.

        Raises:
            OSError: when some did not arrive, as there was no room for them here (EMFILE).
        """
        found = [self._descriptors.popleft() for _ in range(min(count, len(self._descriptors)))]
        if len(found) < count:
            _close(found)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return found

    def close(self) -> None:
        """Close the line."""
        self._forget()
        self._socket.close()


class ControlPair:
    """Both ends of a control line, created before the fork; each process closes the other's."""

    def __init__(self) -> None:
        self.supervisor, self.front = map(ControlLine, socket.socketpair())

    def close(self) -> None:
        """Close both ends."""
        self.supervisor.close()
        self.front.close()


def _copies(descriptors: Sequence[int]) -> list[int]:
    made: list[int] = []
    try:
        for each in descriptors:
            made.append(os.dup(each))  # noqa: PERF401  on an error, those made so far are closed
    except OSError:
        _close(made)
        raise
    return made


def _close(descriptors: Sequence[int]) -> None:
    for each in descriptors:
        os.close(each)
