"""Durable and atomic file operations, with errors that name path and reason."""

import ctypes
import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ....runtime.digest import at_once
from ...errors import StoreError

FILE_MODE = 0o644
DIRECTORY_MODE = 0o755
BLOB_MODE = 0o444

_UNASKED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EACCES}  # SMB, 9p, a drop box
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_CLOSED = (*_FORBIDDEN, errno.ENOSPC, errno.EDQUOT)
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}
_NUMBER = re.compile(r"\(os error (\d+)\)")
_PROBE = 1 << 16  # bytes; what failed has left less room, and is still there
_HINTS = {
    errno.ENOSPC: "Free some space; `bundle gc` removes what nothing refers to.",
    errno.EDQUOT: "Your quota is used up; `bundle gc` removes what nothing refers to.",
    errno.EACCES: "Check who owns it, or choose another store with BUNDLE_HOME.",
    errno.EPERM: "Check who owns it, or choose another store with BUNDLE_HOME.",
    errno.EROFS: "It is read-only; choose a writable store with BUNDLE_HOME.",
    errno.ENOTDIR: "Choose a directory for the store with BUNDLE_HOME.",
    errno.EMFILE: "Allow this process more open files: `ulimit -n 1024`.",
    errno.EIO: "The device failed; check it, then `bundle verify`.",
}


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Convert an OSError to a `StoreError` that names path, reason and errno."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        place = error.filename2 or error.filename
        where = f" `{os.fsdecode(place)}`:" if isinstance(place, (str, bytes, Path)) else ""
        name = errno.errorcode.get(number, "unknown")
        reason = error.strerror or str(error)
        message = f"Could not {doing}:{where} {reason} ({name})."
        raise StoreError(message, hint=_HINTS.get(number)) from error


@contextmanager
def unless_closed() -> Iterator[None]:
    """Ignore errors of missing permission, read-only mounts and full disks."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CLOSED:
            raise


@contextmanager
def unless_forbidden() -> Iterator[None]:
    """Ignore errors of missing permission and read-only mounts."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FORBIDDEN:
            raise


@contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Add `path` to errors of calls on descriptors, which have none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: they survive a power cut."""
    _sync(path, os.O_DIRECTORY)


def settle_directory(path: Path) -> None:
    """Make the names in a user's directory durable, where its file system supports that."""
    try:
        sync_directory(path)
    except OSError as error:
        if error.errno not in _UNASKED:
            raise


def sync_file(path: Path) -> None:
    """Make a file's bytes and mode durable."""
    _sync(path)


def _sync(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        with named(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(path: Path) -> None:
    """Make everything on the file system of `path` durable, thousands of files at once."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


def write(path: Path, data: bytes, mode: int = FILE_MODE, *, durable: bool = True) -> None:
    """Write a new file; make its bytes durable, unless many files are synced together.

    The caller makes its name durable.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with named(path):
            write_all(descriptor, data)
            if mode == BLOB_MODE or is_shared(path.parent):
                os.fchmod(descriptor, mode)  # independent of the umask
            if durable:
                os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all bytes, as `os.write` may write fewer."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read(path: Path | str, limit: int = 1 << 16) -> bytes:
    """The bytes of a small file, in three system calls, as a listing reads ten thousand files."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe is not waited for
    descriptor = os.open(path, flags)
    try:
        with named(path):
            return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def read_whole(path: Path) -> bytes:
    """All bytes of a file; a pipe in its place is empty, and not waited for."""
    with open(path, "rb", buffering=0, opener=at_once) as file:
        return file.read() or b""


def is_shared(directory: Path) -> bool:
    """Whether the directory is shared by a group, according to its mode."""
    return bool(directory.stat().st_mode & 0o020)


def make_directory(path: Path) -> bool:
    """Create a directory; writable by the group if its parent is."""
    try:
        os.mkdir(path, DIRECTORY_MODE)  # noqa: PTH102 - names the path in its error, as all here
    except FileExistsError:
        return False
    if is_shared(path.parent):
        inherited = path.stat().st_mode & 0o7000  # setgid
        path.chmod(inherited | DIRECTORY_MODE | 0o020)
    return True


def make_directories(path: Path, *, durable: bool = False) -> None:
    """Create a directory and its parents, unless they exist; `durable` syncs their names."""
    if not path.is_dir():
        make_directories(path.parent, durable=durable)
        if make_directory(path) and durable:
            settle_directory(path.parent)


def check_takes(directory: Path, said: str) -> None:
    """Find the disk's part in what a library failed to write.

    Libraries in other languages tell it in words of their own, or not at all.

    said   what the library said; those in Rust name the number of the error

    Raises:
        OSError: when it was the disk, or when that takes nothing now.
    """
    found = _NUMBER.search(said)
    if found and int(found[1]) in _OF_THE_DISK:
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(directory))
    with named(directory), tempfile.TemporaryFile(dir=directory, buffering=0) as probe:
        write_all(probe.fileno(), bytes(_PROBE))
        os.fsync(probe.fileno())


def age(path: Path) -> float:
    """Seconds since `path` changed, by its file system's clock; 0 if that cannot be read.

    Machines that share a disk may have different clocks, the file system has one.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent)
    except OSError:
        return 0.0  # a read-only store: there is no garbage collection, either
    try:
        return os.fstat(descriptor).st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # it was another process's, which has removed it
    finally:
        os.close(descriptor)
        remove(Path(name))


def remove(path: Path) -> bool:
    """Remove a file; whether it was there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
