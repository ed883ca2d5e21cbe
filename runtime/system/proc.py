"""proc: memory and processor time of a process from /proc; 0 if it has ended."""

import os
from contextlib import suppress
from pathlib import Path


def resident(pid: int) -> int:
    """Resident memory of a process in bytes, shared pages included."""
    with suppress(OSError, ValueError, IndexError):
        return int(_file(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def proportional(pid: int) -> int:
    """Resident memory in bytes; a page that n processes share counts 1/n.

    The kernel may take milliseconds for a large process. An old one does not tell: then as
    `resident`.
    """
    with suppress(OSError, ValueError, IndexError):
        for line in _file(pid, "smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) << 10
    return resident(pid)


def processor_seconds(pid: int) -> float:
    """Processor time of a process in seconds."""
    with suppress(OSError):
        # After the command's name, which may hold blanks and brackets: fields 14 and 15.
        fields = _file(pid, "stat").rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _file(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()
