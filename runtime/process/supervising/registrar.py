"""Registrar: adds models of the store to a running server, and removes them.

The supervisor decides for all processes: each front gets a model before it is loaded, and has
forgotten it before the request to remove it is answered.
"""

import logging
import re
import shutil
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Protocol

from ...errors import InvalidBundle
from ...manifests.added_model import AddedModel
from ...models.state import NO_STORE
from ...plan import Plan
from ...telemetry.metrics import Metrics
from ...telemetry.reserved_slots import METHODS
from ..crew.control import Event
from ..crew.crew import FrontSlot
from .load_coordinator import ENDS, TAKEN_OVER, LoadCoordinator, send_result
from .model_status import ModelStatus
from .resolver import Answer, Resolver, StoreLookup
from .supervision import Supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

MOST_LOOKUPS = 4  # lookups in the store at the same time
RETRY_INTERVAL = 0.1  # seconds between checks whether models can be loaded now
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}([:@][A-Za-z0-9][A-Za-z0-9._+-]{0,127})?")
_TERMS_APART = 1 << 20  # so that two added models of one alias never have the same term


@dataclass(slots=True)
class Registration:
    """A model that is being added: its name in the store, and the requests that wait for it."""

    name: str
    waiting: list[tuple[FrontSlot, int, int | None]] = field(default_factory=list)


class PlanOwner(Protocol):
    """Holds the plan that processes are started with; `Serving` implements it."""

    plan: Plan
    metrics: Metrics
    statuses: dict[str, ModelStatus]


