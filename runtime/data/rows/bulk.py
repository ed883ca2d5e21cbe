"""Bulk: how much a model has said, and whether it takes long to write that."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .fragments import Fragments

LARGE = 1 << 17  # bytes of numbers, and of what is JSON already
MUCH = 1 << 20  # bytes of answers that others need turns between


def is_large(output: Any) -> bool:
    """Whether to write it would keep others waiting for milliseconds."""
    return size(output) >= LARGE


def size(output: Any) -> int:
    """Bytes of what came from another process; of anything else nobody knows."""
    if isinstance(output, np.ndarray):
        return output.nbytes
    if isinstance(output, Fragments):
        return output.place(output.stop) - output.place(output.start)
    if isinstance(output, Mapping | tuple):
        return sum(map(size, output.values() if isinstance(output, Mapping) else output))
    return 0
