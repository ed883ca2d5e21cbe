"""Transitions: loads and unloads models in this process while it serves."""

import asyncio
import logging
from collections.abc import Coroutine, MutableMapping, Sequence
from typing import Any

from ..errors import BundleError, RequestError
from ..models.runner import Runner
from ..models.state import CANNOT
from ..remote.availability import AvailabilityListener
from ..remote.model_link import ModelLink
from .coordinator import Coordinator
from .loader import Loader, discard
from .readiness import Readiness

log = logging.getLogger(__name__)

Term = tuple[str, int]
"""The alias of a model and its term."""

_NO_TERM = -1  # for tasks outside of any term


class Transitions:
    """Runs each load and unload in a task of its own; `told` hears of their processes.

    A model enters in two steps: it is loaded and warm, which the coordinator is told; and it
    answers, once that has said so to all processes.
    """

    def __init__(
        self,
        loader: Loader,
        runners: MutableMapping[str, Runner],
        told: AvailabilityListener,
    ) -> None:
        self._coordinator: Coordinator | None = None
        self.readiness = Readiness()
        self._loader = loader
        self._runners = runners
        self._told = told
        self._tasks: dict[Term, asyncio.Task[None]] = {}
        self._entering: dict[Term, asyncio.Future[None]] = {}  # loaded, and not yet let in

    def obey(self, coordinator: Coordinator) -> None:
        """Follow the decisions of `coordinator` from now on."""
        self._coordinator = coordinator

    def is_coming(self, name: str) -> bool:
        """Whether a model is being loaded or unloaded."""
        return any(alias == name and term > _NO_TERM for alias, term in self._tasks)

    def refuse(self, alias: str) -> None:
        """Answer 503 to the requests that wait for a model."""
        self._begin((alias, _NO_TERM), self._runners[alias].refuse())

    def come(self, alias: str, term: int, links: Sequence[ModelLink] | None) -> None:
        """Start to load a model: here, or in the processes behind `links`."""
        presence = self._runners[alias].presence
        if not presence.is_here:
            presence.change("LOADING", "it is being loaded")
        self._begin((alias, term), self._come((alias, term), links))

    def withdraw(self, alias: str, term: int) -> None:
        """Abort the load of a model."""
        task = self._tasks.get((alias, term))
        if task is not None:
            task.cancel()

    def go(self, alias: str, term: int) -> None:
        """Start to unload a model."""
        presence = self._runners[alias].presence
        if presence.is_here:
            presence.change("UNLOADING", "it is being unloaded")
        self._begin((alias, term), self._go((alias, term)))

    def enter(self, alias: str, term: int) -> None:
        """Let a loaded model answer from now on."""
        entering = self._entering.get((alias, term))
        if entering is not None and not entering.done():
            entering.set_result(None)

    def _begin(self, term: Term, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks[term] = task
        task.add_done_callback(lambda _: self._tasks.pop(term, None))

    async def _come(self, term: Term, links: Sequence[ModelLink] | None) -> None:
        alias = term[0]
        try:
            if links is None:  # else its processes have done so
                await self._loader.verify(alias)
            newer = await self._loader.load(alias, links, self._told)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            self._failed(term, error)
            return
        try:
            await self._loader.warm_up(newer)
            await self._entrance(term)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
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
        self._tell("here", term)

    async def _entrance(self, term: Term) -> None:
        """Say that a model is loaded, and wait until it may answer."""
        self._entering[term] = asyncio.get_running_loop().create_future()
        self._tell("loaded", term)
        try:
            await self._entering[term]
        finally:
            del self._entering[term]

    def _failed(self, term: Term, error: Exception) -> None:
        # What is meant for a person needs no traceback.
        told = None if isinstance(error, BundleError | RequestError) else error
        log.error("Model `%s` cannot be loaded: %s", term[0], error, exc_info=told)
        self._tell("failed", term, CANNOT)

    def _tell(self, event: str, term: Term, why: str = "") -> None:
        assert self._coordinator is not None
        self._coordinator.tell(event, *term, why)

    async def _go(self, term: Term) -> None:
        alias = term[0]
        older = self._loader.absent(alias)
        self._runners[alias].exchange(older)
        await self._end(older)
        self.readiness.gone(alias)
        self._tell("gone", term)

    async def _end(self, older: Runner) -> None:
        """Answer the requests that wait for it, then unload it."""
        await older.stop(drain=older.is_alive)
        older.close()

    async def stop(self) -> None:
        """Cancel all loads and unloads."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
