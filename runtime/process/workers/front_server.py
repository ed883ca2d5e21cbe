"""FrontServer: the server of one front process, from listening to the last answer."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from ...errors import BundleError
from ...http.app import Application
from ...http.connection.protocol import LimitedProtocol
from ...http.connection.unread import has_unread
from ...http.fast.fast_protocol import FastProtocol
from ..crew.control import ControlLine
from ..sockets.accept_queue import GLANCE, IDLE_GRACE, LAME_DUCK, QUEUE_DRAIN, emptied, turn_away
from ..sockets.grpc_sockets import GrpcSockets
from .acceptor import Acceptor

if TYPE_CHECKING:
    from ...grpc.front import Front
    from .management_front import ManagementFront

log = logging.getLogger(__name__)

FLUSHES = 10
LAST_RESORT = 5.0  # seconds beyond the grace
PATIENCE = 1.0  # seconds, or as long as it took itself, that one which is ready waits for others


class FrontServer(uvicorn.Server):
    """uvicorn's server, with a shutdown that loses no accepted request.

    On SIGTERM `/readyz` answers 503 and every answer closes its connection, while new connections
    are still accepted. Then the accept queue is closed and drained, and running requests are
    awaited. A second signal ends the process at once.

    Several fronts may share the socket: while this one loads, it leaves connections to those for
    which `others_are_ready` is true. With a `line` to a supervisor, new connections are refused at
    the end only if the supervisor says that all fronts end; otherwise this front is replaced.
    """

    def __init__(
        self,
        application: Application,
        others_are_ready: Callable[[], bool] = lambda: False,
        *,
        line: ControlLine | None = None,
        is_alone: bool = True,
    ) -> None:
        settings = application.plan.settings
        self._protocol = application.protocol()
        super().__init__(
            uvicorn.Config(
                application,
                http=self._protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # a client could claim any address
                server_header=False,
            )
        )
        self.config.timeout_keep_alive = settings.limits.keep_alive  # type: ignore[assignment]
        self.application = application
        self._drain_timeout = settings.drain_timeout
        self._others_are_ready = others_are_ready
        self._line = line  # to the supervisor
        self._is_alone = is_alone
        self._refuses_at_end = line is None
        self._is_handing_over = False
        self._sharing: asyncio.Task[None] | None = None
        connections = self.server_state.connections
        self._acceptor = Acceptor(self._connected, connections, application.readiness)
        self._was_ready = False  # when the first signal arrived
        self._wake: asyncio.Event | None = None
        self.signal: int | None = None  # that ended it
        self.has_models_elsewhere = False  # which end with the supervisor
        self._has_lost_models = self._has_hung = False
        self._parent = os.getppid()
        self.grpc: Front | None = None
        self.management: ManagementFront | None = None
        self._began = time.monotonic()
        application.readiness.is_early = line is not None and not is_alone
        application.is_listening_first = True
        application.on_failure, application.on_hang = self.end, self.hung

    def end(self) -> None:
        """Shut down gracefully."""
        self.should_exit = True
        if self._wake is not None:
            self._wake.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Shut down gracefully at the first signal, at once at the second.

        Under a supervisor further signals are ignored: a service manager signals each process of
        the group, and the supervisor kills processes that drain for too long.
        """
        if self.signal is not None and self._line is not None:
            return
        if self.signal is not None:
            log.warning("A second signal: not waiting for running requests.")
            logging.shutdown()
            os._exit(128 + sig)
        self.signal = sig
        self._was_ready = self.application.readiness.takes_requests
        self.application.readiness.drain()
        self.end()

    def refuse_at_end(self) -> None:
        """Refuse new connections at the shutdown, because all processes of the server end."""
        self._refuses_at_end = True

    def allow_ready(self) -> None:
        """Let `/readyz` answer 200 as soon as this process is ready."""
        self.application.readiness.is_early = False

    def leave(self) -> None:
        """Leave new connections to the successor on the same socket, and finish the open ones."""
        self._is_handing_over = True
        self.application.readiness.leave()
        self.end()

    def hung(self, why: str) -> None:
        """Ask the supervisor to replace this process: a model hangs, or is broken."""
        if self._line is None or self.should_exit:
            return
        self._has_hung = True
        self._line.send("hung", why=why)
        self.application.readiness.starting(
            "a model hangs or is broken, and its process is replaced"
        )
        asyncio.get_running_loop().call_later(LAST_RESORT, os._exit, 1)
        self.end()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals on the loop; uvicorn raises them again at the end, we exit with a code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is signal.SIG_IGN:  # the supervisor handles it
                continue
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen, unless others can answer what this one cannot yet."""
        self._acceptor.adopt(sockets or [])
        if self._line is not None:
            asyncio.get_running_loop().add_reader(self._line.fileno(), self._read_line, self._line)
            self._line.on_full = partial(self._flush_later, self._line)
        await super().startup(sockets=[])
        if not self._others_are_ready():
            await self._listen()
        self._sharing = asyncio.create_task(self._share(self._others_are_ready))

    def _read_line(self, line: ControlLine) -> None:
        if not line.read():  # the supervisor has ended, and with it the model processes
            asyncio.get_running_loop().remove_reader(line.fileno())
            self.refuse_at_end()
            self._has_lost_models = self.has_models_elsewhere
            loop = asyncio.get_running_loop()
            loop.call_later(self._drain_timeout + LAST_RESORT, self._end_alone)

    @staticmethod
    def _flush_later(line: ControlLine) -> None:
        """Flush the control line as soon as the supervisor reads again."""
        loop, number = asyncio.get_running_loop(), line.fileno()

        def tell() -> None:
            if line.flush():
                loop.remove_writer(number)

        if number >= 0:
            loop.add_writer(number, tell)

    def _end_alone(self) -> None:
        """Exit if the shutdown hangs, as there is no supervisor that would kill this process."""
        if os.getppid() != self._parent:
            os._exit(1)

    def _connected(self) -> asyncio.Protocol:
        """Build the protocol of a connection; connections are counted once they are made."""
        asyncio.get_running_loop().call_soon(self._acceptor.count)
        return self._protocol(self.config, self.server_state, self.lifespan.state)

    async def _listen(self) -> None:
        await self._acceptor.open()
        if self.grpc is not None:
            await self.grpc.listen()
        if self.management is not None:
            await self.management.listen()

    def _hang_up(self) -> None:
        """Accept no more connections; the socket stays open, for later and for other fronts."""
        self._acceptor.close()
        if self.management is not None:
            self.management.hang_up()

    async def _share(self, others_are_ready: Callable[[], bool]) -> None:
        """Listen while no other front is ready; always, once this one is."""
        readiness = self.application.readiness
        while not readiness.takes_requests:
            if others_are_ready():
                self._hang_up()
                if self.grpc is not None:
                    await self.grpc.hang_up()
            elif not self._acceptor.is_open:
                await self._listen()
            await asyncio.sleep(GLANCE)
        patience = max(PATIENCE, time.monotonic() - self._began)
        asyncio.get_running_loop().call_later(patience, self.allow_ready)
        if not self._acceptor.is_open and not self._acceptor.is_pausing:
            await self._listen()

    async def main_loop(self) -> None:
        """Wait for the shutdown; update the Date header every second."""
        self._wake = asyncio.Event()
        counter = 0
        while not await self.on_tick(counter):
            counter += 10
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._wake.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain: announce the shutdown, accept queued connections, answer all requests, close."""
        if self._sharing is not None:
            self._sharing.cancel()
        if self._has_hung:
            await self._exit_hung()
        grpc = asyncio.create_task(self._finish_grpc())
        if self._is_handing_over:
            await self._drain_connections()
        else:
            await self._drain_queue(sockets or [])
        self._hang_up()
        for listener in sockets or ():
            listener.close()
        await self._finish()
        if self.management is not None:
            await self.management.finish(self._drain_timeout)
        await grpc
        await self.lifespan.shutdown()

    async def _exit_hung(self) -> None:
        """Answer 503 to all waiting requests and exit, without waiting for the hung thread."""
        self._hang_up()
        if self.grpc is not None:
            await self.grpc.hang_up()
        await self.application.refuse()
        self._close_after_answers()
        await asyncio.sleep(QUEUE_DRAIN)
        self._give_up(self.server_state.tasks)  # others, such as the load of a model
        await asyncio.sleep(GLANCE)
        self.application.access.flush()
        os._exit(1)

    async def _finish_grpc(self) -> None:
        if self.grpc is not None:
            await self.grpc.finish(self._drain_timeout, GrpcSockets)

    async def _drain_queue(self, sockets: list[socket.socket]) -> None:
        """Accept the connections that are in the queue, and no new ones."""
        was_busy = bool(self.server_state.connections) or (self._was_ready and not self._is_alone)
        self._close_after_answers()
        await asyncio.sleep(LAME_DUCK if was_busy else GLANCE)  # `shut_down` may arrive
        if self._refuses_at_end:
            for listener in sockets:
                turn_away(listener)
        await asyncio.sleep(QUEUE_DRAIN if was_busy else QUEUE_DRAIN / 10)
        await emptied(sockets)

    async def _drain_connections(self) -> None:
        """Wait until each connection has got an answer that closes it, or was idle for too long.

        Closing an idle connection at once could lose a request that is on its way.
        """
        self._acceptor.close()
        self._close_after_answers()
        for connection in self.server_state.connections:
            if isinstance(connection, LimitedProtocol):
                connection.hurry(IDLE_GRACE)
        if self.management is not None:
            await self.management.leave()
        deadline = time.monotonic() + self._drain_timeout
        while self._is_occupied and time.monotonic() < deadline:
            if self.signal is not None:
                return
            await asyncio.sleep(GLANCE)

    @property
    def _is_occupied(self) -> bool:
        """Whether there are connections."""
        is_managed = self.management is not None and self.management.is_occupied
        return bool(self.server_state.connections) or is_managed

    def _close_after_answers(self) -> None:
        """Close each connection after its current answer, with `Connection: close`.

        A stream whose head has promised otherwise is followed by one more answer.
        """
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not (cycle.response_complete or cycle.response_started):
                cycle.keep_alive = False

    async def _read_pending(self) -> None:
        """Read what clients have sent, before idle connections are closed."""
        for _ in range(FLUSHES):
            connections = self.server_state.connections
            if not any(has_unread(each.transport) for each in connections):
                return
            await asyncio.sleep(QUEUE_DRAIN / FLUSHES)

    def _give_up(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Answer 503 to the requests of these tasks, and to all on the fast path."""
        for task in tasks:
            task.cancel()
        for connection in list(self.server_state.connections):
            if isinstance(connection, FastProtocol):
                connection.give_up()

    async def _finish(self) -> None:
        await self._read_pending()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self._has_lost_models:
            await self.application.refuse()
        fast_path = self.application.fast_path
        drained = asyncio.create_task(fast_path.drained())
        _, late = await asyncio.wait(
            {drained, *self.server_state.tasks}, timeout=self._drain_timeout
        )
        if late:
            running = len(late - {drained}) + fast_path.open
            log.error("%d requests were still running after %g s.", running, self._drain_timeout)
        self._give_up(late)
        # Written, but perhaps not yet sent.
        for _ in range(FLUSHES):
            if not self.server_state.connections:
                return
            await asyncio.sleep(QUEUE_DRAIN / FLUSHES)


def run(server: FrontServer, listener: socket.socket) -> int:
    """Serve until a signal or a failure; the exit code.

    Raises:
        BundleError: what kept the bundle from loading.
    """
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))
    failure = server.application.failure
    if isinstance(failure, BundleError):
        raise failure
    if failure is not None:
        log.error("The bundle cannot be loaded.", exc_info=failure)
        raise BundleError(f"The bundle cannot be loaded: {type(failure).__name__}: {failure}")
    return 128 + signal.SIGINT if server.signal == signal.SIGINT else 0
