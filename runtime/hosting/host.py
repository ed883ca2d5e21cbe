"""Host: loads a bundle's models and service class, and keeps them until shutdown."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from ..batching.observer import BatchObserver
from ..batching.policy.cost import CostModel
from ..batching.policy.window import Limits
from ..data.payload import INFLATION, Codec
from ..errors import InvalidBundle
from ..manifests.added_model import AddedModel
from ..manifests.route import Route
from ..models.operation import ModelOperation, Operation
from ..plan import Plan
from ..remote.decoder import Decoder
from ..remote.model_link import ModelLink
from ..services.model_handle import Models
from ..services.service_host import ServiceHost
from ..telemetry.metrics import Metrics, queue_name
from .hosted_models import HostedModels
from .loader import Loader
from .readiness import Readiness

Links = Mapping[str, Sequence[ModelLink]]
"""The processes of each model, by its alias."""


class Host:
    """Loads the models and the service of a plan, or connects to their processes.

    links    to model processes; with them this process imports no framework. None = the models are
             loaded in threads of this process
    on_hang  called with the reason when a thread hangs, because a process cannot end a thread
    """

    def __init__(
        self,
        plan: Plan,
        metrics: Metrics,
        links: Links | None = None,
        on_hang: Callable[[str], None] | None = None,
    ) -> None:
        models = plan.manifest.models
        is_fixed = plan.manifest.service is not None  # an author's class needs all of its models
        self.plan = plan
        self._loader = Loader(plan, metrics, on_hang)
        self.runners = {entry.alias: self._loader.absent(entry.alias) for entry in models}
        self.hosted = (
            None
            if is_fixed
            else HostedModels(models, self._loader, self.runners, is_threaded=links is None)
        )
        self.routes = plan.routes  # completed by the service once it is loaded
        self._metrics = metrics
        self._links = links
        self._on_hang = on_hang
        self._service: ServiceHost | None = None
        self._codecs: dict[str, Codec] = {}
        # Where models have processes of their own, large bodies have one as well.
        self.decoder = Decoder(self._codecs, only_foreign=links is None, plan=plan)

    async def load(self, readiness: Readiness) -> Mapping[str, Operation]:
        """Load and warm up everything; the operation of each route's path.

        Raises:
            BundleError: for what a person can mend.
        """
        if self._links is None:
            self.plan.import_sources()
        if self.hosted is not None:
            self.hosted.begin(readiness, self.plan.absent)
        await self._load_models(readiness)
        operations = {r.path: self._operation(r) for r in self.plan.routes if r.model is not None}
        if self.plan.manifest.service is not None:
            readiness.starting(f"starting `{self.plan.manifest.service}`")
            operations |= await self._start_service(self.plan.manifest.service)
        return operations

    async def _load_models(self, readiness: Readiness) -> None:
        """Load and warm up all models that are not lazy."""
        loaded = {}
        for alias in [each for each in self.runners if each not in self.plan.absent]:
            readiness.starting(f"loading `{alias}`")
            links = None if self._links is None else self._links[alias]
            loaded[alias] = await self._loader.load(alias, links, self.hosted or readiness)
        for alias, newer in loaded.items():
            readiness.starting(f"warming up `{alias}`")
            await self._loader.warm_up(newer)
            self.runners[alias].exchange(newer)
            self.runners[alias].presence.change("READY")

    def add_model(self, added: AddedModel) -> Mapping[str, Operation]:
        """Add a model from outside the bundle; returns the operations of its routes by path."""
        self.plan = self.plan.with_model(added)
        own = [route for route in self.plan.routes if route.model == added.alias]
        self.routes = (*self.routes, *own)
        operations = {route.path: self._operation(route) for route in own}
        self.decoder.learn(self.plan)
        return operations

    def remove_model(self, alias: str) -> None:
        """Remove a model that was added."""
        for route in self.plan.routes:
            if route.model == alias:
                del self._codecs[route.path]
        self.routes = tuple(route for route in self.routes if route.model != alias)
        self.plan = self.plan.without(alias)

    async def refuse(self) -> None:
        """Answer 503 to all waiting requests."""
        for runner in list(self.runners.values()):  # models may be added and removed meanwhile
            await runner.refuse()

    async def stop(self) -> None:
        """Answer queued requests, then unload: the service first, as it calls the models."""
        if self.hosted is not None:
            await self.hosted.stop()
        if self._service is not None:
            await self._service.stop()
        for runner in list(self.runners.values()):  # models may be added and removed meanwhile
            await runner.stop()
        self.decoder.stop()

    def costs(self) -> dict[str, CostModel]:
        """The measured cost of a batch, for each method of each model, by queue."""
        return {
            queue_name(alias, method): runner.queue(method).batcher.cost
            for alias, runner in self.runners.items()
            for method in runner.methods
        }

    def tell_costs(self) -> None:
        """Update the metrics of batch costs and of queue lengths, and unload idle models.

        Called about once a second.
        """
        if self.hosted is not None:
            self.hosted.look(time.monotonic())
        for runner in self.runners.values():
            for method in runner.methods:
                queue = runner.queue(method)
                cost = queue.batcher.cost
                queue.metrics.costs(cost.alpha, cost.beta, queue.batcher.predicted_wait)

    async def _start_service(self, target: str) -> Mapping[str, Operation]:
        plan = self.plan
        routes = [route for route in plan.routes if route.model is None]
        service = ServiceHost(target, plan.directory / "src", routes, plan.settings, self._batching)
        service.on_hang = self._on_hang
        names = {entry.name: entry.alias for entry in plan.manifest.models}
        await service.start(Models(self.runners, asyncio.get_running_loop(), names))
        self._service = service
        completed = {route.path: route for route in service.routes}
        self.routes = tuple(completed.get(route.path, route) for route in plan.routes)
        return service.operations

    def _batching(self, route: Route) -> tuple[Limits, BatchObserver]:
        return self.plan.limits(route, batchable=True), self._metrics.queue(route.path)

    def _operation(self, route: Route) -> Operation:
        settings = self.plan.settings
        runner = self.runners.get(route.model or "")
        if runner is None or route.method not in runner.methods:
            raise InvalidBundle(f"The route `{route.path}` leads to no method of a model.")
        codec = Codec(
            runner.signature(route.method).inputs,
            settings.max_rows,
            settings.nan == "null",
            settings.wanted_formats,
            settings.max_body * INFLATION,
        )
        self._codecs[route.path] = codec
        return ModelOperation(codec, runner, route.method, route=route.path, reader=self.decoder)
