"""ServeSupervisor: holds a server's socket, and replaces the server process at SIGHUP.

SIGTERM and SIGINT are passed on. On SIGHUP the target is looked up again, and what it now names is
served by a new process; the old one answers until that is ready, and finishes what it has begun.
"""

import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ...bundler.errors import StoreError
from ...bundler.serving.running import RunningServer
from ...runtime.errors import BundleError
from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.settings import ServeSettings
from ...runtime.process.crew.event_loop import EventLoop
from ...runtime.process.crew.exit_report import signal_name
from ...runtime.process.sockets.address import Address
from ...runtime.process.supervising.resolver import Resolver
from ...runtime.process.supervising.terminal import Terminal
from ..terminal.console import Console
from .announcement import announcement
from .served import Served

if TYPE_CHECKING:
    from ...bundler.serving.serving import Launch, LaunchOptions
    from ...bundler.store import Store

STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class ServeRequest:
    """The options of `bundle serve`; `options` are those of the runtime."""

    target: str
    store: "Store"
    launch_options: "LaunchOptions"
    options: Sequence[str]


class ServeSupervisor:
    """Serves a target until a signal."""

    def __init__(self, request: ServeRequest, console: Console) -> None:
        self._request = replace(request, options=_settled(request.options))
        self._console = console
        stops = [each for each in STOPS if signal.getsignal(each) is not signal.SIG_IGN]
        self._ignores_hang_ups = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # `nohup`
        self._loop = EventLoop((*stops, signal.SIGHUP))
        self._terminal = Terminal()
        self._servers: list[Served] = []
        self._current: Served | None = None  # that serves, or will
        self._next: Served | None = None  # that shall take over
        self._is_asked = False  # for another restart, while a server begins
        self._is_ending = False  # nobody takes over any more
        self._code = 0
        self._listener: socket.socket | None = None
        self._record: RunningServer | None = None

    def run(self) -> int:
        """Serve; the exit code of the server.

        Raises:
            BundleError: when the target cannot be served.
        """
        try:
            first = self._prepare()
            with self._loop:
                self._current = self._start(first)
                while self._servers:
                    for number in self._loop.wait():
                        self._obey(number)
                    for server in [each for each in self._servers if each.has_ended(self._loop)]:
                        self._ended(server)
                return self._code
        finally:
            self._close()

    def _obey(self, number: int) -> None:
        if number == signal.SIGHUP and not self._terminal.is_gone:
            self._restart()
        elif number != signal.SIGHUP or not self._ignores_hang_ups:
            self._is_ending = True
            for server in self._servers:
                server.send(signal.SIGTERM if number == signal.SIGHUP else number)

    # --- servers ---

    def _prepare(self) -> Served:
        from ...bundler.serving.serving import prepare

        request = self._request
        with ExitStack() as stack:
            launch = stack.enter_context(
                prepare(request.target, request.store, request.launch_options, self._console)
            )
            resolver = self._resolver(launch, stack)
            server = Served(launch, stack.pop_all(), resolver)
        self._console.step(server.launch.environment.why)
        return server

    def _resolver(self, launch: "Launch", stack: ExitStack) -> Resolver | None:
        """How the server may ask for models of the store, where its bundle says that they come."""
        settings = ServeSettings.from_json(BundleManifest.read(launch.directory).serve)
        if settings.registration != "store":
            return None
        from ...bundler.serving.offering import resolver

        request = self._request
        try:
            place = stack.enter_context(request.store.staging())
        except StoreError as error:
            self._console.warning(f"No model can be registered while it serves: {error}")
            return None
        return resolver(request.store, place, request.launch_options.policy, launch.variables())

    def _start(self, server: Served) -> Served:
        self._servers.append(server)  # so that it is let go of, whatever happens
        if self._listener is None:
            self._listener, self._record = self._listen(server.launch)
        stdout = sys.stderr if self._console.json else None
        successor = self._current is not None
        try:
            server.start(self._request.options, self._listener, stdout, is_successor=successor)
        except BundleError:
            self._servers.remove(server)
            server.end()
            raise
        server.listen(self._loop, partial(self._ready, server))
        return server

    def _listen(self, launch: "Launch") -> tuple[socket.socket, RunningServer]:
        """Open the port, where the command line, the environment or the bundle says."""
        given = dict(each.split("=", 1) for each in self._request.options if "=" in each)
        manifest = BundleManifest.read(launch.directory)
        settings = ServeSettings.from_json(manifest.serve)
        port = int(given["--port"]) if "--port" in given else None
        address = Address.choose(given.get("--host"), port, settings)
        listener = address.bind()
        address = address.bound(listener)
        record = RunningServer.of(self._request.target, manifest.name, address.url, address.port)
        record.write(self._request.store.root)
        return listener, record

    def _ready(self, server: Served) -> None:
        if server is self._next:
            self._next, old, self._current = None, self._current, server
            if old is not None:
                old.send(signal.SIGUSR1)
            self._note(server.launch)
        else:
            self._note(server.launch)
            if self._record is not None and self._console.json:
                self._console.result(announcement(server.launch, self._record))
        self._go_on()

    def _restart(self) -> None:
        """Look the target up again, and have what it now names take over.

        After whoever begins just now: what is new it may have read already, and may not.
        """
        if self._current is None or self._is_ending:
            return
        if self._next is not None or not self._current.is_ready:
            self._is_asked = True
            return
        self._say(state="restarting", error=None)
        try:
            with self._stoppable():
                prepared = self._prepare()
            self._next = self._start(prepared)  # at once, and not to be left half done
        except BundleError as error:
            self._failed(error)
        except KeyboardInterrupt:
            return  # what interrupted us is obeyed next

    def _go_on(self) -> None:
        """Restart once more, where that was asked for meanwhile."""
        if self._is_asked:
            self._is_asked = False
            self._loop.later(0.0, self._restart)

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Be interrupted by a signal: an environment may take minutes to be made."""

        def stop(number: int, _: object) -> None:
            self._loop.add_signal(number)
            raise KeyboardInterrupt

        before = {number: signal.signal(number, stop) for number in STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _failed(self, error: BundleError) -> None:
        """The old one goes on."""
        self._console.error(f"The restart failed, and the old server goes on: {error}", error.hint)
        failure = {"message": str(error), "hint": error.hint, "code": error.exit_code}
        self._say(state="serving", error=failure, attempts=1 + self._attempts)
        self._go_on()

    def _ended(self, server: Served) -> None:
        self._servers.remove(server)
        was_first = self._current is server and not server.is_ready and not self._attempts
        if server is self._next:
            self._next = None
            if self._current in self._servers and not self._is_ending:
                code = server.exit_code
                ended = BundleError(f"The new server ended with exit code {code}.")
                self._failed(server.failure or ended)
        if not self._servers:
            self._code = server.exit_code
            if server.killer is not None:  # it has said nothing
                self._console.error(f"The server was killed by {signal_name(server.killer)}.")
        server.end()
        if was_first and self._console.json:
            error = BundleError("The server ended before it was ready; stderr has its words.")
            error.exit_code = self._code or 1
            raise error

    def _close(self) -> None:
        for server in self._servers:
            server.end()
        if self._record is not None:
            self._record.remove(self._request.store.root)
        if self._listener is not None:
            self._listener.close()

    # --- what it says of itself ---

    @property
    def _attempts(self) -> int:
        return self._record.attempts if self._record is not None else 0

    def _note(self, launch: "Launch") -> None:
        """A server is ready: this is what is served now."""
        is_first = self._record is not None and self._record.state == "starting"
        attempts = self._attempts + (0 if is_first else 1)
        self._say(
            state="serving", tag=launch.tag, digest=launch.digest, attempts=attempts, error=None
        )

    def _say(self, **changes: object) -> None:
        if self._record is not None:
            self._record = replace(self._record, **changes)  # type: ignore[arg-type]
            self._record.write(self._request.store.root)


def _settled(options: Sequence[str]) -> list[str]:
    """With a port of gRPC's in place of any free one: whoever takes over shall have the same."""
    anything = "--grpc-port=0"
    if anything not in options:
        return list(options)
    from .temporary_server import free_port

    return [f"--grpc-port={free_port()}" if each == anything else each for each in options]
