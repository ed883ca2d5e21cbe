"""FrontWatchdog: replaces a front whose event loop hangs.

A front may be stopped by a signal, or hang in a library that holds the GIL. It then keeps its
connections, and the kernel gives it new ones from the shared accept queue.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..crew.crew import FrontSlot
from ..crew.event_loop import EventLoop

log = logging.getLogger(__name__)

SILENCE = 30.0  # seconds, at least, without an answer; `serve.timeout` if that is longer
MISSED_PINGS = 6  # consecutive ones, after which a front is killed
DUMP_TIME = 2.0  # seconds for the stack dump of a front that hangs
_DEBUGGERS = ("debugpy", "pydevd")
_STOPPED = "Tt"  # states of a process; proc(5)


@dataclass(slots=True)
class _Answers:
    """One front's answers to pings.

    missed   consecutive pings without an answer
    """

    generation: int
    is_asked: bool = False
    missed: int = 0
    was_there: bool = False
    is_debugged: bool = False


class FrontWatchdog:
    """Pings each front at intervals, and kills those that do not answer.

    Pings are counted, not seconds, so that a suspended supervisor kills nothing. Not killed are
    fronts under a debugger, and fronts that load a model in their own process, unless they are
    stopped by a signal.

    fronts      the fronts that should answer
    may_load    whether a front may be loading a model in its own process
    """

    def __init__(
        self,
        loop: EventLoop,
        fronts: Callable[[], Iterable[FrontSlot]],
        may_load: Callable[[FrontSlot], bool],
        silence: float,
    ) -> None:
        self._loop = loop
        self._fronts = fronts
        self._may_load = may_load
        self._silence = silence
        self._period = silence / MISSED_PINGS
        self._known: dict[FrontSlot, _Answers] = {}
        self._due = 0.0

    def begin(self) -> None:
        """Start pinging."""
        self._due = time.monotonic() + self._period
        self._loop.later(self._period, self._call)

    def answered(self, front: FrontSlot, *, is_debugged: bool) -> None:
        """Take the answer of a front to a ping."""
        known = self._known.get(front)
        if known is not None and known.generation == front.generation:
            known.is_asked, known.missed, known.was_there = False, 0, True
            known.is_debugged = is_debugged

    def _call(self) -> None:
        was_away = time.monotonic() > self._due + self._period
        present = [front for front in self._fronts() if front.child is not None]
        self._known = {front: self._of(front) for front in present}
        for front, known in self._known.items():
            if was_away:  # answers may be unread, or all processes were suspended
                known.missed = 0
            if known.is_asked:
                self._missed(front, known)
            else:
                known.is_asked = True
                front.tell("ping")
        self.begin()

    def _of(self, front: FrontSlot) -> _Answers:
        known = self._known.get(front)
        if known is None or known.generation != front.generation:
            return _Answers(front.generation)
        return known

    def _missed(self, front: FrontSlot, known: _Answers) -> None:
        known.missed += 1
        if known.missed < MISSED_PINGS or front.child is None:
            return
        is_stopped, is_traced = _state(front.child.pid)
        is_loading = not known.was_there or self._may_load(front)
        if is_traced or known.is_debugged or is_debugged() or (is_loading and not is_stopped):
            return
        known.missed = 0
        self._end(front, is_stopped=is_stopped)

    def _end(self, front: FrontSlot, *, is_stopped: bool) -> None:
        assert front.child is not None
        state = "is stopped" if is_stopped else "hangs"
        front.killed_for = f"it had not answered its supervisor for {self._silence:g} s"
        log.error("%s (pid %d) %s: it is replaced.", front.name, front.child.pid, state)
        if not is_stopped:
            front.send(signal.SIGABRT)  # which dumps its stack
            self._loop.later(DUMP_TIME, partial(front.child.send, signal.SIGKILL))
        else:
            front.send(signal.SIGKILL)


def _state(pid: int) -> tuple[bool, bool]:
    """Whether a process is stopped, and whether a debugger traces it, according to /proc."""
    found = {"State": "", "TracerPid": "0"}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, text = line.partition(":")
            if name in found:
                found[name] = text.strip()
    return found["State"][:1] in set(_STOPPED), found["TracerPid"] != "0"


def is_debugged() -> bool:
    """Whether a Python debugger is attached to this process; coverage tools do not count."""
    tracer = sys.gettrace()
    is_traced = tracer is not None and type(tracer).__module__.partition(".")[0] != "coverage"
    return is_traced or any(name in sys.modules for name in _DEBUGGERS)
