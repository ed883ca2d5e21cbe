"""Terminal: whether the terminal that a process was started from still exists."""

import os
import signal
from dataclasses import dataclass, field


def _is_ignored() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Terminal:
    """Tells the SIGHUP of a closed terminal from one that asks for a restart.

    is_survived  the process is to survive that (`nohup`)
    """

    was_there: bool = field(default_factory=_has_terminal)
    is_survived: bool = field(default_factory=_is_ignored)

    @property
    def is_gone(self) -> bool:
        """Whether there was a terminal, and it has been closed."""
        return self.was_there and not _has_terminal()

    @property
    def ends_us(self) -> bool:
        """Whether a SIGHUP now is due to the closed terminal, and ends the process."""
        return self.is_gone and not self.is_survived
