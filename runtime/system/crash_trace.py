"""crash_trace: writes the Python stack to stderr when compiled code crashes."""

import faulthandler
import sys


def enable(descriptor: int) -> None:
    """Write the stack of the thread that crashed to `descriptor`.

    Not the C stack, which Python 3.14 adds: its addresses say little, and the reason for the end
    would no longer be among the last lines that are kept of it.
    """
    if sys.version_info >= (3, 14):
        faulthandler.enable(descriptor, all_threads=False, c_stack=False)
    else:
        faulthandler.enable(descriptor, all_threads=False)
