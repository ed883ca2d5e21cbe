"""ServiceHost: the author's class in a running server.

    host = ServiceHost("service:Fraud", directory / "src", routes, settings, batching)
    await host.start(Models(runners, loop, names))     # imports, checks, instantiates
    host.operations["/predict"]                        # an Operation for each route's path
    host.routes                                        # completed: input, output, doc
    await host.stop()                                  # drains batches, calls close() or aclose()

`batching(route)` gives the limits and the observer of a batchable route's batcher. Sync methods run
in a bounded pool of threads, async ones on the loop, batchable ones in their batcher's thread.
`on_hang`, where it is set, is called with the reason when one of these does not come back.
"""

import asyncio
import contextvars
import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..batching.batcher import Batcher
from ..batching.execution.executor import ThreadExecutor
from ..batching.execution.worker import Worker
from ..batching.observer import BatchObserver
from ..batching.policy.window import Limits
from ..data.rows import table
from ..errors import BundleError
from ..manifests.route import Route
from ..manifests.settings import ServeSettings
from .model_handle import ModelHandle, Models, using
from .service import options_of
from .service_call import AsyncCall, BatchCall, ThreadCall
from .service_class import ServiceClass, forget, one_line, where
from .service_operation import BatchOperation, MethodOperation
from .start_throttle import StartThrottle
from .threads import Threads

log = logging.getLogger(__name__)

THREADS = min(32, (os.cpu_count() or 1) + 4)  # as in asyncio: most of them wait for a model


class ServiceHost:
    """Instantiates the class once, binds its APIs to routes, and closes it in good order."""

    def __init__(
        self,
        target: str,
        src: Path,
        routes: Sequence[Route],
        settings: ServeSettings,
        batching: Callable[[Route], tuple[Limits, BatchObserver]],
    ) -> None:
        self.routes: tuple[Route, ...] = tuple(routes)
        self.operations: Mapping[str, MethodOperation | BatchOperation] = {}
        self.on_hang: Callable[[str], None] | None = None
        self._target = target
        self._src = src
        self._settings = settings
        self._batching = batching
        self._batchers: list[Batcher] = []
        self._threads = Threads(THREADS, settings.timeout, self._is_idle)
        self._throttle = StartThrottle()
        self._instance: Any = None
        self._models = Models({})

    async def start(self, models: Models) -> None:
        """Import the class, instantiate it in a thread, and take requests on the running loop.

        Raises:
            BundleError: in one line, for whatever the author's code raises; the traceback is in
                the log.
        """
        self._models = models
        self._threads.on_hang = self.on_hang
        service = await self._run(partial(ServiceClass.load, self._target, self._src))
        self.routes = tuple(map(service.completed, self.routes))
        service.warn_of_others(self.routes)
        self._instance = await self._run(partial(_instance, service.cls, self._src))
        self.operations = {route.path: self._operation(service, route) for route in self.routes}
        for batcher in self._batchers:
            await batcher.start()

    async def stop(self) -> None:
        """Answer the queued calls, then call `close` or `aclose` of the instance."""
        for batcher in self._batchers:
            await batcher.stop()
        try:
            await self._close()
        except Exception:
            log.exception("Closing `%s` failed.", self._target)
        self._threads.shutdown(wait=False, cancel_futures=True)
        forget(self._src)

    def _is_idle(self) -> bool:
        return all(operation.is_idle for operation in self.operations.values())

    def _operation(self, service: ServiceClass, route: Route) -> MethodOperation | BatchOperation:
        contract = service.apis[route.method].contract
        method = getattr(self._instance, route.method)
        if not contract.batchable:
            call = (
                AsyncCall(method, self._models, self._throttle)
                if contract.is_async
                else ThreadCall(method, self._models, self._threads)
            )
            return MethodOperation(contract, call, self._settings)
        name = contract.parameters[0].name
        batch_call = BatchCall(method, name, self._models, is_async=contract.is_async)
        limits, observer = self._batching(route)
        executor = ThreadExecutor(batch_call, table, Worker(route.method), self.on_hang)
        batcher = Batcher(executor, table, limits, observer=observer)
        self._batchers.append(batcher)
        return BatchOperation(contract, batcher, self._settings)

    async def _close(self) -> None:
        close = getattr(self._instance, "aclose", None) or getattr(self._instance, "close", None)
        if close is None:
            return
        if inspect.iscoroutinefunction(close):
            with using(self._models):
                await close()
        else:
            await self._run(close)

    async def _run(self, work: Callable[[], Any]) -> Any:
        """The author's code, in a thread, where `model("name")` finds the bundle's models."""
        with using(self._models):
            context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, context.run, work)


def _instance(cls: type, src: Path) -> Any:
    try:
        made = cls()
        _check_hidden(made)
    except BundleError as error:
        error.args = (f"{where(error, src)}`{cls.__name__}` cannot start: {error}",)
        raise
    except Exception as error:
        log.exception("`%s()` failed.", cls.__name__)
        message = f"`{cls.__name__}` cannot start: {one_line(error)}"
        raise BundleError(where(error, src) + message) from error
    return made


def _check_hidden(made: Any) -> None:
    """Refuse `self.predict = model(...)` beside an API `predict`: it would be called in its place.

    Raises:
        BundleError: naming the attribute.
    """
    for name, value in getattr(made, "__dict__", {}).items():
        if isinstance(value, ModelHandle) and options_of(getattr(type(made), name, None)):
            raise BundleError(
                f"`self.{name}` is a model, and hides the API `{name}`.",
                hint="Give the attribute another name.",
            )
