"""Bulk: the size of an output, and whether to encode it takes long."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .fragments import Fragments

LARGE = 1 << 17  # bytes of numbers, and of what is JSON already
MUCH = 1 << 20  # bytes of answers that others need turns between


def is_large(output: Any) -> bool:
    """Whether encoding `output` would block the event loop for milliseconds."""
    return size(output) >= LARGE


def is_of_numbers(output: Any) -> bool:
    """Whether it is arrays of numbers, whose binary form is what they are in memory."""
    if isinstance(output, Mapping | tuple):
        return all(map(is_of_numbers, output.values() if isinstance(output, Mapping) else output))
    return isinstance(output, np.ndarray) and output.dtype.kind in "biuf"


def size(output: Any) -> int:
    """Bytes of an output of another process; 0 for others, whose size is unknown."""
    if isinstance(output, np.ndarray):
        return output.nbytes
    if isinstance(output, Fragments):
        return output.place(output.stop) - output.place(output.start)
    if isinstance(output, Mapping | tuple):
        return sum(map(size, output.values() if isinstance(output, Mapping) else output))
    return 0
