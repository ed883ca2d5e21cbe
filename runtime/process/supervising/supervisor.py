"""Supervisor: starts fronts and model processes, restarts those that die, replaces all at SIGHUP.

It forks before anything heavy is imported, and each process imports what it needs: libraries with
OpenMP, such as torch and xgboost, may hang in a child that is forked after their threads exist.
It keeps the listening socket open, so that connections wait in the queue for the next process.
"""

import logging
import signal
import time
from collections.abc import Iterator
from functools import partial

from ...errors import BundleError
from ..crew.child import Child
from ..crew.control import Event
from ..crew.crew import Crew, FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from ..crew.event_loop import EventLoop
from ..crew.exit_report import ExitReport
from ..crew.process_table import ProcessTable, cannot_start
from ..sockets.accept_queue import LAME_DUCK
from .duties import Duties, work_at
from .front_watchdog import SILENCE, FrontWatchdog
from .replacement import KILL_DELAY, RETRY, Replacement
from .terminal import Terminal

log = logging.getLogger(__name__)

KILL_AFTER = 5.0  # seconds beyond the grace after which processes are killed
IDLE_GRACE = 20.0  # seconds, beyond the grace, that idle connections of an old crew are kept
LOAD_CHECK_INTERVAL = (
    1.0  # seconds between two looks at how busy a crew is, until its size is settled
)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)
SIGNAL_GAP = 0.1  # seconds; a signal that arrives again this soon went to the whole process group


