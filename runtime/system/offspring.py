"""Offspring: processes that a model or a service class starts itself.

What serves does not obey SIGTERM while its front is there, and leaves a Ctrl-C to the supervisor. A
worker of a `multiprocessing.Pool` that had inherited that could never be ended by its pool.

Who is killed, or ends without having ended what it started, leaves it behind: to compute what
nobody will ask for, in memory that somebody may need.
"""

import os
import signal
from contextlib import suppress

_FORKED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


def obey() -> None:
    """From now on, forked children react to signals again, and do not wake this process."""
    os.register_at_fork(after_in_child=_as_others_do)


def gather() -> None:
    """Lead a process group from now on, which all children are in unless they leave it."""
    with suppress(PermissionError):  # it leads a session already
        os.setpgid(0, 0)


def send(pid: int, number: int) -> bool:
    """Send a signal to the process group that `pid` led; False if nothing is left of it.

    For whoever has waited for that process, whose number is nobody else's as long as its group has
    members.
    """
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # on a Mac: nobody but zombies, or somebody who is another user now
        return False
    return True


def _as_others_do() -> None:
    signal.set_wakeup_fd(-1)
    for number in _FORKED:
        signal.signal(number, signal.SIG_DFL)
