"""Process: identifies the owner process of a file, and whether it is alive."""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Process:
    """A process id that is unique across machines, reboots and reuse of the number.

    place    boot id and pid namespace, within which the number is valid
    started  start time of the process, in clock ticks after boot; 0 if unknown
    """

    pid: int
    started: int
    place: str

    @classmethod
    def current(cls) -> Self:
        """The calling process."""
        return cls(os.getpid(), _state(os.getpid())[1], _place())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote; raises ValueError."""
        pid, started, place = text.split(".")
        return cls(int(pid), int(started), place)

    def __str__(self) -> str:
        return f"{self.pid}.{self.started}.{self.place}"

    @property
    def is_near(self) -> bool:
        """Whether it belongs to this boot and pid namespace, so that its state can be read."""
        return self.place == _place()

    @property
    def is_alive(self) -> bool:
        """Whether it runs; a process that reuses the number has another start time."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # another user's
        state, started = _state(self.pid)
        return state != b"Z" and (not (started and self.started) or started == self.started)

    @property
    def is_stopped(self) -> bool:
        """Whether a signal has stopped this process of this machine."""
        return self.is_near and self.is_alive and _state(self.pid)[0] in {b"T", b"t"}


def _state(pid: int) -> tuple[bytes, int]:
    with suppress(OSError, ValueError, IndexError):
        # After the command's name, which may hold blanks and brackets; proc(5), fields 3 and 22.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0], int(fields[19])
    return b"?", 0


@cache
def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()[:8].decode()
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        import socket

        return socket.gethostname().replace(".", "-")
