"""RunningServer: a `bundle serve` of this user, as it describes itself under $BUNDLE_HOME/run."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from ...runtime.errors import BundleError
from ..store.files.process import Process

FOLDER = "run"
_Found = TypeVar("_Found", bound="RunningServer")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """One file, written anew with every change and removed at the end.

    process   of `bundle serve`, as text
    target    what it was told to serve
    name      of its bundle, or model
    tag       and digest: what it serves now
    attempts  restarts that have come to an end, well or not
    error     of the last one: message, hint and code; None when it went well
    """

    process: str
    target: str
    name: str
    url: str
    port: int
    tag: str | None = None
    digest: str | None = None
    state: Literal["starting", "serving", "restarting"] = "starting"
    attempts: int = 0
    error: dict[str, Any] | None = None

    @classmethod
    def of(cls, target: str, name: str, url: str, port: int) -> Self:
        """The process that asks, which is about to serve."""
        return cls(str(Process.current()), target, name, url, port)

    @property
    def pid(self) -> int:
        """Of `bundle serve`."""
        return Process.parse(self.process).pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; a stranger with the same number does not count."""
        process = Process.parse(self.process)
        return process.is_near and process.is_alive

    def write(self, root: Path) -> None:
        """Say so to whoever asks; where nothing may be written, nobody can."""
        path = self._path(root)
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_suffix(".new")
            draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
            draft.replace(path)

    def remove(self, root: Path) -> None:
        """It has ended."""
        with suppress(OSError):
            self._path(root).unlink()

    def again(self, root: Path) -> Self | None:
        """What it says now; None when it has ended."""
        found = _read(type(self), self._path(root))
        return found if found is not None and found.is_alive else None

    def answers_to(self, name: str) -> bool:
        """Whether a person may mean it by a port, a process id, a tag or a tag's name."""
        if name.isdecimal():
            return int(name) in {self.port, self.pid}
        return name.removeprefix("model:").removeprefix("bundle:") in {self.name, self.tag} or (
            name == self.target
        )

    def _path(self, root: Path) -> Path:
        return root / FOLDER / f"{self.pid}.json"

    @classmethod
    def all(cls, root: Path) -> list[Self]:
        """Those that run, by port; the files of others, which could not remove them, go."""
        return sorted(cls._alive(root), key=lambda found: found.port)

    @classmethod
    def _alive(cls, root: Path) -> Iterator[Self]:
        for path in root.glob(f"{FOLDER}/*.json"):
            found = _read(cls, path)
            if found is not None and found.is_alive:
                yield found
            elif found is None or Process.parse(found.process).is_near:
                with suppress(OSError):
                    path.unlink()

    @classmethod
    def find(cls, root: Path, name: str | None) -> Self:
        """The one that a person means; raises BundleError when there is none, or more than one."""
        running = cls.all(root)
        meant = [each for each in running if name is None or each.answers_to(name)]
        if len(meant) == 1:
            return meant[0]
        listed = ", ".join(f"{each.tag or each.target} on port {each.port}" for each in running)
        if not running:
            target = "TAG" if name is None or name.isdigit() else name  # not a port
            start = f"Start one with `bundle serve {target}`."
            raise BundleError("No `bundle serve` of yours is running.", hint=start)
        if not meant:
            raise BundleError(f"No server answers to `{name}`; there is {listed}.")
        which = "servers are running" if name is None else f"servers answer to `{name}`"
        hint = f"Name one by its port: `bundle restart {meant[0].port}`."
        raise BundleError(f"{len(meant)} {which}: {listed}.", hint=hint)


def _read(cls: type[_Found], path: Path) -> _Found | None:
    try:
        return cls(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def interrupt(server: RunningServer, number: int) -> None:
    """Send it a signal; raises BundleError when it has gone, or is not ours."""
    try:
        os.kill(server.pid, number)
    except (ProcessLookupError, PermissionError) as error:
        raise BundleError(f"Process {server.pid} takes no signal: {error.strerror}.") from error
