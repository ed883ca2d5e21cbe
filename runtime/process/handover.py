"""Handover: what a server gets from the process that starts it, in $BUNDLE_HANDOVER.

The starting process keeps the listening socket open, so a server and its successor share it and no
connection is lost when one replaces the other. Each reports through a pipe that it is ready, or
why it cannot start.
"""

import json
import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from ..errors import BundleError
from .supervising.resolver import Resolver

VARIABLE = "BUNDLE_HANDOVER"


@dataclass(frozen=True, slots=True)
class Handover:
    """File descriptors; -1 if there is none.

    listener      the listening socket
    told          the pipe for the report
    is_successor  another server answers on the same socket until this one is ready
    resolver      the command that looks models up in the store
    """

    listener: int = -1
    told: int = -1
    is_successor: bool = False
    resolver: Resolver | None = None

    @classmethod
    def taken(cls, environment: MutableMapping[str, str] = os.environ) -> Self:
        """Read $BUNDLE_HANDOVER and remove it, so that no child of this process inherits it."""
        text = environment.pop(VARIABLE, "")
        if not text:
            return cls()
        fields = json.loads(text)
        command = fields.pop("resolver", None)
        resolver = None if command is None else Resolver.from_json(command)
        found = cls(**fields, resolver=resolver)
        for descriptor in (found.listener, found.told):
            if descriptor >= 0:
                os.set_inheritable(descriptor, False)
        return found

    def variables(self) -> dict[str, str]:
        """The environment variables for the server process."""
        resolver = None if self.resolver is None else self.resolver.to_json()
        fields = {
            "listener": self.listener, "told": self.told, "is_successor": self.is_successor,
            "resolver": resolver,
        }  # fmt: skip
        return {VARIABLE: json.dumps(fields)}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The descriptors that the server process must inherit."""
        return tuple(each for each in (self.listener, self.told) if each >= 0)

    def socket(self) -> socket.socket | None:
        """The listening socket, or None."""
        if self.listener < 0:
            return None
        listener = socket.socket(fileno=self.listener)
        listener.setblocking(False)
        return listener

    def leave(self) -> None:
        """Close the pipe in a process that reports nothing, because models may write to it."""
        if self.told >= 0:
            os.close(self.told)

    def ready(self) -> None:
        """Report that the server is ready."""
        self._tell({"event": "ready"})

    def failed(self, error: BundleError) -> None:
        """Report why the server cannot start."""
        message, hint = str(error), error.hint
        self._tell({"event": "failed", "message": message, "hint": hint, "code": error.exit_code})

    def _tell(self, event: dict[str, object]) -> None:
        if self.told >= 0:
            with suppress(OSError):  # the starting process has ended
                os.write(self.told, json.dumps(event).encode() + b"\n")
