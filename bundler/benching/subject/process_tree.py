"""Resource usage of a server's processes, read from `/proc`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024
_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources used by a tree of processes.

    cpu        seconds, ended processes included
    memory     bytes; shared pages count once (PSS), if permitted
    resident   bytes (RSS); shared pages count in every process
    processes  their number
    """

    cpu: float
    memory: int
    resident: int
    processes: int


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """The process `root` and everything that it has started."""

    root: int

    def cpu(self) -> float:
        """Seconds that they have used, ended ones included."""
        stats = _stats()
        return sum(stats[pid][1] for pid in _family(self.root, stats))

    def usage(self) -> Usage:
        """The usage until now."""
        stats = _stats()
        family = _family(self.root, stats)
        memory = [_memory(pid) for pid in family]
        return Usage(
            sum(stats[pid][1] for pid in family),
            sum(own for own, _ in memory),
            sum(resident for _, resident in memory),
            len(family),
        )


def machine_cpu() -> float | None:
    """CPU seconds of all processes since the machine started; None if unknown."""
    try:
        fields = (_PROC / "stat").read_text().partition("\n")[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _wait, *interrupts = map(int, fields[:8])
    return (user + nice + system + sum(interrupts)) / _TICKS


def starved_seconds() -> float:
    """Seconds that our main thread was runnable without a core; 0 if not counted."""
    try:
        return int((_PROC / "self" / "schedstat").read_text().split()[1]) * 1e-9
    except (OSError, IndexError):
        return 0.0


def listening(port: int) -> ProcessTree | None:
    """The tree of the server that listens on `port` here; None where we may not see it."""
    sockets = set(_listening_sockets(port))
    stats = _stats()
    owners = {pid for pid in stats if sockets and sockets & set(_sockets_of(pid))}
    roots = [pid for pid in owners if stats[pid][0] not in owners]
    return ProcessTree(min(roots)) if roots else None


def _stats() -> dict[int, tuple[int, float]]:
    """Of every process its parent, and the CPU seconds of it and of its children that ended."""
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            found[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])) / _TICKS)
    return found


def _family(root: int, stats: dict[int, tuple[int, float]]) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in stats.items():
        children.setdefault(parent, []).append(pid)
    found = [root] if root in stats else []
    for pid in found:  # it grows meanwhile
        found += children.get(pid, [])
    return found


def _memory(pid: int) -> tuple[int, int]:
    """PSS and RSS in bytes; RSS for both where PSS is a secret."""
    resident = _kib(_PROC / str(pid) / "status", "VmRSS:")
    own = _kib(_PROC / str(pid) / "smaps_rollup", "Pss:")
    return (own or resident) * _KIB, resident * _KIB


def _kib(path: Path, name: str) -> int:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)


def _listening_sockets(port: int) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _sockets_of(pid: int) -> Iterator[str]:
    try:
        for entry in (_PROC / str(pid) / "fd").iterdir():
            yield str(entry.readlink())
    except OSError:
        return  # a process of another user, or one that has ended
