"""Text mode: file names are UTF-8, whatever the locale says.

A bundle is the same bytes under every locale, and what is called `é.py` in it is called so on every
machine. Python takes the encoding of names from the locale once, when it starts.
"""

import os
import sys

_UTF8 = "utf-8"


def settle() -> None:
    """Start over in Python's UTF-8 mode where names would be read as anything else.

    The same process goes on, with the same terminal: its text stays in the terminal's encoding.
    """
    if sys.getfilesystemencoding() == _UTF8 or sys.flags.utf8_mode or not sys.executable:
        return
    os.environ["PYTHONUTF8"] = "1"  # for the processes that we start
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    # As an option, too: `-I` and `-E` keep Python from reading the variable.
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
