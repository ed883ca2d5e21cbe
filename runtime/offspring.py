"""Offspring: processes that a model, or an author's class, starts by itself.

What serves does not obey SIGTERM while its front is there, and leaves a Ctrl-C to the supervisor. A
worker of a `multiprocessing.Pool` that had inherited that could never be ended by its pool.
"""

import os
import signal

_FORKED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


def obey() -> None:
    """From here on, whatever this process forks obeys signals again, and wakes nobody up here."""
    os.register_at_fork(after_in_child=_as_others_do)


def _as_others_do() -> None:
    signal.set_wakeup_fd(-1)
    for number in _FORKED:
        signal.signal(number, signal.SIG_DFL)