class RegistrationRefused(Exception):
    """A model cannot be added; `kind` is the state that the request gets."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


class Registrar:
    """Adds models from the store on this machine, if the server may use one."""

    def __init__(
        self,
        owner: PlanOwner,
        resolver: Resolver | None,
        coordinator: LoadCoordinator,
        supervision: Supervision,
    ) -> None:
        self._owner = owner
        self._resolver = resolver
        self._coordinator = coordinator
        self._supervision = supervision
        self._first_terms = count(_TERMS_APART, _TERMS_APART)
        self._registrations: dict[str, Registration] = {}
        self._lookups: dict[str, StoreLookup] = {}
        self._new: set[str] = set()  # models that were never loaded, by alias
        self._forgotten: set[str] = set()  # models to forget once they are unloaded
        coordinator.on_settled = self._change_settled
        self._handlers: Mapping[str, Callable[[FrontSlot, Event], None]] = {
            "register": self._register,
            "forget": self._forget,
        }

    def handle(self, front: FrontSlot, event: Event) -> bool:
        """Handle a front's request to add or remove a model; whether the event is one."""
        handler = self._handlers.get(event["event"])
        if handler is not None:
            handler(front, event)
        return handler is not None

    def end(self) -> None:
        """Stop waiting for the store, because the server ends."""
        for lookup in self._lookups.values():
            lookup.cancel()

    # --- adding ---

    def _register(self, front: FrontSlot, event: Event) -> None:
        name, request_id = event["model"], event["request_id"]
        if front.crew.is_leaving or self._supervision.is_ending:
            why = ENDS if self._supervision.is_ending else TAKEN_OVER
            send_result(front, request_id, "busy", why)
            return
        try:
            registration = self._registrations.get(name) or self._look_up(name)
        except RegistrationRefused as refusal:
            send_result(front, request_id, refusal.kind, str(refusal))
            return
        registration.waiting.append((front, request_id, event["replicas"]))

    def _look_up(self, name: str) -> Registration:
        if self._resolver is None:
            raise RegistrationRefused("unsupported", NO_STORE)
        if not _NAME.fullmatch(name):
            raise RegistrationRefused("refused", "it is not the name of a model in a store")
        if len(self._registrations) >= MOST_LOOKUPS:
            raise RegistrationRefused("busy", "other models are being registered")
        loop = self._supervision.loop
        try:
            lookup = self._resolver.look_up(name, loop, partial(self._looked_up, name))
        except OSError as error:
            log.error("The store cannot be asked: %s.", error.strerror)  # noqa: TRY400
            raise RegistrationRefused("failed", "the store could not be asked") from error
        self._lookups[name] = lookup
        self._registrations[name] = Registration(name)
        return self._registrations[name]

    def _looked_up(self, name: str, answer: Answer) -> None:
        """Handle the answer of the store; add the model as soon as models can be loaded."""
        if not (self._supervision.is_free or self._supervision.is_ending):
            self._supervision.loop.later(RETRY_INTERVAL, partial(self._looked_up, name, answer))
            return
        registration = self._registrations.pop(name)
        del self._lookups[name]
        try:
            added = self._checked(answer, registration)
        except RegistrationRefused as refusal:
            log.warning("Model `%s` cannot be registered: %s.", name, refusal)
            for front, request_id, _ in registration.waiting:
                send_result(front, request_id, refusal.kind, str(refusal))
            return
        self._add_model(added, registration)

    def _checked(self, answer: Answer, registration: Registration) -> AddedModel:
        """The model that was laid out, checked to be servable beside the others."""
        if "refused" in answer:
            raise RegistrationRefused(str(answer["refused"]), str(answer["why"]))
        try:
            added = AddedModel.laid_out(answer)
        except (InvalidBundle, OSError, KeyError, TypeError, ValueError) as error:
            log.error("What the store has laid out is not a model: %s", error)  # noqa: TRY400
            shutil.rmtree(str(answer["directory"]), ignore_errors=True)
            raise RegistrationRefused("failed", "it is damaged") from error
        try:
            self._check(added, registration)
        except RegistrationRefused:
            shutil.rmtree(added.directory, ignore_errors=True)
            raise
        plan = self._owner.plan
        slot = self._owner.metrics.reserved.free()
        assert slot is not None
        return replace(added.called(plan.models.keys()), slot=slot)

    def _check(self, added: AddedModel, registration: Registration) -> None:
        plan, entry = self._owner.plan, added.entry
        for each in plan.manifest.models:
            if (each.name, each.version) != (entry.name, entry.version):
                continue
            if each.digest == entry.digest:
                raise RegistrationRefused("here", each.alias)
            raise RegistrationRefused("conflict", "another model of that name and version is here")
        if not added.manifest.methods:
            raise RegistrationRefused("refused", "it has no methods, so there is nothing to call")
        if len(added.manifest.methods) > METHODS:
            raise RegistrationRefused("refused", f"it has more than {METHODS} methods")
        absent = _absent(added)
        if absent:
            listed = ", ".join(f"`{name}`" for name in absent)
            raise RegistrationRefused(
                "refused", f"it needs {listed}, which are not installed on the server"
            )
        if self._owner.metrics.reserved.free() is None:
            raise RegistrationRefused(
                "busy", "there are as many models from outside as there may be"
            )
        if self._supervision.is_ending:
            raise RegistrationRefused("busy", ENDS)
        if all(front.crew.is_leaving for front, *_ in registration.waiting):
            raise RegistrationRefused("busy", TAKEN_OVER)  # no front is left that could load it

    def _add_model(self, added: AddedModel, registration: Registration) -> None:
        """Add the model in all fronts, and load it."""
        owner, alias = self._owner, added.alias
        self._keep_default(added)
        owner.plan = owner.plan.with_model(added)
        owner.metrics.add_model(added)
        owner.statuses[alias] = ModelStatus(
            "UNAVAILABLE", "it is being registered", term=next(self._first_terms)
        )
        self._new.add(alias)
        log.info("Model `%s` comes from the store as `%s`.", registration.name, alias)
        for front in self._supervision.crew.fronts:
            request_ids = [
                request_id for each, request_id, _ in registration.waiting if each is front
            ]
            front.tell("add_model", added=added.to_json(), request_ids=request_ids)
        for front, request_id, replicas in registration.waiting:
            if front.crew.is_leaving:  # the front does not know the model
                send_result(front, request_id, "busy", TAKEN_OVER)
                continue
            load = {"event": "load", "model": alias, "request_id": request_id, "replicas": replicas}
            self._coordinator.handle(front, load)

    def _keep_default(self, added: AddedModel) -> None:
        """Keep the default version of a name when another version is added."""
        own = [each.alias for each in self._owner.plan.manifest.models]
        names = {each.alias: each.name for each in self._owner.plan.manifest.models}
        same = [alias for alias in own if names[alias] == added.entry.name]
        if same and not any(alias in same for alias in self._coordinator.preferred):
            self._coordinator.prefer(same[-1])

    # --- removing ---

    def _forget(self, front: FrontSlot, event: Event) -> None:
        """Unload a model, and then forget it if it was added."""
        alias = event["model"]
        if alias in self._owner.plan.added:
            self._forgotten.add(alias)
        request_id = event["request_id"]
        unload = {"event": "unload", "model": alias, "request_id": request_id, "replicas": None}
        self._coordinator.handle(front, unload)

    def _change_settled(self, alias: str, status: ModelStatus) -> None:
        """Handle the result of a load or unload; removes the model if that was requested."""
        if status.state == "READY":
            self._new.discard(alias)
            if not status.queued:
                self._forgotten.discard(alias)
        elif alias in self._new | self._forgotten:
            self._remove_model(alias)

    def _remove_model(self, alias: str) -> None:
        self._new.discard(alias)
        self._forgotten.discard(alias)
        owner = self._owner
        added = owner.plan.added.get(alias)
        if added is None:
            return
        for front in self._supervision.crew.fronts:
            front.tell("remove_model", model=alias)
        owner.plan = owner.plan.without(alias)
        owner.metrics.remove_model(alias, clear=True)
        self._coordinator.forget(alias)
        shutil.rmtree(added.directory, ignore_errors=True)
        log.info("Model `%s` is forgotten.", alias)


def _absent(added: AddedModel) -> list[str]:
    """The packages of a model that are not installed here."""
    return [name for name in sorted(added.manifest.packages) if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
