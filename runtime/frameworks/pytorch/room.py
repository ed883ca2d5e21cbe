"""Room: whether a program fits on the disk, asked before torch writes it."""

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_REST = 1 << 20  # bytes for the code of a program and the directory of its archive


def check(tensors: Iterable[Any], directory: Path) -> None:
    """Check that an archive of these tensors has room in `directory`.

    Where the disk is full, the destructor of torch's archive writer throws: the process ends.

    Raises:
        OSError: ENOSPC, when there is less.
    """
    if _size(tensors) + _REST > shutil.disk_usage(directory).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))


def _size(tensors: Iterable[Any]) -> int:
    """The bytes of all storages, a shared one counted once."""
    import torch

    storages = [one.untyped_storage() for one in tensors if isinstance(one, torch.Tensor)]
    return sum({one.data_ptr(): one.nbytes() for one in storages}.values())
