"""Resolver: looks a model up in the store, through a command that `bundle serve` provides.

Only that command knows the store and what this machine trusts. It prints one JSON object: `entry`
and `directory` of a model whose files it has laid out, or `refused` (a kind) and `why`, a sentence
that clients may see.
"""

import json
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..crew.event_loop import EventLoop

log = logging.getLogger(__name__)

TIMEOUT = 300.0  # seconds until a command is given up: it hashes every byte of the model
_PIECE = 1 << 16
_MOST = 1 << 20  # bytes of an answer

Answer = Mapping[str, Any]
_BROKEN: Answer = {
    "refused": "failed", "why": "the store could not be asked; the log of the server says why"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resolver:
    """The command that looks models up.

    command    the arguments before the name of the model
    place      a directory of this server, in which the command lays models out
    variables  environment variables in which the command differs from the server; None = unset
    """

    command: Sequence[str]
    place: Path
    variables: Mapping[str, str | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Encode for a server's environment."""
        return {
            "command": list(self.command), "place": str(self.place),
            "variables": dict(self.variables),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(tuple(data["command"]), Path(data["place"]), data["variables"])

    def look_up(
        self, name: str, loop: EventLoop, on_answer: Callable[[Answer], None]
    ) -> "StoreLookup":
        """Start the command; `on_answer` is called once it has ended, in any case.

        Raises:
            OSError: when the limit of processes is reached.
        """
        return StoreLookup(self, name, loop, on_answer)

    def environment(self) -> dict[str, str]:
        """The environment of the command."""
        kept = {key: text for key, text in os.environ.items() if key not in self.variables}
        return kept | {key: text for key, text in self.variables.items() if text is not None}


class StoreLookup:
    """One run of that command; the supervisor reaps its process with all others."""

    def __init__(
        self, resolver: Resolver, name: str, loop: EventLoop, on_answer: Callable[[Answer], None]
    ) -> None:
        self._loop = loop
        self._on_answer = on_answer
        self._answer = b""
        self._has_ended = False
        self._reader, writer = os.pipe()
        try:
            self._pid = _start([*resolver.command, name], resolver.environment(), writer)
        except OSError:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        os.set_blocking(self._reader, False)
        loop.register(self._reader, self._read_answer)
        loop.later(TIMEOUT, self.cancel)

    def _read_answer(self) -> bool:
        with suppress(BlockingIOError):
            piece = os.read(self._reader, _PIECE)
            self._answer += piece
            if not piece or len(self._answer) > _MOST:
                # Its number is not another's before the loop has let go of it.
                self._loop.later(0.0, self._end)
                return False
        return True

    def _end(self) -> None:
        self.cancel()  # if the answer was too long
        self._has_ended = True
        os.close(self._reader)
        self._on_answer(_read(self._answer[:_MOST]))

    def cancel(self) -> None:
        """Kill the command if it still runs; the lookup fails then."""
        if not self._has_ended:
            with suppress(ProcessLookupError):  # and its children, which hold the pipe
                os.killpg(self._pid, signal.SIGKILL)


def _start(command: Sequence[str], environment: Mapping[str, str], writer: int) -> int:
    """Start a process that writes to `writer`; it inherits no other descriptor but stderr."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writer, 1),
    ]
    usual = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE]
    return os.posix_spawn(
        command[0], list(command), environment, file_actions=actions, setpgroup=0, setsigdef=usual
    )


def _read(output: bytes) -> Answer:
    try:
        answer = dict(json.loads(output))
    except (ValueError, TypeError):
        answer = {}
    if {"refused", "why"} <= answer.keys() or {"entry", "directory"} <= answer.keys():
        return answer
    log.error("What asks the store has ended without an answer.")
    return _BROKEN
