"""Threads: the number of threads that one call of a model may use, from the environment."""

import os

VARIABLE = "OMP_NUM_THREADS"
"""What the libraries that use OpenMP go by themselves, if they are imported after it is set."""


def asked() -> int | None:
    """The number that the environment asks for; None where it leaves it to the library."""
    given = os.environ.get(VARIABLE, "")
    return int(given) or None if given.isdecimal() else None
