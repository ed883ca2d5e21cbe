"""ManagementFront: the management API in one front; all fronts share its port."""

import asyncio
from functools import partial

import uvicorn
from uvicorn.server import ServerState

from ...dialects.torchserve.management import Management
from ...http.app import Application
from ...http.connection.protocol import LimitedProtocol, limited
from ...http.keyed_site import KeyedSite
from ..sockets.accept_queue import IDLE_GRACE, QUEUE_DRAIN, emptied
from ..sockets.management_port import ManagementPort


class ManagementFront:
    """Accepts connections while its application runs."""

    def __init__(self, application: Application, port: ManagementPort) -> None:
        shared = application.fast_path.shared
        processes = application.metrics.processes
        dialect = Management(application.catalog, lambda: processes)
        site = KeyedSite(dialect, shared, application.access, port.token)
        readiness = application.readiness
        self._protocol = limited(shared, lambda: readiness.closes_connections)
        self._config = uvicorn.Config(
            site,
            http=self._protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        self._state = ServerState()
        self._listener = port.listener
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Accept connections."""
        if self._server is None:
            self._config.load()
            make = partial(self._protocol, self._config, self._state, {})
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(make, sock=self._listener.dup())

    def hang_up(self) -> None:
        """Stop accepting connections."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def is_occupied(self) -> bool:
        """Whether there are connections."""
        return bool(self._state.connections)

    async def leave(self) -> None:
        """Drain the accept queue and close it, as the successor has a socket of its own.

        Closing it before would reset the connections in the queue.
        """
        if self._server is not None:
            await asyncio.sleep(QUEUE_DRAIN)
            await emptied([self._listener])
        self.hang_up()
        self._listener.close()
        for connection in self._state.connections:
            if isinstance(connection, LimitedProtocol):
                connection.hurry(IDLE_GRACE)

    async def finish(self, seconds: float) -> None:
        """Finish running requests within a time limit, and close."""
        self.hang_up()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            _, late = await asyncio.wait(self._state.tasks, timeout=seconds)
            for task in late:
                task.cancel()
