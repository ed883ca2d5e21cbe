"""Threads: the number of threads that one call of a model may use, from the environment."""

import os

VARIABLE = "OMP_NUM_THREADS"
"""Libraries that use OpenMP read it when they are imported."""


def asked() -> int | None:
    """The number that the environment asks for; None where it leaves it to the library."""
    value = os.environ.get(VARIABLE, "")
    return int(value) or None if value.isdecimal() else None
