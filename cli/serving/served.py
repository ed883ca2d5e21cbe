"""Served: one server process of `bundle serve`, and the messages that it sends."""

import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import IO, TYPE_CHECKING

from ...runtime.errors import BundleError
from ...runtime.process.crew.event_loop import EventLoop
from ...runtime.process.handover import Handover
from ...runtime.process.supervising.resolver import Resolver
from . import fork, process
from .fork import Fork

if TYPE_CHECKING:
    from ...bundler.serving.serving import Launch

_PIECE = 1 << 12


class Served:
    """A server on a socket of ours; `stack` keeps its bundle directory there while it runs.

    failure  why it cannot serve, as far as it could say
    resolver  how it asks for further models, where it may
    """

    def __init__(
        self, launch: "Launch", stack: ExitStack, resolver: Resolver | None = None
    ) -> None:
        self.resolver = resolver
        self.launch = launch
        self.is_ready = False
        self.failure: BundleError | None = None
        self._stack = stack
        self._told = -1
        self._rest = b""
        self._sent: set[int] = set()
        self._child: process.Child | Fork | None = None

    def start(
        self,
        options: Sequence[str],
        listener: socket.socket,
        stdout: IO[str] | None,
        *,
        is_successor: bool,
    ) -> None:
        """Start it on `listener`; with `is_successor` another answers there until it is ready.

        Raises:
            BundleError: when there may be no more processes, or its interpreter cannot be run.
        """
        self._told, tells = os.pipe()
        handover = Handover(listener.fileno(), tells, is_successor, self.resolver)
        # A successor is another interpreter: what is installed may be another by then.
        start = self._start if is_successor or not self.launch.is_here else self._fork
        variables = {**self.launch.variables(), **handover.variables()}
        try:
            self._child = start(options, variables, stdout, handover.descriptors)
        except OSError as error:
            place = f"`{error.filename}`: " if error.filename else ""
            raise BundleError(f"No process can be started: {place}{error.strerror}.") from error
        finally:
            os.close(tells)
        os.set_blocking(self._told, False)

    def _start(
        self,
        options: Sequence[str],
        variables: Mapping[str, str],
        stdout: IO[str] | None,
        inherited: Sequence[int],
    ) -> process.Child:
        command = self.launch.command(options)
        return process.start(command, variables, stdout=stdout, inherited=inherited)

    def _fork(
        self,
        options: Sequence[str],
        variables: Mapping[str, str],
        stdout: IO[str] | None,
        inherited: Sequence[int],
    ) -> Fork:
        from ...runtime.server import main

        run = partial(main, [str(self.launch.directory), *options])
        return fork.start(run, variables, stdout=stdout, inherited=inherited)

    def listen(self, loop: EventLoop, on_ready: Callable[[], None]) -> None:
        """Hear what it tells."""
        loop.register(self._told, partial(self._hear, on_ready))

    def _hear(self, on_ready: Callable[[], None]) -> bool:
        try:
            data = os.read(self._told, _PIECE)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + data).split(b"\n")
        for event in map(json.loads, lines):
            if event["event"] == "ready":
                self.is_ready = True
                on_ready()
            else:
                self.failure = BundleError(event["message"], hint=event["hint"])
                self.failure.exit_code = event["code"]
        return bool(data)

    def send(self, number: int) -> None:
        """Send it a signal."""
        if self._child is not None:
            self._sent.add(number)
            self._child.send_signal(number)

    def has_ended(self, loop: EventLoop) -> bool:
        """Whether it has; what it wrote last is heard then."""
        if self._child is None or self._child.poll() is None:
            return False
        loop.unregister(self._told)
        os.set_blocking(self._told, False)
        self._hear(lambda: None)
        return True

    @property
    def exit_code(self) -> int:
        """As a shell says it, once it has ended."""
        code = None if self._child is None else self._child.returncode
        return 1 if code is None else process.exit_code(code)

    @property
    def killer(self) -> int | None:
        """The signal that ended it, which nobody sent by way of us; None where it ended itself."""
        code = 0 if self._child is None else self._child.returncode or 0
        return -code if code < 0 and -code not in self._sent else None

    def end(self) -> None:
        """Have it end, if it has not, and let go of what was there for it."""
        if self._child is not None:
            if self._child.poll() is None:
                self._child.terminate()
            self._child.wait()
        if self._told >= 0:
            os.close(self._told)
        self._stack.close()
