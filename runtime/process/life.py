"""Life: one server process, from listening to the last answer."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn

from ..errors import BundleError
from ..http.app import Application
from ..http.protocol import limited

log = logging.getLogger(__name__)

LAME_DUCK = 0.4  # seconds in which load balancers and clients learn that we are going
LAST_CALL = 0.3  # seconds for those whom the kernel has let in already
FLUSHES = 10


class Life(uvicorn.Server):
    """uvicorn's server, ended so that nothing that was accepted is lost.

    On SIGTERM: /readyz says 503 and every answer closes its connection, while new connections are
    still taken; then the queue of the socket is closed and emptied, and what runs is awaited. A
    second signal ends it at once.
    """

    def __init__(self, application: Application) -> None:
        settings = application.plan.settings
        readiness = application.readiness
        super().__init__(
            uvicorn.Config(
                application,
                http=limited(settings.limits, lambda: readiness.is_draining),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # nobody may claim another address
                server_header=False,
            )
        )
        self.config.timeout_keep_alive = settings.limits.keep_alive  # type: ignore[assignment]
        self.application = application
        self._drain_timeout = settings.drain_timeout
        self._wake: asyncio.Event | None = None
        self.signal: int | None = None  # that ended it
        application.is_listening_first = True
        application.on_failure = self.end

    def end(self) -> None:
        """Stop in good order."""
        self.should_exit = True
        if self._wake is not None:
            self._wake.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """A signal: drain; a second one: go."""
        if self.signal is not None:
            log.warning("A second signal: not waiting for running requests.")
            logging.shutdown()
            os._exit(128 + sig)
        self.signal = sig
        self.application.readiness.drain()
        self.end()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals on the loop; uvicorn raises them again at the end, we exit with a code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is signal.SIG_IGN:  # a supervisor decides what it means
                continue
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def main_loop(self) -> None:
        """Wait for the end; once a second there is a new Date."""
        self._wake = asyncio.Event()
        counter = 0
        while not await self.on_tick(counter):
            counter += 10
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._wake.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let everybody out: announce it, take those who are in already, answer, close."""
        was_busy = bool(self.server_state.connections)
        self._excuse()
        if was_busy:
            await asyncio.sleep(LAME_DUCK)
        for listener in sockets or ():
            # What the kernel has accepted is still ours; whoever comes now is told to try again.
            listener.listen(0)
        await asyncio.sleep(LAST_CALL if was_busy else LAST_CALL / 10)
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        await self._finish()
        await self.lifespan.shutdown()

    def _excuse(self) -> None:
        """Whoever is being answered is told that the connection ends with it."""
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                cycle.keep_alive = False

    async def _finish(self) -> None:
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = self.server_state.tasks
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._drain_timeout)
            if late:
                log.error(
                    "%d requests were still running after %g s.", len(late), self._drain_timeout
                )
            for task in late:
                task.cancel()
        # Written, but perhaps not yet sent.
        for _ in range(FLUSHES):
            if not self.server_state.connections:
                return
            await asyncio.sleep(LAST_CALL / FLUSHES)


def run(life: Life, listener: socket.socket) -> int:
    """Serve until a signal or a failure; the exit code.

    Raises:
        BundleError: what kept the bundle from loading.
    """
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(life.serve(sockets=[listener]))
    failure = life.application.failure
    if isinstance(failure, BundleError):
        raise failure
    if failure is not None:
        log.error("The bundle cannot be loaded.", exc_info=failure)
        raise BundleError(f"The bundle cannot be loaded: {type(failure).__name__}: {failure}")
    return 128 + signal.SIGINT if life.signal == signal.SIGINT else 0
