"""Cgroup: limits and usage of the control group of this process, version 1 or 2."""

import os
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_HUGE = 1 << 60  # bytes; version 1 writes "no limit" as a number near this


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Directories of this process's controllers; None for one that cannot be read.

    A container usually sees its own group as the root of the tree.
    """

    memory: Path | None
    cpu: Path | None

    @classmethod
    def current(cls, root: Path = _ROOT, listed: Path = Path("/proc/self/cgroup")) -> "Cgroup":
        """The control group of this process."""
        try:
            lines = listed.read_text().splitlines()
        except OSError:
            return cls(None, None)
        named: dict[str, str] = {}
        for line in lines:
            _, controllers, path = line.split(":", 2)
            named |= dict.fromkeys(controllers.split(","), path.lstrip("/"))
        unified = _found(root, named.get("", ""), "cgroup.controllers")
        memory = _found(root / "memory", named.get("memory", ""), "memory.limit_in_bytes")
        cpu = _found(root / "cpu", named.get("cpu", ""), "cpu.cfs_quota_us")
        return cls(memory or unified, cpu or unified)

    def cores(self) -> float | None:
        """CPU quota in cores; None if there is no limit."""
        if self.cpu is None:
            return None
        one = (_text(self.cpu / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        quota, _, period = (_text(self.cpu / "cpu.max") or " ".join(one)).partition(" ")
        if not quota.isdecimal() or not period.isdecimal() or not int(period):
            return None  # "max", or -1
        return int(quota) / int(period)

    def memory_left(self) -> int | None:
        """Bytes that it may still allocate, page cache excluded; None if there is no limit."""
        if self.memory is None:
            return None
        limit = _number(self.memory / "memory.max", self.memory / "memory.limit_in_bytes")
        used = _number(self.memory / "memory.current", self.memory / "memory.usage_in_bytes")
        if limit is None or used is None or limit >= _HUGE:
            return None
        cached = _counted(_text(self.memory / "memory.stat"), "inactive_file")
        return max(0, limit - used + cached)

    def oom_kills(self) -> int:
        """OOM kills counted by the kernel, in this group or on the machine."""
        texts = [_text(Path("/proc/vmstat"))]
        if self.memory is not None:
            texts += [
                _text(self.memory / "memory.events"),
                _text(self.memory / "memory.oom_control"),
            ]
        return sum(_counted(text, "oom_kill") for text in texts)


def usable_cores() -> int:
    """Cores for this process: its affinity, within its group's quota; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = Cgroup.current().cores()
    return max(1, int(min(cores or 1, quota or cores or 1)))


def available_memory() -> int:
    """Bytes that new processes may use without an OOM kill or swapping."""
    kibibytes = _counted(_text(Path("/proc/meminfo")).replace(":", ""), "MemAvailable")
    left = Cgroup.current().memory_left()
    return min(kibibytes << 10, left) if left is not None else kibibytes << 10


def _found(root: Path, path: str, marker: str) -> Path | None:
    return next((d for d in (root / path, root) if (d / marker).is_file()), None)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(*paths: Path) -> int | None:
    return next((int(text) for text in map(_text, paths) if text.isdecimal()), None)


def _counted(text: str, name: str) -> int:
    """The number after `name` in lines such as `oom_kill 3`."""
    for line in text.splitlines():
        words = line.split()
        if words[0] == name and words[1].isdecimal():
            return int(words[1])
    return 0
