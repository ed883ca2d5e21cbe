"""Application: the ASGI application of a bundle."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

from ..batching.policy.cost import CostModel
from ..data import formats
from ..dialects.catalog import Catalog
from ..dialects.dialect import dialects
from ..dialects.routes import route_names
from ..hosting.host import Host, Links
from ..hosting.hosted_models import HostedModels
from ..hosting.local_coordinator import LocalCoordinator
from ..hosting.readiness import Readiness
from ..hosting.remote_host import RemoteHost
from ..manifests.added_model import AddedModel
from ..manifests.route import Route
from ..models.operation import ModelOperation
from ..plan import Plan
from ..rpc.service_link import ServiceLink
from ..services.admitted_operation import admitted
from ..telemetry.heartbeat import Heartbeat
from ..telemetry.metrics import Metrics
from ..telemetry.traced import Tracing
from ..telemetry.tracing import from_environment
from . import openapi
from .access_log import PROBES, Access, NoAccessLog
from .backlog import Backlog
from .connection.protocol import LimitedProtocol, limited
from .cross_origin import CrossOrigin
from .dialect_endpoint import DialectRouter
from .endpoint import Endpoint
from .fast.fast_path import FastPath
from .fast.fast_protocol import fast
from .lifespan import live
from .request.body import Budget
from .request.exchange import Exchange, Receive, Scope, Send
from .shared_state import SharedState

log = logging.getLogger(__name__)

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Application:
    """Looks prediction routes up in a dict, and leaves all other paths to Starlette.

    Loads the bundle in ASGI's lifespan. With `is_listening_first` the server answers /livez and
    /readyz meanwhile, and `on_failure` is called when it cannot load; `failure` then says why.
    `on_hang` is called, perhaps again and again, when something in this process never comes back.
    """

    def __init__(
        self,
        plan: Plan,
        metrics: Metrics,
        access: Access,
        host: Host | RemoteHost,
        tracing: Tracing | None,
    ) -> None:
        self.plan = plan
        self.metrics = metrics
        self.readiness = Readiness()
        self.failure: BaseException | None = None
        self.is_listening_first = False
        self.on_ready: Callable[[], None] = lambda: None
        self.on_failure: Callable[[], None] = lambda: None
        self.on_hang: Callable[[str], None] = lambda _: None
        self.access = access
        self._host = host
        self._heartbeat = Heartbeat(metrics.lagged, host.tell_costs)
        settings = plan.settings
        limits = settings.limits
        backlog = Backlog(limits.max_in_flight, 3 * limits.receive_timeout)
        budget = Budget(limits.max_in_flight)
        shared = SharedState(settings, self.readiness, budget, backlog, metrics)
        self._cross_origin = CrossOrigin(settings.cors) if settings.cors else None
        self._is_native = "native" in settings.dialects
        self._endpoints = {
            route.path: Endpoint(route, shared) for route in plan.routes if self._is_native
        }
        self.catalog = Catalog.of(plan, self.readiness)
        self.catalog.numbers, self.catalog.on_feedback = self.metrics_text, metrics.rewarded
        for alias in plan.preferred:
            self.catalog.prefer(alias)
        if host.hosted is not None:
            self.catalog.control = host.hosted
            host.hosted.on_preferred = self.catalog.prefer
            host.hosted.on_model_added = self._add_model
            host.hosted.on_model_removed = self._remove_model
            if settings.registration == "store":
                host.hosted.refusal = None
            if settings.model_control == "explicit":
                self.catalog.lifecycle = host.hosted
        self.dialects = dialects(settings.dialects, self.catalog)
        self._router = DialectRouter(self.dialects, shared) if self.dialects else None
        self.tracing = tracing
        self.fast_path = FastPath(shared, access, tracing, self._router, self._endpoints)
        self._document: dict[str, Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run one lifespan."""
        if scope["type"] == "lifespan":
            await live(self._life(), receive, send)
            return
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        exchange = Exchange(scope)
        self.metrics.began()
        if self._cross_origin is not None:
            send = self._cross_origin.around(exchange, send)
        try:
            if self.tracing is None or exchange.path in PROBES:
                await self._route(exchange, scope, receive, send)
            else:
                await self._trace(self.tracing, exchange, scope, receive, send)
        finally:
            self.metrics.ended(exchange.route, exchange.status, exchange.seconds)
            self.access.write(exchange)

    async def _trace(
        self, tracing: Tracing, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer one request as a part of a trace."""
        with tracing.around(exchange) as ending:
            try:
                await self._route(exchange, scope, receive, send)
            finally:
                ending.route, ending.queued = exchange.route, exchange.queued

    async def _route(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        preflight = None if self._cross_origin is None else self._cross_origin.preflight(exchange)
        if preflight is not None:
            await exchange.answer(preflight, send)
            return
        path = exchange.path
        endpoint = self._endpoints.get(path)
        if endpoint is None and path.endswith("/") and path != "/":
            scope = {**scope, "path": path.rstrip("/") or "/"}
            endpoint = self._endpoints.get(scope["path"])
        if endpoint is not None:
            await endpoint(exchange, scope, receive, send)
            return
        if self._router is not None:
            found = self._router.find(scope)
            if found is not None:
                await found(exchange, scope, receive, send)
                return
        try:
            await self._others(scope, receive, exchange.watching(send))
        finally:
            exchange.status = exchange.status or 500

    @cached_property
    def _others(self) -> Asgi:
        from .site import site  # at the first request, so that the server is ready earlier

        return site(self, self._endpoints)

    def protocol(self) -> type[LimitedProtocol]:
        """The protocol class for uvicorn: with the fast path, unless settings turn it off."""
        settings, readiness = self.plan.settings, self.readiness
        if settings.http == "asgi":
            return limited(self.fast_path.shared, lambda: readiness.closes_connections)
        return fast(self.fast_path, lambda: readiness.closes_connections)

    # --- life ---

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        if self.is_listening_first:
            loading = asyncio.create_task(self._load_or_fail())
        else:
            loading = None
            await self._load()
        self._heartbeat.start()
        try:
            yield
        finally:
            self._heartbeat.stop()
            self.readiness.drain()
            if loading is not None:
                loading.cancel()
                await asyncio.gather(loading, return_exceptions=True)
            await self._host.stop()
            self.access.flush()
            if self.tracing is not None:
                await asyncio.to_thread(self.tracing.stop)

    async def _load(self) -> None:
        if self.hosted is not None and not self.hosted.has_coordinator:
            self.hosted.attach(LocalCoordinator(self.hosted))
        loaded = await self._host.load(self.readiness)
        operations = admitted(loaded, self._host.routes, self.metrics.queue)
        self._document = None  # the loaded service knows more types than the build
        decoder = self._host.decoder
        self.catalog.loaded(self._host.runners, operations, self._host.routes, decoder)
        for path, operation in operations.items() if self._is_native else ():
            endpoint = self._endpoints[path]
            endpoint.operation = operation
            # Models that may be removed are looked up in each request.
            if isinstance(operation, ModelOperation) and not self._is_guest(endpoint.route):
                self.fast_path.add(path, operation)
        self.readiness.ready()
        self.metrics.ready(is_ready=True)
        self.on_ready()

    async def _load_or_fail(self) -> None:
        try:
            await self._load()
        except Exception as error:  # noqa: BLE001 - whoever started the server is told
            self.failure = error
            self.on_failure()

    # --- models from outside ---

    def _is_guest(self, route: Route) -> bool:
        return route.model in self.plan.added

    def _add_model(self, added: AddedModel) -> None:
        """Add a model; requests find it from now on, and it is loaded soon."""
        self.plan = self.plan.with_model(added)
        operations = self._host.add_model(added)
        runner, decoder = self._host.runners[added.alias], self._host.decoder
        self.catalog.add_model(self.plan, added.entry, runner, operations, decoder)
        for route in self.plan.routes if self._is_native else ():
            if route.model == added.alias:
                endpoint = self._endpoints[route.path] = Endpoint(route, self.fast_path.shared)
                endpoint.operation = operations[route.path]
        self._document = None

    def _remove_model(self, alias: str) -> None:
        """Remove a model that was added."""
        for route in self.plan.routes if self._is_native else ():
            if route.model == alias:
                del self._endpoints[route.path]
        self.catalog.remove(self.catalog.of_alias(alias))
        self.plan = self.plan.without(alias)
        self._host.remove_model(alias)
        self._document = None

    async def refuse(self) -> None:
        """Answer 503 to all requests that wait for a model."""
        await self._host.refuse()

    def costs(self) -> dict[str, CostModel]:
        """The measured cost of a batch, for each method of each model."""
        return self._host.costs()

    @property
    def hosted(self) -> HostedModels | None:
        """The models that can be loaded and unloaded; None for a service class, which needs all."""
        return self._host.hosted

    # --- for the pages ---

    @property
    def reason(self) -> str | None:
        """Why it is not ready, or None."""
        return self.readiness.reason

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self._document is None:
            self._document = openapi.document(
                replace(self.plan.manifest, routes=self._host.routes),
                self.plan.models,
                self.plan.samples(),
                self.dialects,
                formats.on(self.plan.settings.wanted_formats),
            )
        return self._document

    async def metrics_text(self) -> bytes:
        """All numbers of all workers."""
        # For a process of many gigabytes the kernel counts for a while.
        memory = await asyncio.to_thread(self.metrics.processes.memory)
        return self.metrics.text(memory)


def create_app(
    plan: Plan,
    *,
    metrics: Metrics | None = None,
    access: Access | None = None,
    links: Links | None = None,
    service: ServiceLink | None = None,
    tracing: Tracing | None = None,
) -> Application:
    """The application of a bundle; nothing is loaded before it is started.

    With `links` its models are in other processes, by alias; with `service` all of it is in one.
    """
    metrics = metrics or Metrics.of(plan, rules=route_names(plan.settings.dialects))

    def hung(why: str) -> None:
        application.on_hang(why)

    host = Host(plan, metrics, links, hung) if service is None else RemoteHost(plan, service)
    tracing = tracing or from_environment(plan.manifest.name, plan.manifest.version)
    application = Application(plan, metrics, access or NoAccessLog(), host, tracing)
    if links is not None:
        application.fast_path.budget.heap.keep_little()
    return application
