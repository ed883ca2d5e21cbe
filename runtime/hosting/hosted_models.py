"""HostedModels: the models of this process, which may be loaded and unloaded while it serves."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from functools import partial

from ..dialects.lifecycle import AlreadyHere, NotVouchedFor
from ..errors import LoadFailed, NotSupported, Overloaded, UnknownModel
from ..manifests.added_model import AddedModel
from ..manifests.model_entry import ModelEntry
from ..models.runner import Runner
from ..models.state import UNAWAITED, UNLOADED, State
from .coordinator import Coordinator
from .loader import Loader
from .pending_changes import PendingChanges
from .readiness import Readiness
from .transitions import Transitions

log = logging.getLogger(__name__)

NOT_FROM_OUTSIDE = "is not a model of this bundle, and nothing else is fetched or run here."
"""Why other models cannot be added, unless `serve.registration` allows it."""

_THREADED = "Models run in threads of the server here, one in each process."


class HostedModels:
    """Carries out the decisions of the coordinator in this process.

    entries           the models of the server, whether or not they are loaded
    runners           the runner of each model, by alias
    is_threaded       models run in threads of this process, so `scale` is not supported
    on_preferred      called with the alias of a version that becomes the default of its name
    on_model_added    called with a model from outside the bundle, before it is loaded
    on_model_removed  called with the alias of such a model when it is removed
    refusal           why models from outside are refused; None where they are allowed
    """

    def __init__(
        self,
        entries: Sequence[ModelEntry],
        loader: Loader,
        runners: MutableMapping[str, Runner],
        *,
        is_threaded: bool = False,
    ) -> None:
        self.on_preferred: Callable[[str], None] = lambda _: None
        self._is_threaded = is_threaded
        self.on_model_added: Callable[[AddedModel], None] = lambda _: None
        self.on_model_removed: Callable[[str], None] = lambda _: None
        self.refusal: str | None = NOT_FROM_OUTSIDE
        self._entries = list(entries)
        self._loader = loader
        self._runners = runners
        self._readiness = Readiness()
        self._coordinator: Coordinator | None = None
        self._pending = PendingChanges()
        self._wanted: set[str] = set()  # lazy models whose load was requested
        # The activity of each queue of a model, and since when it is unchanged.
        self._seen: dict[str, tuple[list[tuple[float, float]], float]] = {}
        self.transitions = Transitions(loader, runners, self)

    def attach(self, coordinator: Coordinator) -> None:
        """Carry out the decisions of `coordinator` from now on."""
        self._coordinator = coordinator
        self.transitions.attach(coordinator)

    @property
    def has_coordinator(self) -> bool:
        """Whether it has a coordinator."""
        return self._coordinator is not None

    def begin(self, readiness: Readiness, absent: Mapping[str, str]) -> None:
        """Set the states of the models at the start; `absent`: why some are unavailable."""
        self._readiness = self.transitions.readiness = readiness
        for entry in self._entries:
            presence = self._runners[entry.alias].presence
            if entry.is_lazy:
                presence.want = partial(self.want, entry.alias)
            if entry.alias in absent:
                presence.change("UNAVAILABLE", absent[entry.alias])

    # --- requests of clients ---

    async def load(self, name: str) -> None:
        """Load every version of a model, or reload it; return when it is ready.

        If models may be added from the store, an unknown model is registered.

        Raises:
            UnknownModel: when there is none of that name.
            LoadFailed: when it cannot be loaded.
        """
        if self.refusal is not None or self._named(name):
            await self._ask_all("load", name)
            return
        try:
            await self.register(name)
        except AlreadyHere as here:  # by another name
            if here.alias is None:
                raise
            await self._ask("load", here.alias)

    async def unload(self, name: str) -> None:
        """Answer the waiting requests of all versions of a model, and unload them.

        Raises:
            UnknownModel: when there is none of that name.
        """
        await self._ask_all("unload", name)

    async def load_version(self, alias: str) -> None:
        """Load one version of a model, or reload it; return when it is ready.

        Raises:
            LoadFailed: when it cannot be loaded.
        """
        await self._ask("load", alias)

    async def unload_version(self, alias: str) -> None:
        """Answer the waiting requests of one version of a model, and unload it."""
        await self._ask("unload", alias)

    async def scale(self, alias: str, workers: int) -> None:
        """Scale a model to at least `workers` processes; return when they are ready.

        Raises:
            LoadFailed: when it cannot be.
            NotSupported: where it runs in threads.
        """
        if self._is_threaded:
            raise NotSupported(_THREADED)
        await self._ask("load", alias, workers)

    async def prefer(self, alias: str) -> None:
        """Make one version of a model the default of its name."""
        await self._ask("prefer", alias)

    async def register(self, reference: str, workers: int = 0) -> str:
        """Add a model of the store, `NAME[:VERSION|@alias]`; returns its alias once it is loaded.

        Raises:
            RequestError: why it was not added.
        """
        if self.refusal is not None:
            raise NotVouchedFor(f"`{reference[:64]}` {self.refusal}")
        if workers and self._is_threaded:
            raise NotSupported(_THREADED)
        assert self._coordinator is not None
        ask = partial(self._coordinator.ask, "register", reference, workers=workers or None)
        return await self._pending.added(reference, ask)

    async def unregister(self, alias: str) -> None:
        """As `unload_version`; a model that was added from the store is also removed."""
        is_added = alias in self._loader.plan.added
        await self._ask("forget" if is_added else "unload", alias)

    async def _ask_all(self, what: str, name: str) -> None:
        results = await asyncio.gather(
            *(self._ask(what, alias) for alias in self.aliases(name)), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def aliases(self, name: str) -> list[str]:
        """The models that a name stands for: one by its alias, or all versions of a saved one.

        Raises:
            UnknownModel: when there is none.
        """
        found = self._named(name)
        if not found:
            raise UnknownModel(f"There is no model `{name[:64]}`.")
        return found

    def _named(self, name: str) -> list[str]:
        own = [each.alias for each in self._entries if each.alias == name != each.name]
        return own or [each.alias for each in self._entries if name in {each.name, each.alias}]

    async def _ask(self, what: str, alias: str, workers: int | None = None) -> None:
        if self._coordinator is None:
            raise self._runners[alias].presence.refusal()
        ask = partial(self._coordinator.ask, what, alias, workers=workers)
        state, why = await self._pending.result(ask)
        if (what not in {"unload", "forget"}) != (state == "READY"):
            done = "unloaded" if what == "forget" else f"{what}ed"
            message = f"Model `{alias}` could not be {done}: {why or state}."
            if why == UNLOADED or state == "READY":  # another caller undid it
                raise Overloaded(message, retry_after=1)
            raise LoadFailed(message)

    def want(self, alias: str) -> None:
        """Load a lazy model at its first request."""
        if self._coordinator is not None and alias not in self._wanted:
            self._wanted.add(alias)
            self._coordinator.ask("load", alias, UNAWAITED)

    def look(self, now: float) -> None:
        """Unload models that were idle for too long; `now` is on the monotonic clock."""
        for entry in self._entries:
            runner = self._runners[entry.alias]
            if not entry.unload_after or self._coordinator is None or not runner.presence.is_here:
                continue
            activity = [runner.queue(method).metrics.activity for method in runner.methods]
            seen, since = self._seen.get(entry.alias, ([], now))
            if activity != seen or any(waiting for _, waiting in activity):
                self._seen[entry.alias] = activity, now
            elif now - since >= entry.unload_after:
                log.info("Nobody has asked for model `%s` in a while.", entry.alias)
                self._seen[entry.alias] = activity, now
                self._coordinator.ask("unload", entry.alias, UNAWAITED)

    # --- AvailabilityListener: reports about models that may have been removed meanwhile ---

    def missing(self, name: str, why: str) -> None:
        """The last process of a model has died; requests wait for its successor."""
        if name in self._runners:
            self._readiness.missing(name, why)

    def broken(self, name: str, why: str) -> None:
        """No successor will start soon: requests are refused."""
        runner = self._runners.get(name)
        if (
            runner is not None
            and runner.presence.is_here
            and not self.transitions.is_changing(name)
        ):
            runner.presence.change("UNAVAILABLE", why, failed=True)
            self.transitions.refuse(name)

    def found(self, name: str) -> None:
        """A model has a process again."""
        if name not in self._runners:
            return
        self._readiness.found(name)
        presence = self._runners[name].presence
        if presence.is_failed and not self.transitions.is_changing(name):
            presence.change("READY")

    # --- events of the coordinator ---

    def set_result(self, request_id: int, state: str, why: str) -> None:
        """Give the result of a request to its caller."""
        self._pending.set_result(request_id, state, why)

    def set_state(self, alias: str, state: State, why: str, *, failed: bool) -> None:
        """Set the state that the model has in all processes, unless it answers here."""
        self._wanted.discard(alias)
        presence = self._runners[alias].presence
        if not presence.is_here:
            presence.change(state, why, failed=failed)

    def add_model(self, added: AddedModel, request_ids: Collection[int]) -> None:
        """Add a model from outside the bundle, which these requests wait for."""
        self._entries.append(added.entry)
        self._runners[added.alias] = self._loader.add_model(added)
        for request_id in request_ids:
            self._pending.set_alias(request_id, added.alias)
        self.on_model_added(added)

    def remove_model(self, alias: str) -> None:
        """Remove a model that was added."""
        self._entries = [each for each in self._entries if each.alias != alias]
        self.on_model_removed(alias)
        self._loader.remove_model(alias)
        self._runners.pop(alias, None)
        self._seen.pop(alias, None)

    def preferred(self, alias: str) -> None:
        """Make a version the default."""
        self.on_preferred(alias)

    def begin_unload(self, alias: str, term: int) -> None:
        """Start to unload a model, as the coordinator decided."""
        self._seen.pop(alias, None)
        self.transitions.unload(alias, term)

    async def stop(self) -> None:
        """Cancel all loads and unloads."""
        await self.transitions.stop()
