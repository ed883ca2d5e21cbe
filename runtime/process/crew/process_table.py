"""ProcessTable: the processes of all crews by slot: forked, watched, and reaped."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from ...errors import BundleError
from ...system import process_group
from ..machine.cgroup import Cgroup
from .child import Child, Work
from .control import Event
from .crew import Crew, FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from .event_loop import EventLoop
from .exit_report import ExitReport
from .pending_forks import PendingForks

log = logging.getLogger(__name__)

FORK_TIMEOUT = 10.0  # seconds; the fork of a template of many gigabytes takes one or two
CHILDREN_GRACE = 1.0  # seconds after SIGTERM until the children of a dead process are killed
FORK_SLACK = 1.0  # further seconds to read an answer, if this process was suspended


class ProcessTable:
    """Which process is in which slot.

    on_ready    called with a slot whose process reports ready
    on_event    called with each event of a front
    on_failure  called with a slot whose fork failed after `fork_from` had returned
    """

    def __init__(
        self,
        loop: EventLoop,
        work: Callable[[ProcessSlot], Work],
        on_ready: Callable[[ProcessSlot], None],
        on_event: Callable[[FrontSlot, Event], None],
        on_failure: Callable[[ProcessSlot, OSError], None],
    ) -> None:
        self.crews: list[Crew] = []
        self._loop = loop
        self._work = work
        self._on_ready = on_ready
        self._on_event = on_event
        self._on_failure = on_failure
        self._slots: dict[int, ProcessSlot] = {}  # by pid
        self._forks = PendingForks(self._forked, self._fork_failed)
        self._unreported: dict[int, int] = {}  # pid -> wait status, of a fork not reported yet
        self._groups: set[int] = set()  # whose leader has died, and that still have processes
        self._kills = Cgroup.current().oom_kills()

    def __len__(self) -> int:
        """The number of processes, requested forks included."""
        return len(self._slots) + len(self._forks)

    def send(self, number: int) -> None:
        """Send a signal to all."""
        for slot in self._slots.values():
            slot.send(number)

    def read_pending(self, crew: Crew) -> None:
        """Handle the events that the fronts of a crew have sent so far."""
        for front in crew.fronts:
            for pipe in front.child.pipes if front.child is not None else ():
                if not self._read(front, pipe.read):
                    self._loop.unregister(pipe.reader)

    # --- start ---

    def fill(self, slot: ProcessSlot) -> None:
        """Fork a process for a slot.

        Raises:
            OSError: when a limit of processes or descriptors is reached.
        """
        try:
            if isinstance(slot, FrontSlot):
                self._prepare(slot)
            elif isinstance(slot, TemplateSlot):
                line = slot.prepare().fileno()
                self._loop.register(line, partial(self._forks.read_answers, slot))
            child = Child(time.monotonic(), slot.death_signal)
            slot.generation += 1
            child.start(self._work(slot), partial(self._close_others, slot))
        except OSError:
            self._close_line(slot)
            raise
        self._slots[child.pid] = slot
        self._watch(slot, child)
        if isinstance(slot, FrontSlot) and slot.control is not None:
            slot.control.front.close()
        elif isinstance(slot, TemplateSlot) and slot.template is not None:
            slot.template.close()

    def fork_from(self, template: TemplateSlot, slot: ModelSlot) -> None:
        """Request a process for a slot from a template, which has loaded the model.

        Raises:
            ConnectionError: when the template has ended.
            OSError: when the limit of descriptors is reached.
        """
        child = Child(time.monotonic(), slot.death_signal)
        slot.generation += 1
        try:
            fork_id = self._forks.request(template, slot, child)
        except OSError:
            child.listen()
            child.abandon()
            raise
        child.listen()
        self._watch(slot, child)
        time_out = partial(self._forks.time_out, fork_id)
        self._loop.later(FORK_TIMEOUT, partial(self._loop.later, FORK_SLACK, time_out))

    def _watch(self, slot: ProcessSlot, child: Child) -> None:
        """Watch the pipes of the process in a slot."""
        slot.child = child
        for pipe in child.pipes:
            self._loop.register(pipe.reader, partial(self._read, slot, pipe.read))
        if isinstance(slot, ModelSlot):
            slot.tell("process_started")

    def _forked(self, slot: ModelSlot, pid: int) -> None:
        """Register a process that a template has forked; end it if its front has died meanwhile."""
        if slot.child is not None:
            slot.child.pid = pid
            self._slots[pid] = slot
            if pid in self._unreported:  # it has ended already: `_reap_unreported` handles it
                slot.child.is_reaped = True
                return
            if slot.is_dismissed or slot.front is None or slot.front.child is None:
                slot.child.send(signal.SIGKILL)
            elif slot.is_ready:  # it reported ready before its template reported the pid
                self._on_ready(slot)

    def _fork_failed(self, slot: ModelSlot, error: OSError) -> None:
        child, slot.child = slot.child, None
        if child is not None:
            for pipe in child.pipes:
                self._loop.unregister(pipe.reader)
            child.abandon()
        self._on_failure(slot, error)

    def _prepare(self, front: FrontSlot) -> None:
        """Make new lines for a new process: an event may be half written on the old ones."""
        line = front.prepare().supervisor
        line.on_event = partial(self._on_event, front)
        line.on_full = partial(self._loop.write, line.fileno(), line.flush)
        self._loop.register(line.fileno(), line.read)

    def _close_line(self, slot: ProcessSlot) -> None:
        """Close the control line of a front that has died."""
        if isinstance(slot, TemplateSlot) and slot.supervisor is not None:
            self._loop.unregister(slot.supervisor.fileno())
            self._forks.finish(slot)
            slot.close()
        if isinstance(slot, FrontSlot) and slot.control is not None:
            self._loop.unregister(slot.control.supervisor.fileno())
            slot.control.close()

    def _close_others(self, own: ProcessSlot) -> None:
        """In a child: close the descriptors of the supervisor and of all other processes."""
        self._loop.close()
        for crew in self.crews:
            for slot in crew.slots():
                for pipe in slot.child.pipes if slot.child else ():
                    os.close(pipe.reader)
            for each in (*crew.fronts, *crew.templates.values()):
                each.close(except_for=own)

    def _read(self, slot: ProcessSlot, read: Callable[[], bool]) -> bool:
        was_ready = slot.is_ready
        goes_on = read()
        if slot.is_ready and not was_ready and slot.child is not None and slot.child.pid:
            self._on_ready(slot)
        return goes_on

    # --- death ---

    def reap(self) -> Iterator[tuple[ProcessSlot, Child, ExitReport]]:
        """Reap the processes that have ended, and orphans if this is pid 1 of a container."""
        yield from self._reap_unreported()
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid not in self._slots and len(self._forks):
                    self._unreported[pid] = status
                yield from self._reap_one(pid, status)
        yield from self._reap_unreported()  # a template may have reported their pid just now
        if not len(self._forks):
            self._unreported.clear()

    def _reap_unreported(self) -> Iterator[tuple[ProcessSlot, Child, ExitReport]]:
        """Processes that ended before their fork was reported."""
        for pid in self._unreported.keys() & self._slots.keys():
            yield from self._reap_one(pid, self._unreported.pop(pid))

    def _reap_one(self, pid: int, status: int) -> Iterator[tuple[ProcessSlot, Child, ExitReport]]:
        slot = self._slots.pop(pid, None)
        child = slot.child if slot is not None else None
        if slot is None or child is None:
            return
        child.is_reaped, slot.child = True, None
        for pipe in child.pipes:
            self._loop.unregister(pipe.reader)
        self._close_line(slot)
        if isinstance(slot, ModelSlot):
            self._end_offspring(pid)
        is_oom = self._was_oom_killed(status)
        yield slot, child, ExitReport.of(status, child.stderr_tail(), is_out_of_memory=is_oom)

    def _end_offspring(self, pid: int) -> None:
        """Send SIGTERM to the children that a dead process has left, and SIGKILL later."""
        if process_group.signal_all(pid, signal.SIGTERM):
            self._groups.add(pid)
            self._loop.later(CHILDREN_GRACE, partial(self._kill_offspring, pid))

    def _kill_offspring(self, pid: int) -> None:
        if pid in self._groups:  # else its number may be another's by now
            self._groups.discard(pid)
            process_group.signal_all(pid, signal.SIGKILL)

    def _was_oom_killed(self, status: int) -> bool:
        """Whether the kernel's OOM killer has killed a process since the last call."""
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            return False
        before, self._kills = self._kills, Cgroup.current().oom_kills()
        return self._kills > before

    def end(self) -> None:
        """Kill and reap all processes."""
        self.send(signal.SIGKILL)
        for pid, slot in self._slots.items():
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
            if slot.child is not None:
                slot.child.stderr_tail()
            if isinstance(slot, ModelSlot) and process_group.signal_all(pid, signal.SIGTERM):
                self._groups.add(pid)
        self._slots.clear()
        deadline = time.monotonic() + CHILDREN_GRACE
        while any(process_group.signal_all(pid, 0) for pid in self._groups):
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        for pid in list(self._groups):
            self._kill_offspring(pid)
        for crew in self.crews:
            crew.close()


def cannot_start(slot: ProcessSlot, error: OSError) -> BundleError:
    """The message when `ProcessTable.fill` fails."""
    return BundleError(f"{slot.name} cannot be started: {error.strerror}.")
