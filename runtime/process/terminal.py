"""Terminal: whether the one that a process was started from is still there."""

import os
from dataclasses import dataclass, field


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Terminal:
    """What tells a SIGHUP of a terminal that was closed from one that asks for a restart."""

    was_there: bool = field(default_factory=_has_terminal)

    @property
    def is_gone(self) -> bool:
        """Whether there was one, and no longer is."""
        return self.was_there and not _has_terminal()
