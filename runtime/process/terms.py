"""Terms: which models a server has, each from a load to its end, in all of its processes.

A term begins in two steps, so that it begins everywhere or nowhere: each front says that it has
the model, loaded and warm; then all let it answer, and let go of what answered before.
"""

import logging
from collections.abc import Callable, Iterator, MutableMapping, Sequence

from ..models.state import CANNOT, UNLOADED, State
from .child import Child
from .control import Event
from .crew import FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from .model_status import Asked, Standing
from .supervision import SlotFactory, Supervision

log = logging.getLogger(__name__)

TRIES = 3  # deaths of a process that loads, after which the model cannot be loaded
NOBODY = -1  # the ticket of who does not wait
TAKEN_OVER = "another process takes over"
ENDS = "the server ends"
STUCK = "a process of the server keeps dying"


class Terms:
    """Has models loaded and unloaded, one thing after the other for each of them."""

    def __init__(
        self,
        standings: MutableMapping[str, Standing],
        factory: SlotFactory,
        supervision: Supervision,
    ) -> None:
        self.preferred: list[str] = []  # the default versions that somebody has set, by alias
        self.on_settled: Callable[[str, Standing], None] = lambda *_: None  # before it is told
        self._leaving: set[str] = set()  # models whose template is about to end
        self._standings = standings
        self._factory = factory
        self._supervision = supervision

    @property
    def is_busy(self) -> bool:
        """Whether some model comes or goes."""
        return any(standing.doing for standing in self._standings.values())

    # --- what fronts say ---

    def heard(self, front: FrontSlot, event: Event) -> bool:
        """A front asks for something, or says what has become of it; whether it is that."""
        kind, alias = event["event"], event.get("model", "")
        standing = self._standings.get(alias)
        if kind in {"load", "unload"} and standing is not None:
            self._asked(alias, standing, Asked(kind, front, event["ticket"], event["replicas"]))
        elif kind == "prefer" and standing is not None:
            self.prefer(alias)
            tell_done(front, event["ticket"], "READY", "")
        elif kind in {"loaded", "failed", "here", "gone"} and standing is not None:
            if event["term"] == standing.term and front in standing.awaited:
                self._answered(front, kind, alias, standing, event["why"])
        elif kind in {"load", "unload", "prefer"}:  # it was forgotten before the front heard of it
            tell_done(front, event["ticket"], "UNAVAILABLE", UNLOADED)
        else:
            return False
        return True

    def _asked(self, alias: str, standing: Standing, asked: Asked) -> None:
        if asked.front.crew.is_leaving or self._supervision.is_ending:
            why = ENDS if self._supervision.is_ending else TAKEN_OVER
            _tell_stands(asked.front, alias, Standing("UNAVAILABLE", why))
            _refuse(asked, standing, why)
            return
        if standing.doing == asked.what and asked.replicas in {None, standing.replicas}:
            standing.joined.append((asked.front, asked.ticket))
            return
        standing.asked.append(asked)
        if standing.doing == "load" and asked.what == "unload":
            self._give_up(alias, standing, UNLOADED)
        else:
            self.go_on()

    def prefer(self, alias: str) -> None:
        """It is the default version from now on, in every process."""
        self.preferred[:] = [*(each for each in self.preferred if each != alias), alias]
        for front in self._fronts():
            front.tell("prefer", model=alias)

    def _answered(
        self, front: FrontSlot, kind: str, alias: str, standing: Standing, why: str
    ) -> None:
        if kind == "failed":
            self._give_up(alias, standing, why)
            return
        if kind == "here":
            self._dismiss(alias, [front], before=standing.term)
        elif kind == "gone":
            self._dismiss(alias, [front])
        standing.awaited.discard(front)
        self._see(alias, standing)

    # --- what is done ---

    def go_on(self) -> None:
        """Begin what has been asked and can be begun."""
        for alias, standing in list(self._standings.items()):
            if standing.asked and not standing.doing and self._supervision.is_free:
                self._begin(alias, standing)

    def _begin(self, alias: str, standing: Standing) -> None:
        asked = standing.asked.popleft()
        what = asked.what
        standing.joined = [(asked.front, asked.ticket)]
        is_idle = what == "load" and asked.ticket == NOBODY and standing.state == "READY"
        if is_idle or (what == "unload" and standing.state == "UNAVAILABLE"):
            self._settle(alias, standing, standing.state, standing.why)
            return
        standing.before, standing.replicas = standing.replicas, asked.replicas or standing.replicas
        log.info("Model `%s` is to be %sed.", alias, what)
        standing.doing = what
        standing.term += 1
        standing.awaited = set(self._fronts())
        if what == "load":
            try:
                self._load(alias, standing)
            except OSError as error:
                log.error("Model `%s` cannot be loaded: %s.", alias, error.strerror)  # noqa: TRY400
                self._give_up(alias, standing, CANNOT)
            return
        standing.state = "UNLOADING"
        for each in standing.awaited:
            each.tell("go", model=alias, term=standing.term)
        self._see(alias, standing)

    def _load(self, alias: str, standing: Standing) -> None:
        if standing.state != "READY":
            standing.state = "LOADING"
        crew = self._supervision.crew
        template = self._factory.origin(alias)
        if template is not None and alias not in crew.templates:
            crew.enlist(template)
            self._supervision.fill(template)
        for front in standing.awaited:
            slots = self._factory.slots(front, alias)
            front.enlist(slots)
            for slot in slots:
                slot.prepare()
            front.offer(alias, standing.term, slots)
            for slot in slots:
                self._supervision.fill(slot)

    def _see(self, alias: str, standing: Standing) -> None:
        """Go on where nobody is awaited any more."""
        if standing.awaited:
            return
        if standing.doing == "load":
            standing.doing = "enter"
            standing.awaited = set(self._fronts())
            for front in standing.awaited:
                front.tell("enter", model=alias, term=standing.term)
        elif standing.doing == "enter":
            self._settle(alias, standing, "READY")
        elif standing.doing == "unload":
            self._dismiss_template(alias)
            if not any(
                (*self._slots(alias, self._supervision.crew.fronts), alias in self._leaving)
            ):
                self._settle(alias, standing, "UNAVAILABLE", UNLOADED)

    def _give_up(self, alias: str, standing: Standing, why: str) -> None:
        """It cannot be loaded; what there was before stays."""
        for front in self._fronts():
            front.tell("withdraw", model=alias, term=standing.term)
        self._dismiss(alias, self._supervision.crew.fronts, since=standing.term)
        standing.replicas = standing.before
        if standing.state == "READY":
            self._settle(alias, standing, "READY", why, failed=True)
        else:
            self._dismiss_template(alias)
            self._settle(alias, standing, "UNAVAILABLE", why, failed=True)

    def _settle(
        self, alias: str, standing: Standing, state: State, why: str = "", *, failed: bool = False
    ) -> None:
        standing.state, standing.doing, standing.is_failed = state, "", failed
        standing.why = "" if state == "READY" else why
        standing.awaited = set()
        for front in self._fronts():
            _tell_stands(front, alias, standing)
        joined, standing.joined = standing.joined, []
        self.on_settled(alias, standing)
        for front, ticket in joined:
            tell_done(front, ticket, "FAILED" if failed else state, why)
        self.go_on()

    def forget(self, alias: str) -> None:
        """There is no such model any more; who wanted something of it is told."""
        if alias in self.preferred:
            self.preferred.remove(alias)
        standing = self._standings.pop(alias, None)
        for asked in standing.asked if standing is not None else ():
            tell_done(asked.front, asked.ticket, "UNAVAILABLE", UNLOADED)

    # --- who comes between ---

    def hurry(self) -> None:
        """Something else is to be done: what is still being loaded is given up."""
        for alias, standing in list(self._standings.items()):
            if standing.doing == "load":
                self._give_up(alias, standing, "the server was restarted meanwhile")

    def give_up_waiting(self) -> None:
        """A front cannot be had for now, and without it nothing can be begun: nobody waits."""
        for standing in self._standings.values():
            while standing.asked and not standing.doing:
                _refuse(standing.asked.popleft(), standing, STUCK)

    def died(self, slot: ProcessSlot, child: Child) -> None:
        """A process of a model, or its template, has died; perhaps while it was loading."""
        if not isinstance(slot, ModelSlot | TemplateSlot):
            return
        standing = self._standings.get(slot.alias)
        if standing is None or standing.doing != "load" or child.is_ready:
            return
        if isinstance(slot, ModelSlot) and slot.term != standing.term:
            return
        if child.failure is not None:
            log.error("Model `%s` cannot be loaded: %s", slot.alias, child.failure)
        elif slot.crashes + 1 < TRIES:
            return
        self._give_up(slot.alias, standing, CANNOT)

    def front_died(self, front: FrontSlot) -> None:
        """It says nothing more; whoever follows it has what the server has."""
        for alias, standing in list(self._standings.items()):
            if front not in standing.awaited:
                continue
            if standing.doing == "load":
                self._give_up(alias, standing, "a process of the server died meanwhile")
                continue
            self._dismiss(alias, [front], before=standing.term + (standing.doing == "unload"))
            standing.awaited.discard(front)
            self._see(alias, standing)

    def reaped(self, slot: ProcessSlot) -> None:
        """A process in a slot that is given up has ended."""
        if isinstance(slot, TemplateSlot):
            self._leaving.discard(slot.alias)
        elif isinstance(slot, ModelSlot) and slot.front is not None:
            slot.front.discharge(slot)
        if isinstance(slot, ModelSlot | TemplateSlot):
            standing = self._standings.get(slot.alias)
            if standing is not None and standing.doing == "unload":
                self._see(slot.alias, standing)

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


def _refuse(asked: Asked, standing: Standing, why: str) -> None:
    """What was asked is not done; the model stays as it was."""
    state = standing.state if asked.what == "unload" else "FAILED"
    tell_done(asked.front, asked.ticket, state, why)


def _tell_stands(front: FrontSlot, alias: str, standing: Standing) -> None:
    state, why, failed = standing.state, standing.why, standing.is_failed
    front.tell("stands", model=alias, state=state, why=why, failed=failed)


def tell_done(front: FrontSlot, ticket: int, state: str, why: str) -> None:
    """Tell whoever waits with this ticket what has become of what was asked."""
    if ticket != NOBODY:
        front.tell("done", ticket=ticket, state=state, why=why)
