"""Loader: loads models, measures them, and makes their runners."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..batching.execution.worker import Worker, settle
from ..batching.policy.window import Limits
from ..data.samples import Samples
from ..manifests.added_model import AddedModel
from ..manifests.model_manifest import ModelManifest
from ..manifests.route import Route
from ..models.backend import ModelBackend
from ..models.runner import Runner
from ..models.warmup import warm_up
from ..plan import Plan
from ..remote.availability import Availability, AvailabilityListener
from ..remote.model_link import ModelLink
from ..remote.process_backend import ProcessBackend
from ..telemetry.metrics import Metrics
from ..trust import verify_model

log = logging.getLogger(__name__)


class Loader:
    """Makes the runners of a plan's models, in a thread of this process or linked to others.

    plan     replaced when a model is added or removed
    on_hang  called with the reason when a thread hangs
    """

    def __init__(
        self, plan: Plan, metrics: Metrics, on_hang: Callable[[str], None] | None = None
    ) -> None:
        self.plan = plan
        self._metrics = metrics
        self._on_hang = on_hang

    def absent(self, alias: str) -> Runner:
        """A runner for a model that is not loaded; it has no process."""
        return self._runner(alias, ProcessBackend(self.plan.models[alias], ()))

    def add_model(self, added: AddedModel) -> Runner:
        """Add a model from outside the bundle; returns a runner that refuses until it is loaded."""
        self.plan = self.plan.with_model(added)
        self._metrics.add_model(added)
        return self.absent(added.alias)

    def remove_model(self, alias: str) -> None:
        """Remove a model that was added."""
        self.plan = self.plan.without(alias)
        self._metrics.remove_model(alias)

    async def load(
        self, alias: str, links: Sequence[ModelLink] | None, listener: AvailabilityListener
    ) -> Runner:
        """Load a model in this process, or wait until the processes behind `links` have loaded it.

        Raises:
            BundleError: for what a person can mend.
        """
        began = time.monotonic()
        if links is None:
            backend: ModelBackend = await self._load_here(alias)
        else:
            backend = ProcessBackend(self.plan.models[alias], links)
        runner = self._runner(alias, backend)
        try:
            await runner.start()
            if links is not None:
                await Availability(alias, links, listener).arrival()
        except BaseException:
            await discard(runner)
            raise
        seconds = time.monotonic() - began
        self._metrics.loaded(alias, seconds)
        log.info("Loaded `%s` in %.2f s.", alias, seconds)
        return runner

    async def verify(self, alias: str) -> None:
        """Compare the files of a model that is loaded later with their digests.

        Raises:
            InvalidBundle: when one differs.
        """
        await asyncio.to_thread(verify_model, *self.plan.model_files(alias))

    async def warm_up(self, runner: Runner) -> None:
        """Run a model on its samples, and measure the cost of its batches.

        Raises:
            BundleError: when it cannot.
        """
        plan = self.plan
        directory = plan.model_directory(runner.alias)
        for path in runner.manifest.samples.values():
            samples, tuning = Samples.read(directory / path), plan.tuning(runner.alias)
            await warm_up(runner, samples, plan.settings, tuning, plan.device)

    def _runner(self, alias: str, backend: ModelBackend) -> Runner:
        return Runner(alias, backend, self._limits(alias, backend.manifest), self._metrics)

    async def _load_here(self, alias: str) -> ModelBackend:
        from ..models.thread_backend import (
            ThreadBackend,  # with the adapters, of which a front has no need
        )

        worker = Worker(alias)
        worker.start(asyncio.get_running_loop())
        # Loaded in the thread that will call it: some libraries keep state by thread.
        load = partial(ThreadBackend.load, self.plan, alias, worker, self._on_hang)
        try:
            backend: ModelBackend = await run(worker, load)
        except BaseException:
            worker.stop()
            raise
        return backend

    def _limits(self, alias: str, manifest: ModelManifest) -> dict[str, Limits]:
        routes = {route.method: route for route in self.plan.routes if route.model == alias}
        return {
            method: self.plan.limits(
                routes.get(method, Route("", method, model=alias)), batchable=signature.batchable
            )
            for method, signature in manifest.methods.items()
        }


async def discard(runner: Runner) -> None:
    """Stop and close a runner that is not used."""
    await runner.stop(drain=False)
    runner.close()


async def run(worker: Worker, work: Callable[[], Any]) -> Any:
    """The result, or the exception, of `work` in the worker's thread."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    worker.submit(work, partial(settle, future))
    return await future
