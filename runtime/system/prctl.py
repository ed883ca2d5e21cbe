"""prctl(2): settings of a process about its parent and its orphans; Linux only."""

import ctypes
import sys

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36


def end_with_parent(number: int) -> None:
    """Receive this signal when the parent process ends."""
    _prctl(_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants (a subreaper)."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
