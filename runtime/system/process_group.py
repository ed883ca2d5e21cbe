"""process_group: the processes that a model or a service class starts itself.

A worker process ignores SIGTERM and SIGINT. Its children must not inherit that, or the workers of a
`multiprocessing.Pool` could not be ended by their pool.

Children that outlive their parent would keep computing and hold memory, so each worker process
leads a process group, which is signalled after its end.
"""

import os
import signal
from contextlib import suppress

_FORKED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


def reset_signals_in_forks() -> None:
    """From now on, forked children handle signals by default, and do not wake this process."""
    os.register_at_fork(after_in_child=_reset_signals)


def lead() -> None:
    """Become the leader of a process group; children are in it unless they leave it."""
    with suppress(PermissionError):  # it leads a session already
        os.setpgid(0, 0)


def signal_all(pid: int, number: int) -> bool:
    """Send a signal to the process group that `pid` led; False if no process of it is left.

    `pid` may have been reaped: its number is not used again while the group has members.
    """
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # on macOS: only zombies are left, or processes of another user
        return False
    return True


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in _FORKED:
        signal.signal(number, signal.SIG_DFL)