class Supervisor:
    """Keeps a crew serving until a signal.

    SIGTERM, SIGINT, SIGQUIT  finish running requests within `grace` seconds, and end; a second
                              signal ends the server at once
    SIGHUP                    start a new crew, and dismiss the old one once the new one serves;
                              as SIGTERM if the terminal was closed
    SIGUSR1                   finish, as another supervisor serves on the same socket; idle
                              connections get more time; as SIGTERM where no other one can serve
    """

    def __init__(self, duties: Duties, *, grace: float, silence: float = SILENCE) -> None:
        self._duties = duties
        self._grace = grace
        self._loop = EventLoop(SIGNALS)
        work = partial(work_at, duties)
        self._processes = ProcessTable(
            self._loop, work, self._ready, self._handle_event, self._cannot_fill
        )
        self._terminal = Terminal()
        self._coordinator = duties.coordinator(self)
        self._replacement = Replacement(self, duties, self._coordinator)
        self._watchdog = FrontWatchdog(self._loop, self._fronts_to_ping, self._may_load, silence)
        self._crew = Crew(())  # that serves, or will
        self._next: Crew | None = None  # a new crew that is starting
        self._is_restart_pending = False  # for another crew, which has to wait
        self._crews_made = 0
        self._code: int | None = None  # to end with
        self._failure: BundleError | None = None  # to raise, once the running requests are answered
        self._stopped = 0.0  # when, on the monotonic clock

    def run(self) -> int:
        """Serve until a signal; returns the exit code.

        Raises:
            BundleError: when the processes cannot start, or keep dying before they serve.
        """
        with self._loop:
            try:
                self._crew = self._new_crew()
                self._fill_all(self._crew)
                self._watchdog.begin()
                while self._code is None or len(self._processes):
                    for number in self._loop.wait():
                        self._handle_signal(number)
                    for slot, child, exit_report in self._processes.reap():
                        self._handle_exit(slot, child, exit_report)
            finally:
                self._processes.end()
        if self._failure is not None:
            raise self._failure
        return self._code or 0

    def _handle_signal(self, number: int) -> None:
        if number == signal.SIGHUP and not self._terminal.ends_us:
            self.restart()
        elif number == signal.SIGUSR1 and self._duties.is_replaceable:
            self._code = 0
            self._duties.handed_over()
            for crew in self._processes.crews:
                self._dismiss(crew)
        elif not self._stopped:  # also after a handover, where requests still run
            self._stopped = time.monotonic()
            self._stop(0 if number == signal.SIGTERM else 128 + number)
        elif time.monotonic() > self._stopped + SIGNAL_GAP:
            log.warning("A second signal: not waiting for running requests.")
            self._code = 128 + number
            self._processes.send(signal.SIGKILL)

    def _stop(self, code: int) -> None:
        """Let all fronts drain; kill those that take too long."""
        self._code = code
        for crew in self._processes.crews:
            for front in crew.fronts:
                front.tell("shut_down")
                front.send(signal.SIGTERM)
            crew.end_if_left()
        self._loop.later(LAME_DUCK, self._duties.refuse_connections)
        self._loop.later(self._grace + KILL_AFTER, partial(self._processes.send, signal.SIGKILL))

    # --- crews ---

    def restart(self, *, is_urgent: bool = True) -> None:
        """Start a new crew once no model is being loaded or unloaded; it takes over when ready.

        If it `is_urgent`, loads in progress are cancelled. If a crew is already starting, another
        one follows it, because the first may have read the old files.
        """
        is_beginning = self._next is not None or not self._crew.has_served
        if self._code is not None:
            return
        if is_beginning or self._coordinator.is_busy:
            if is_urgent and not is_beginning:
                self._coordinator.cancel_loads()
            if not self._is_restart_pending:
                self._loop.later(RETRY, partial(self._retry_restart, is_urgent))
            self._is_restart_pending = True
            return
        self._is_restart_pending = False  # all requests until now are for this one
        log.info("Restarting: the old processes serve until the new ones do.")
        self._next = self._new_crew()
        self._fill_all(self._next)

    def _retry_restart(self, is_urgent: bool) -> None:
        if self._is_restart_pending:
            self._is_restart_pending = False
            self.restart(is_urgent=is_urgent)

    def _new_crew(self) -> Crew:
        crew = self._duties.new_crew(self._crews_made)
        self._crews_made += 1
        self._processes.crews.append(crew)
        return crew

    def _fill_all(self, crew: Crew) -> None:
        for slot in (*crew.templates.values(), *crew.fronts):
            self.fill(slot)
        self._remove_if_gone(crew)  # if no process could be started

    def _remove_if_gone(self, crew: Crew) -> None:
        """Forget a crew without any process."""
        if crew.is_leaving and crew.is_gone:
            crew.close()
            self._processes.crews.remove(crew)

    def _ready(self, slot: ProcessSlot) -> None:
        """Handle a process that is ready, with which its crew may be complete."""
        crew = slot.crew
        if slot.has_served:
            log.info("%s is ready again.", slot.name)
        slot.has_served = True
        self._duties.process_ready(slot)
        if isinstance(slot, TemplateSlot):
            self._fill_models(slot)
        self._coordinator.start_pending()
        if crew.is_ready and not (crew.has_served or crew.is_leaving):
            self._begin_serving(crew)

    def _begin_serving(self, crew: Crew) -> None:
        """Make this crew the serving one, and replace its missing processes."""
        crew.has_served = True
        if crew is self._next:
            self._crew, old, self._next = crew, self._crew, None
            self._dismiss(old)
        else:
            self._loop.later(LOAD_CHECK_INTERVAL, self._check_load)
        self._duties.crew_ready(crew)
        self._coordinator.start_pending()

    def _check_load(self) -> None:
        if self._code is None and (self._next is not None or self._duties.check_load(self._crew)):
            self._loop.later(LOAD_CHECK_INTERVAL, self._check_load)

    def _dismiss(self, crew: Crew) -> None:
        """Let a crew finish its requests; idle connections have time to notice."""
        crew.leave()
        crew.end_if_left()
        self._loop.later(self._grace + IDLE_GRACE, partial(crew.send, signal.SIGKILL))

    def _serve_incomplete(self, crew: Crew) -> None:
        """Continue with the fronts that serve, although another one cannot start."""
        self._processes.read_pending(crew)
        if crew is self._next or self._code is not None or self._duties.has_predecessor:
            return
        if crew.serving and not (crew.has_served or crew.is_leaving):
            self._begin_serving(crew)

    def _fail(self, crew: Crew, error: BundleError) -> None:
        """Give up a crew that cannot start; its fronts still answer the requests they have."""
        serving = crew.serving
        if crew is self._next:
            log.error("The restart failed, and the old processes go on: %s", error)
            self._next = None
        elif serving:
            self._code, self._failure = error.exit_code, error
        else:
            raise error
        self._dismiss(crew)
        for front in crew.fronts:
            if front not in serving:
                front.send(signal.SIGKILL)
        self._coordinator.start_pending()

    # --- loads and unloads: Supervision ---

    @property
    def crew(self) -> Crew:
        """The crew that serves."""
        return self._crew

    @property
    def loop(self) -> EventLoop:
        """The event loop."""
        return self._loop

    @property
    def is_free(self) -> bool:
        """Whether models can be loaded and unloaded now."""
        return self._next is None and self._code is None and self._crew.is_ready

    @property
    def is_ending(self) -> bool:
        """Whether the server is about to end."""
        return self._code is not None

    def dismiss(self, slot: ProcessSlot) -> None:
        """End the process of a slot once it has finished its work, and leave the slot empty."""
        slot.is_dismissed = True
        slot.end()
        if slot.child is not None:
            self._loop.later(KILL_DELAY, partial(slot.child.send, signal.SIGKILL))

    # --- processes ---

    def fill(self, slot: ProcessSlot) -> None:
        """Start a process in a slot, unless the slot was dismissed."""
        front = slot.front if isinstance(slot, ModelSlot) else None
        is_wanted = (
            not slot.crew.is_leaving and self._code is None if front is None else front.child
        )
        if slot.child is not None or not is_wanted or slot.is_dismissed:
            return
        try:
            self._begin(slot)
        except OSError as error:
            self._cannot_fill(slot, error)
            return
        for model in slot.models if isinstance(slot, FrontSlot) else ():
            self.fill(model)

    def _begin(self, slot: ProcessSlot) -> None:
        """Fork, from a template if there is one; slots wait for a template that still loads."""
        template = slot.crew.templates.get(slot.alias) if isinstance(slot, ModelSlot) else None
        if template is None or template.child is None or not isinstance(slot, ModelSlot):
            self._processes.fill(slot)
        elif template.is_ready:
            try:
                self._processes.fork_from(template, slot)
            except ConnectionError:  # the template has died, and is not reaped yet
                self._processes.fill(slot)

    def _fill_models(self, template: TemplateSlot) -> None:
        for model in [each for front in template.crew.fronts for each in front.models]:
            if model.alias == template.alias:
                self.fill(model)

    def _cannot_fill(self, slot: ProcessSlot, error: OSError) -> None:
        if slot.is_dismissed:  # its template ended before the fork: nothing will be reaped
            self._coordinator.reaped(slot)
            return
        if isinstance(error, ConnectionError):  # its template has ended: start it without one
            self._loop.later(0.0, partial(self.fill, slot))
            return
        failure = cannot_start(slot, error)
        self._serve_incomplete(slot.crew)
        if not slot.crew.has_served:
            self._fail(slot.crew, failure)
            return
        log.error("%s Trying again.", failure)
        self._loop.later(max(slot.delay(), RETRY), partial(self.fill, slot))

    def _handle_event(self, front: FrontSlot, event: Event) -> None:
        """Handle an event of a front."""
        if event["event"] == "pong":
            self._watchdog.answered(front, is_debugged=event["is_debugged"])
            return
        if event["event"] == "hung":  # the front ends itself
            front.killed_for = event["why"]
            return
        if event["event"] != "kill_process":
            is_known = self._coordinator.handle(front, event)
            if not is_known and self._duties.handle(front, event):
                self.restart(is_urgent=False)
            return
        front.kill_model(event)

    def _fronts_to_ping(self) -> Iterator[FrontSlot]:
        """The fronts that must answer pings; a crew that drains has its own time limit."""
        for crew in self._processes.crews:
            if self._code is None and not crew.is_leaving:
                yield from crew.fronts

    def _may_load(self, front: FrontSlot) -> bool:
        """Whether a front may be loading a model in its own process."""
        return not front.models and (not front.is_ready or self._coordinator.is_busy)

    # --- death ---

    def _handle_exit(self, slot: ProcessSlot, child: Child, exit_report: ExitReport) -> None:
        crew = slot.crew
        self._serve_incomplete(crew)
        self._duties.process_ended(child.pid)
        self._coordinator.died(slot, child)
        if slot.is_dismissed:
            self._coordinator.reaped(slot)
        elif isinstance(slot, FrontSlot):
            self._coordinator.front_died(slot)
            self._replacement.front(slot, child, exit_report)
        elif isinstance(slot, ModelSlot):
            self._replacement.model(slot, child, exit_report)
        elif isinstance(slot, TemplateSlot) and self._replacement.template(
            slot, child, exit_report
        ):
            self._fill_models(slot)
            return
        if not crew.has_served and not crew.is_leaving and self._code is None:
            why = f"{slot.name} {exit_report.why} while it was loading the bundle."
            self._fail(crew, child.failure or BundleError(why))
        self._remove_if_gone(crew)
