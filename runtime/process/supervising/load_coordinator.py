"""LoadCoordinator: loads and unloads models, in all processes of a server at once.

A load is a two-phase commit, so that it succeeds in all fronts or in none. `prepare`: each front
loads the model, warms it up, and reports `prepared` or `failed`. `commit`: all switch to it, unload
the previous term, and report `committed`. If one front fails or dies before, all get `abort`.
"""

import logging
from collections.abc import Callable, Iterator, MutableMapping, Sequence

from ...models.state import CANNOT_LOAD, UNAWAITED, UNLOADED, State
from ..crew.child import Child
from ..crew.control import Event
from ..crew.crew import FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from .model_status import LoadRequest, ModelStatus
from .supervision import SlotFactory, Supervision

log = logging.getLogger(__name__)

TRIES = 3  # deaths of a process that loads, after which the model cannot be loaded
TAKEN_OVER = "another process takes over"
ENDS = "the server ends"
STUCK = "a process of the server keeps dying"


class LoadCoordinator:
    """Loads and unloads models; for each model one change after the other.

    statuses    the state of each model, by alias; changed in place
    on_settled  called with the alias and status of a model before the result of a change is sent
    """

    def __init__(
        self,
        statuses: MutableMapping[str, ModelStatus],
        factory: SlotFactory,
        supervision: Supervision,
    ) -> None:
        self.preferred: list[str] = []  # aliases that were made the default of their name
        self.on_settled: Callable[[str, ModelStatus], None] = lambda *_: None
        self._leaving: set[str] = set()  # aliases of models whose template is about to end
        self._statuses = statuses
        self._factory = factory
        self._supervision = supervision

    @property
    def is_busy(self) -> bool:
        """Whether a model is being loaded or unloaded."""
        return any(status.doing for status in self._statuses.values())

    # --- events of fronts ---

    def handle(self, front: FrontSlot, event: Event) -> bool:
        """Handle a front's request or report; returns False for any other event."""
        kind, alias = event["event"], event.get("model", "")
        status = self._statuses.get(alias)
        if kind in {"load", "unload"} and status is not None:
            request = LoadRequest(kind, front, event["request_id"], event["replicas"])
            self._handle_request(alias, status, request)
        elif kind == "prefer" and status is not None:
            self.prefer(alias)
            send_result(front, event["request_id"], "READY", "")
        elif kind in {"prepared", "failed", "committed", "unloaded"} and status is not None:
            if event["term"] == status.term and front in status.awaited:
                self._handle_report(front, kind, alias, status, event["why"])
        elif kind in {"load", "unload", "prefer"}:  # the model was removed meanwhile
            send_result(front, event["request_id"], "UNAVAILABLE", UNLOADED)
        else:
            return False
        return True

    def _handle_request(self, alias: str, status: ModelStatus, request: LoadRequest) -> None:
        if request.front.crew.is_leaving or self._supervision.is_ending:
            why = ENDS if self._supervision.is_ending else TAKEN_OVER
            _send_state(request.front, alias, ModelStatus("UNAVAILABLE", why))
            _refuse(request, status, why)
            return
        if status.doing == request.kind and request.replicas in {None, status.replicas}:
            status.joined.append((request.front, request.request_id))
            return
        status.queued.append(request)
        if status.doing == "load" and request.kind == "unload":
            self._abort(alias, status, UNLOADED)
        else:
            self.start_pending()

    def prefer(self, alias: str) -> None:
        """Make a model the default version of its name, in every process."""
        self.preferred[:] = [*(each for each in self.preferred if each != alias), alias]
        for front in self._fronts():
            front.tell("prefer", model=alias)

    def _handle_report(
        self, front: FrontSlot, kind: str, alias: str, status: ModelStatus, why: str
    ) -> None:
        if kind == "failed":
            self._abort(alias, status, why)
            return
        if kind == "committed":
            self._dismiss(alias, [front], before=status.term)
        elif kind == "unloaded":
            self._dismiss(alias, [front])
        status.awaited.discard(front)
        self._advance(alias, status)

    # --- changes ---

    def start_pending(self) -> None:
        """Start the queued changes that can start now."""
        for alias, status in list(self._statuses.items()):
            if status.queued and not status.doing and self._supervision.is_free:
                self._begin(alias, status)

    def _begin(self, alias: str, status: ModelStatus) -> None:
        request = status.queued.popleft()
        kind = request.kind
        status.joined = [(request.front, request.request_id)]
        is_idle = kind == "load" and request.request_id == UNAWAITED and status.state == "READY"
        if is_idle or (kind == "unload" and status.state == "UNAVAILABLE"):
            self._settle(alias, status, status.state, status.why)
            return
        status.before, status.replicas = status.replicas, request.replicas or status.replicas
        log.info("Model `%s` is to be %sed.", alias, kind)
        status.doing = kind
        status.term += 1
        status.awaited = set(self._fronts())
        if kind == "load":
            try:
                self._load(alias, status)
            except OSError as error:
                log.error("Model `%s` cannot be loaded: %s.", alias, error.strerror)  # noqa: TRY400
                self._abort(alias, status, CANNOT_LOAD)
            return
        status.state = "UNLOADING"
        for each in status.awaited:
            each.tell("unload", model=alias, term=status.term)
        self._advance(alias, status)

    def _load(self, alias: str, status: ModelStatus) -> None:
        if status.state != "READY":
            status.state = "LOADING"
        crew = self._supervision.crew
        template = self._factory.origin(alias)
        if template is not None and alias not in crew.templates:
            crew.add_template(template)
            self._supervision.fill(template)
        for front in status.awaited:
            slots = self._factory.slots(alias)
            front.add_models(slots)
            for slot in slots:
                slot.prepare()
            front.send_channels(alias, status.term, slots)
            for slot in slots:
                self._supervision.fill(slot)

    def _advance(self, alias: str, status: ModelStatus) -> None:
        """Take the next step of a change, once all fronts have reported the current one."""
        if status.awaited:
            return
        if status.doing == "load":
            # A front that is started from now on loads the model like any other.
            status.doing, status.state = "commit", "READY"
            status.awaited = set(self._fronts())
            for front in status.awaited:
                front.tell("commit", model=alias, term=status.term)
        elif status.doing == "commit":
            self._settle(alias, status, "READY")
        elif status.doing == "unload":
            self._dismiss_template(alias)
            if not any(
                (*self._slots(alias, self._supervision.crew.fronts), alias in self._leaving)
            ):
                self._settle(alias, status, "UNAVAILABLE", UNLOADED)

    def _abort(self, alias: str, status: ModelStatus, why: str) -> None:
        """Abort a load; the previous term keeps serving."""
        for front in self._fronts():
            front.tell("abort", model=alias, term=status.term)
        self._dismiss(alias, self._supervision.crew.fronts, since=status.term)
        status.replicas = status.before
        if status.state == "READY":
            self._settle(alias, status, "READY", why, failed=True)
        else:
            self._dismiss_template(alias)
            self._settle(alias, status, "UNAVAILABLE", why, failed=True)

    def _settle(
        self, alias: str, status: ModelStatus, state: State, why: str = "", *, failed: bool = False
    ) -> None:
        status.state, status.doing, status.is_failed = state, "", failed
        status.why = "" if state == "READY" else why
        status.awaited = set()
        for front in self._fronts():
            _send_state(front, alias, status)
        joined, status.joined = status.joined, []
        self.on_settled(alias, status)
        for front, request_id in joined:
            send_result(front, request_id, "FAILED" if failed else state, why)
        self.start_pending()

    def forget(self, alias: str) -> None:
        """Forget a model, and fail the queued requests for it."""
        if alias in self.preferred:
            self.preferred.remove(alias)
        status = self._statuses.pop(alias, None)
        for request in status.queued if status is not None else ():
            send_result(request.front, request.request_id, "UNAVAILABLE", UNLOADED)

    # --- restarts and deaths of processes ---

    def cancel_loads(self) -> None:
        """Abort all loads in progress, because a restart waits for them."""
        for alias, status in list(self._statuses.items()):
            if status.doing == "load":
                self._abort(alias, status, "the server was restarted meanwhile")

    def refuse_pending(self) -> None:
        """Refuse the queued changes, because a front is missing and cannot be started for now."""
        for status in self._statuses.values():
            while status.queued and not status.doing:
                _refuse(status.queued.popleft(), status, STUCK)

    def died(self, slot: ProcessSlot, child: Child) -> None:
        """Abort a load if its model process or template cannot start."""
        if not isinstance(slot, ModelSlot | TemplateSlot):
            return
        status = self._statuses.get(slot.alias)
        if status is None or status.doing != "load" or child.is_ready:
            return
        if isinstance(slot, ModelSlot) and slot.term != status.term:
            return
        if child.failure is not None:
            log.error("Model `%s` cannot be loaded: %s", slot.alias, child.failure)
        elif slot.crashes + 1 < TRIES:
            return
        self._abort(slot.alias, status, CANNOT_LOAD)

    def front_died(self, front: FrontSlot) -> None:
        """Stop waiting for the reports of a dead front; its successor loads the current models."""
        for alias, status in list(self._statuses.items()):
            if status.doing == "load" and front in self._supervision.crew.fronts:
                # Also where it had prepared the model: its successor has not.
                self._abort(alias, status, "a process of the server died meanwhile")
            elif front in status.awaited:
                self._dismiss(alias, [front], before=status.term + (status.doing == "unload"))
                status.awaited.discard(front)
                self._advance(alias, status)

    def reaped(self, slot: ProcessSlot) -> None:
        """Handle the end of a process whose slot was dismissed."""
        if isinstance(slot, TemplateSlot):
            self._leaving.discard(slot.alias)
        elif isinstance(slot, ModelSlot) and slot.front is not None:
            slot.front.remove_model(slot)
        if isinstance(slot, ModelSlot | TemplateSlot):
            status = self._statuses.get(slot.alias)
            if status is not None and status.doing == "unload":
                self._advance(slot.alias, status)

    # --- slots ---

    def _fronts(self) -> list[FrontSlot]:
        return [each for each in self._supervision.crew.fronts if each.child is not None]

    @staticmethod
    def _slots(alias: str, fronts: Sequence[FrontSlot]) -> Iterator[ModelSlot]:
        return (slot for front in fronts for slot in front.models if slot.alias == alias)

    def _dismiss(
        self, alias: str, fronts: Sequence[FrontSlot], *, since: int = 0, before: int = 1 << 62
    ) -> None:
        for slot in list(self._slots(alias, fronts)):
            if since <= slot.term < before and not slot.is_dismissed:
                self._supervision.dismiss(slot)
                if slot.child is None:
                    self.reaped(slot)

    def _dismiss_template(self, alias: str) -> None:
        template = self._supervision.crew.templates.pop(alias, None)
        if template is not None:
            self._supervision.dismiss(template)
            if template.child is not None:
                self._leaving.add(alias)


def _refuse(request: LoadRequest, status: ModelStatus, why: str) -> None:
    """Refuse a request; the model stays as it was."""
    state = status.state if request.kind == "unload" else "FAILED"
    send_result(request.front, request.request_id, state, why)


def _send_state(front: FrontSlot, alias: str, status: ModelStatus) -> None:
    state, why, failed = status.state, status.why, status.is_failed
    front.tell("model_state", model=alias, state=state, why=why, failed=failed)


def send_result(front: FrontSlot, request_id: int, state: str, why: str) -> None:
    """Send the result of a request to its front, unless nobody waits for it."""
    if request_id != UNAWAITED:
        front.tell("result", request_id=request_id, state=state, why=why)
