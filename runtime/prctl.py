"""Prctl: what a process asks of the kernel about its parent, as prctl(2) has it; on Linux alone."""

import ctypes
import sys

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36


def end_with_parent(number: int) -> None:
    """Get this signal when whoever forked this process ends, however that went."""
    _prctl(_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Be the parent of whoever loses it below us."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
