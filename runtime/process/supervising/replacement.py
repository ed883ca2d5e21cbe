"""Replacement: fills the slot of a process that died, with back-off."""

import logging
import signal
from functools import partial

from ...errors import BundleError
from ..crew.child import Child
from ..crew.crew import UNFIT, FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from ..crew.exit_report import ExitReport
from .duties import Duties
from .load_coordinator import LoadCoordinator
from .supervision import Supervision

log = logging.getLogger(__name__)

MOST_USELESS_FRONTS = (
    8  # consecutive useless fronts, while no front serves, after which the server ends
)
KILL_DELAY = 2.0  # seconds after the death of a front until its model processes are killed
RETRY = 0.1  # seconds, at least, until a process that there was no room for is tried again


class Replacement:
    """Fills slots again, at growing intervals while that fails."""

    def __init__(
        self, supervision: Supervision, duties: Duties, coordinator: LoadCoordinator
    ) -> None:
        self._supervision = supervision
        self._loop = supervision.loop
        self._duties = duties
        self._coordinator = coordinator

    def front(self, front: FrontSlot, child: Child, exit_report: ExitReport) -> None:
        """Replace a front: its connections are lost, and its model processes are ended."""
        is_wanted = (
            front.crew.has_served and not front.crew.is_leaving and not self._supervision.is_ending
        )
        for model in front.models:
            if is_wanted:
                model.send(signal.SIGKILL)
            else:
                model.end()
            if model.child is not None:
                self._loop.later(KILL_DELAY, partial(model.child.send, signal.SIGKILL))
        if not is_wanted:
            self._duties.front_finished(front)
            front.crew.end_if_left()
            return
        reason, front.killed_for = front.killed_for, ""
        exit_report = exit_report.because(reason)
        self._duties.process_died(front, exit_report.cause)
        delay = front.delay(child)
        if front.futile > MOST_USELESS_FRONTS and not any(
            each.is_ready for each in front.crew.fronts
        ):
            why = f"The workers keep dying: the last one {exit_report.why}."
            raise child.failure or BundleError(why)
        _report(front, child, exit_report, delay)
        if front.crashes > 1:
            self._coordinator.refuse_pending()
        self._loop.later(delay, partial(self._refill, front))

    def _refill(self, front: FrontSlot) -> None:
        """Fill a front's slot once its old models are reaped: new ones get new channels."""
        if all(model.child is None for model in front.models):
            self._supervision.fill(front)
        else:
            self._loop.later(RETRY, partial(self._refill, front))

    def model(self, model: ModelSlot, child: Child, exit_report: ExitReport) -> None:
        """Replace a model process; its front keeps running."""
        if model.front is None or model.front.child is None:
            return
        if exit_report.code == 0 and (model.crew.is_leaving or self._supervision.is_ending):
            return  # its front, which is about to end, has let it go
        reason, model.killed_for = model.killed_for, ""
        exit_report = exit_report.because(reason)
        model.tell("process_died", why=exit_report.why)
        if model.crew.has_served:
            delay = model.delay(child)
            self._duties.process_died(model, exit_report.cause)
            _report(model, child, exit_report, delay)
            self._loop.later(delay, partial(self._supervision.fill, model))

    def template(self, template: TemplateSlot, child: Child, exit_report: ExitReport) -> bool:
        """Replace a template; returns True if models of this kind must be loaded without one."""
        crew = template.crew
        if exit_report.code == UNFIT:
            why = "has threads once it is loaded; each process loads it by itself"
            log.info("Model `%s` %s.", template.alias, why)
            del crew.templates[template.alias]
            return True
        if crew.has_served and not crew.is_leaving and not self._supervision.is_ending:
            delay = template.delay(child)
            _report(template, child, exit_report, delay)
            self._loop.later(delay, partial(self._supervision.fill, template))
        return False


def _report(slot: ProcessSlot, child: Child, exit_report: ExitReport, delay: float) -> None:
    """Log why a process died, and when it will be replaced."""
    reason = f" ({child.failure})" if child.failure else ""
    when = f"in {delay:g} s" if delay else "now"
    which = f"{slot.name} (pid {child.pid})"
    log.error(
        "%s %s%s; starting another %s.%s",
        which,
        exit_report.why,
        reason,
        when,
        exit_report.last_words,
    )
