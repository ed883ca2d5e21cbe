"""Puts a stored file at another path: reflink, else hard link, else copy."""

import errno
import fcntl
import os
import shutil
from pathlib import Path

from . import disk

_FICLONE = 0x40049409  # linux/fs.h; shares the bytes until one side is written
_PLAIN: set[int] = set()  # file systems seen to share no bytes between files
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}


def place(source: Path, destination: Path, *, executable: bool = False) -> None:
    """Give `destination` the bytes of the blob `source`, read-only, in the cheapest way.

    A hard link shares the blob's mode, so an executable file is cloned or copied.
    """
    mode = 0o555 if executable else disk.BLOB_MODE
    if clone(source, destination, mode):
        return
    if not executable and _hard_link(source, destination):
        return
    try:
        shutil.copyfile(source, destination)
        destination.chmod(mode)
    except BaseException:
        disk.remove(destination)
        raise


def clone(source: Path, destination: Path, mode: int) -> bool:
    """Reflink; returns False, and leaves no file, if the file system cannot."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with source.open("rb", buffering=0) as original:
        device = os.fstat(original.fileno()).st_dev
        if device in _PLAIN:
            return False
        descriptor = os.open(destination, flags, 0o600)
        try:
            fcntl.ioctl(descriptor, _FICLONE, original.fileno())
            os.fchmod(descriptor, mode)
        except OSError as error:
            destination.unlink()
            if error.errno == errno.EOPNOTSUPP:
                _PLAIN.add(device)
            return False
        finally:
            os.close(descriptor)
    return True


def _hard_link(source: Path, destination: Path) -> bool:
    try:
        destination.hardlink_to(source)
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True
