"""Front: the gRPC server of one process, on the event loop of its HTTP server."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what strangers send is no news on stderr
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # we fork before it is imported, never after

import grpc
import grpc.aio

from ..dialects.catalog import Catalog
from ..errors import BundleError
from ..http.shared_state import SharedState
from ..manifests.settings import ServeSettings
from ..telemetry.traced import Tracing
from .dispatcher import Dispatcher, Log
from .fast.infer import FastInfer
from .fast.infer_request import PATH
from .services import health, reflection
from .services.examples import Examples
from .services.inference import Inference
from .services.management import Management
from .services.prediction import Prediction
from .services.repository import Repository
from .services.seldon import Seldon
from .services.shared_memory import SharedMemory
from .services.torchserve import Torchserve
from .services.trace_settings import TraceSettings

log = logging.getLogger(__name__)

LAME_DUCK = 0.4  # seconds in which load balancers and clients learn of the shutdown
QUEUE_DRAIN = 0.1  # seconds for connections in the accept queue, or for calls in transit
GOAWAY_TIME = 0.02  # seconds between GOAWAY and the last answers, and between two tries to tell
TRIES = 10  # to tell clients
LOOKS = 50  # for a busy process to accept connections
QUIET_LOOKS = 3  # without a new call, one after the other
PATIENCE = 1.0  # seconds to wait for that if clients are not told, and may send calls without end
_LEAST_PING = 10_000  # milliseconds between two pings of an idle client


@dataclass(frozen=True, slots=True)
class GrpcEndpoint:
    """The address of gRPC; all processes of a server share the port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class EndingSockets(Protocol):
    """The library's sockets at a port, in `process/sockets/grpc_sockets.py`."""

    def quiet(self) -> None:
        """Drop new connections."""

    def are_waiting(self) -> bool:
        """Whether connections wait to be accepted."""

    def close(self) -> None:
        """Stop listening."""

    def tell_clients(self) -> bool:
        """Tell clients to send no new call on their connection; whether all know it."""

    def are_unread(self) -> bool:
        """Whether there are connections with data that the library has not read."""


