"""process_group: the processes that a model or a service class starts itself.

A worker process ignores SIGTERM and SIGINT. Its children must not inherit that, or the workers of a
`multiprocessing.Pool` could not be ended by their pool.

Children that outlive their parent would keep computing and hold memory, so each worker process
leads a process group, which is signalled after its end.
"""

import os
import signal
import threading
from contextlib import suppress

_FORKED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
_before_fork = threading.local()  # `mask`: the signals that the thread which forks blocks


def reset_signals_in_forks() -> None:
    """From now on, forked children handle signals by default, and do not wake this process.

    A signal that comes before that waits for it: a pool may end a worker as soon as it is forked,
    and would wait for ever for one that has ignored it.
    """
    os.register_at_fork(
        before=_hold_signals, after_in_parent=_release_signals, after_in_child=_reset_signals
    )


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


def _hold_signals() -> None:
    _before_fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _FORKED)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before_fork.mask)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in _FORKED:
        signal.signal(number, signal.SIG_DFL)
    _release_signals()
