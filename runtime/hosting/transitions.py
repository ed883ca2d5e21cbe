"""Transitions: loads and unloads models in this process while it serves."""

import asyncio
import logging
from collections.abc import Coroutine, MutableMapping, Sequence
from typing import Any

from ..errors import BundleError, RequestError
from ..models.runner import Runner
from ..models.state import CANNOT_LOAD
from ..remote.availability import AvailabilityListener
from ..remote.model_link import ModelLink
from .coordinator import Coordinator
from .loader import Loader, discard
from .readiness import Readiness

log = logging.getLogger(__name__)

Term = tuple[str, int]
"""The alias of a model and its term."""

_NO_TERM = -1  # for tasks that are no load or unload


class Transitions:
    """Runs each load and unload in a task of its own, as the coordinator decides.

    A load has two steps. After `prepare` the model is loaded and warm, which is reported to the
    coordinator; after `commit` it answers requests.

    listener   gets the reports about the processes of loaded models
    """

    def __init__(
        self,
        loader: Loader,
        runners: MutableMapping[str, Runner],
        listener: AvailabilityListener,
    ) -> None:
        self._coordinator: Coordinator | None = None
        self.readiness = Readiness()
        self._loader = loader
        self._runners = runners
        self._listener = listener
        self._tasks: dict[Term, asyncio.Task[None]] = {}
        self._prepared: dict[Term, asyncio.Future[None]] = {}  # those that wait for `commit`

    def attach(self, coordinator: Coordinator) -> None:
        """Carry out the decisions of `coordinator` from now on."""
        self._coordinator = coordinator

    def is_changing(self, name: str) -> bool:
        """Whether a model is being loaded or unloaded."""
        return any(alias == name and term > _NO_TERM for alias, term in self._tasks)

    def refuse(self, alias: str) -> None:
        """Answer 503 to the requests that wait for a model."""
        self._begin((alias, _NO_TERM), self._runners[alias].refuse())

    def prepare(self, alias: str, term: int, links: Sequence[ModelLink] | None) -> None:
        """Start to load a model: in this process, or in those that `links` lead to."""
        presence = self._runners[alias].presence
        if not presence.is_here:
            presence.change("LOADING", "it is being loaded")
        self._begin((alias, term), self._load((alias, term), links))

    def abort(self, alias: str, term: int) -> None:
        """Abort the load of a model."""
        task = self._tasks.get((alias, term))
        if task is not None:
            task.cancel()

    def unload(self, alias: str, term: int) -> None:
        """Start to unload a model."""
        presence = self._runners[alias].presence
        if presence.is_here:
            presence.change("UNLOADING", "it is being unloaded")
        self._begin((alias, term), self._unload((alias, term)))

    def commit(self, alias: str, term: int) -> None:
        """Let a prepared model answer requests from now on."""
        prepared = self._prepared.get((alias, term))
        if prepared is not None and not prepared.done():
            prepared.set_result(None)

    def _begin(self, term: Term, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks[term] = task
        task.add_done_callback(lambda _: self._tasks.pop(term, None))

    async def _load(self, term: Term, links: Sequence[ModelLink] | None) -> None:
        alias = term[0]
        try:
            if links is None:  # a model process does this itself
                await self._loader.verify(alias)
            newer = await self._loader.load(alias, links, self._listener)
        except Exception as error:  # noqa: BLE001 - reported to the coordinator
            self._failed(term, error)
            return
        try:
            await self._loader.warm_up(newer)
            await self._wait_for_commit(term)
        except Exception as error:  # noqa: BLE001 - reported to the coordinator
            await discard(newer)
            self._failed(term, error)
            return
        except BaseException:
            await discard(newer)
            raise
        self._runners[alias].exchange(newer)
        self._runners[alias].presence.change("READY")
        self.readiness.found(alias)
        await self._end(newer)
        self._tell("committed", term)

    async def _wait_for_commit(self, term: Term) -> None:
        """Report that the model is loaded, and wait for `commit`."""
        self._prepared[term] = asyncio.get_running_loop().create_future()
        self._tell("prepared", term)
        try:
            await self._prepared[term]
        finally:
            del self._prepared[term]

    def _failed(self, term: Term, error: Exception) -> None:
        is_expected = isinstance(error, BundleError | RequestError)
        cause = None if is_expected else error
        log.error("Model `%s` cannot be loaded: %s", term[0], error, exc_info=cause)
        self._tell("failed", term, CANNOT_LOAD)

    def _tell(self, event: str, term: Term, why: str = "") -> None:
        assert self._coordinator is not None
        self._coordinator.tell(event, *term, why)

    async def _unload(self, term: Term) -> None:
        alias = term[0]
        older = self._loader.absent(alias)
        self._runners[alias].exchange(older)
        await self._end(older)
        self.readiness.gone(alias)
        self._tell("unloaded", term)

    async def _end(self, older: Runner) -> None:
        """Answer the requests that wait for a model, then unload it."""
        await older.stop(drain=older.is_alive)
        older.close()

    async def stop(self) -> None:
        """Cancel all loads and unloads."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
