"""ExitReport: how a process ended, and why."""

import os
import signal
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ExitReport:
    """Why a process is gone.

    why    a clause such as "was killed by SIGSEGV", which clients may see
    words  the last lines that it wrote on stderr, for the log only
    code   its exit code; below zero, minus the number of the signal that killed it
    is_hang            it was killed because it did not answer
    is_out_of_memory   the kernel's OOM killer killed it
    """

    why: str
    words: str = ""
    code: int = 0
    is_out_of_memory: bool = False
    is_hang: bool = False

    @classmethod
    def of(cls, status: int, words: str, *, is_out_of_memory: bool = False) -> "ExitReport":
        """From a wait status; `is_out_of_memory` if the kernel has counted an OOM kill."""
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            return cls(f"ended with exit code {code}", words, code)
        why = f"was killed by {signal_name(-code)}"
        is_victim = is_out_of_memory and -code == signal.SIGKILL
        if is_victim:
            why += ", out of memory"
        return cls(why, words, code, is_victim)

    def because(self, reason: str) -> "ExitReport":
        """The same report with `reason` as the cause, if there is one."""
        return replace(self, why=f"{self.why} ({reason})", is_hang=True) if reason else self

    @property
    def cause(self) -> str:
        """The cause as the metrics name it: "memory", "hang" or "crash"."""
        if self.is_out_of_memory:
            return "memory"
        return "hang" if self.is_hang else "crash"

    @property
    def last_words(self) -> str:
        """Its last words on stderr, formatted for the log."""
        return f" Its last words:\n{self.words}" if self.words else ""


def signal_name(number: int) -> str:
    """`SIGSEGV` for 11; real-time signals have no names."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
