"""Thread count: how many threads the numeric libraries of a process use."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS",
)  # fmt: skip
"""What libraries read when they are loaded; a person's own values are left as they are."""

_OPENBLAS = tuple(
    f"{prefix}openblas_set_num_threads{suffix}"
    for prefix in ("scipy_", "")
    for suffix in ("64_", "")
)


def announce(threads: int | None) -> int | None:
    """Limit the threads of libraries that are loaded later; None sets no limit.

    Returns the limit for libraries that are loaded already; None if the user has set a variable.
    """
    if threads is None:
        return None
    is_said = any(name in os.environ for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"))
    for name in VARIABLES:
        os.environ.setdefault(name, str(threads))
    return None if is_said else threads


def limit(threads: int | None) -> None:
    """Limit NumPy's BLAS, which was loaded before the fork; it may start threads for that."""
    if threads is not None:
        for library in _loaded("openblas"):
            _set(library, threads)


def _loaded(name: str) -> Iterator[ctypes.CDLL]:
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        return
    lines = (line.split(maxsplit=5) for line in maps.read_text(encoding="utf-8").splitlines())
    paths = {line[5] for line in lines if len(line) > 5 and name in Path(line[5]).name}  # noqa: PLR2004
    for path in sorted(paths):
        yield ctypes.CDLL(path)


def _set(library: ctypes.CDLL, threads: int) -> None:
    for name in _OPENBLAS:
        function = getattr(library, name, None)
        if function is not None:
            function(threads)
            return