class Front:
    """Listens, pauses, and shuts down without losing a call."""

    def __init__(
        self,
        shared: SharedState,
        catalog: Catalog,
        access: Log,
        tracing: Tracing | None,
        endpoint: GrpcEndpoint,
        management: Management | None = None,
    ) -> None:
        self._settings = shared.settings
        self._endpoint = endpoint
        self._dispatcher = Dispatcher(shared, access, tracing, _PROBES)
        inference = Inference(catalog).handlers(self._dispatcher)
        if self._dispatcher.is_plain:
            inference[PATH] = FastInfer(catalog, self._dispatcher, inference[PATH]).handler()
        self._handlers = _Handlers(
            health.Health(shared.readiness).handlers(self._dispatcher)
            | reflection.handlers()
            | inference
            | Repository(catalog).handlers(self._dispatcher)
            | TraceSettings(catalog).handlers(self._dispatcher)
            | SharedMemory(catalog).handlers(self._dispatcher)
            | Prediction(catalog).handlers(self._dispatcher)
            | Examples(catalog).handlers(self._dispatcher)
            | Torchserve(catalog).handlers(self._dispatcher)
            | Seldon(catalog).handlers(self._dispatcher)
            | ({} if management is None else management.handlers(self._dispatcher))
        )
        self._server: Any = None

    async def listen(self) -> None:
        """Accept connections.

        Raises:
            BundleError: when the port is taken, or the certificate is invalid.
        """
        if self._server is not None:
            return
        server = grpc.aio.server(
            options=_options(self._settings),
            compression=_COMPRESSIONS[self._settings.grpc.compression],
            maximum_concurrent_rpcs=self._settings.grpc.max_calls,
        )
        server.add_generic_rpc_handlers((self._handlers,))
        try:
            self._bind(server)
        except RuntimeError as error:
            raise BundleError(f"gRPC cannot listen on {self._endpoint}: {error}.") from error
        await server.start()
        self._server = server

    async def hang_up(self) -> None:
        """Close the port and all connections, because other processes answer."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)

    async def finish(self, grace: float, sockets_at: Callable[[int], "EndingSockets"]) -> None:
        """Answer all calls within `grace` seconds, including those in transit, then end."""
        server, self._server = self._server, None
        if server is None:
            return
        began = time.monotonic()
        if self._dispatcher.answered:
            await asyncio.sleep(LAME_DUCK)
        sockets, gate = sockets_at(self._endpoint.port), self._dispatcher.gate
        await self._take_connections(sockets)
        gate.close()
        is_told = self._settings.grpc.tls_cert is None and await self._tell_clients(sockets)
        if is_told:
            gate.open()
        ends = began + grace
        await self._take_calls(sockets, ends if is_told else time.monotonic() + PATIENCE)
        left = max(ends - time.monotonic(), QUEUE_DRAIN)
        ending = asyncio.create_task(server.stop(left))
        await asyncio.sleep(GOAWAY_TIME)
        gate.open()
        await ending

    @staticmethod
    async def _take_connections(sockets: "EndingSockets") -> None:
        """Accept those that wait, and leave new ones to other processes."""
        sockets.quiet()
        for _ in range(LOOKS):
            await asyncio.sleep(QUEUE_DRAIN)
            if not sockets.are_waiting():
                break
        sockets.close()

    @staticmethod
    async def _tell_clients(sockets: "EndingSockets") -> bool:
        for _ in range(TRIES):
            if sockets.tell_clients():
                return True
            await asyncio.sleep(GOAWAY_TIME)
        return False

    async def _take_calls(self, sockets: "EndingSockets", ends: float) -> None:
        """Wait until no call comes any more: `stop` cancels those that nobody has taken.

        After a stall, a loop looks at its clock before it takes calls, so one look is not enough.
        """
        quiet = 0
        while quiet < QUIET_LOOKS and time.monotonic() < ends:
            calls = self._handlers.calls
            await asyncio.sleep(QUEUE_DRAIN / QUIET_LOOKS)
            is_quiet = calls == self._handlers.calls and not sockets.are_unread()
            quiet = quiet + 1 if is_quiet else 0

    def _bind(self, server: Any) -> None:
        settings = self._settings.grpc
        if settings.tls_cert is None or settings.tls_key is None:
            server.add_insecure_port(str(self._endpoint))
            return
        client_ca = settings.tls_client_ca
        credentials = grpc.ssl_server_credentials(
            [(Path(settings.tls_key).read_bytes(), Path(settings.tls_cert).read_bytes())],
            None if client_ca is None else Path(client_ca).read_bytes(),
            require_client_auth=client_ca is not None,
        )
        server.add_secure_port(str(self._endpoint), credentials)


_PROBES = frozenset({health.CHECK, *Inference.PROBES, *Torchserve.PROBES})


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # of a library without types
    """All calls that there are."""

    def __init__(self, handlers: Mapping[str, grpc.RpcMethodHandler]) -> None:
        self._handlers = handlers
        self.calls = 0  # ever

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler | None:
        """What answers a call, or None."""
        self.calls += 1
        return self._handlers.get(handler_call_details.method)


_COMPRESSIONS = {
    "off": grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}


def _options(settings: ServeSettings) -> list[tuple[str, Any]]:
    limits, own = settings.limits, settings.grpc
    return [
        ("grpc.so_reuseport", 1),  # all processes of a server have the port
        ("grpc.max_receive_message_length", settings.max_body),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", limits.max_header_bytes),
        ("grpc.absolute_max_metadata_size", limits.max_header_bytes),
        ("grpc.max_concurrent_streams", own.max_calls),
        ("grpc.server_handshake_timeout_ms", round(1000 * limits.receive_timeout)),
        ("grpc.keepalive_time_ms", round(1000 * own.keep_alive)),
        ("grpc.keepalive_timeout_ms", round(1000 * limits.receive_timeout)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING),
        ("grpc.http2.max_pings_without_data", 0),
    ]
