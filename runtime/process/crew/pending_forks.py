"""PendingForks: forks that were requested from a template and have no pid yet."""

import json
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from .child import Child
from .crew import ModelSlot, TemplateSlot

log = logging.getLogger(__name__)

_PIECE = 1 << 12


class PendingForks:
    """The forks that were requested and not yet reported.

    on_birth    called with a slot and the pid of its new process
    on_failure  called with a slot whose fork has failed, and the reason
    """

    def __init__(
        self,
        on_birth: Callable[[ModelSlot, int], None],
        on_failure: Callable[[ModelSlot, OSError], None],
    ) -> None:
        self._on_birth = on_birth
        self._on_failure = on_failure
        self._numbers = count()
        self._pending: dict[int, tuple[TemplateSlot, ModelSlot]] = {}

    def __len__(self) -> int:
        """The number of requested forks without an answer."""
        return len(self._pending)

    def request(self, template: TemplateSlot, slot: ModelSlot, child: Child) -> int:
        """Request a fork of `child` from a template; returns its `fork_id`.

        Raises:
            OSError: when the request cannot be sent.
        """
        if template.supervisor is None or slot.channel is None:
            raise ConnectionError("There is no line.")
        fork_id = next(self._numbers)
        request = {"fork_id": fork_id, "generation": slot.generation}
        descriptors = [*child.writers, *slot.channel.descriptors]
        socket.send_fds(template.supervisor, [json.dumps(request).encode()], descriptors)
        self._pending[fork_id] = template, slot
        return fork_id

    def time_out(self, fork_id: int) -> None:
        """Kill a template that does not answer; its requests fail, and are forked without it."""
        if fork_id in self._pending:
            template, _ = self._pending[fork_id]
            log.error("%s does not fork: it is ended.", template.name)
            template.send(signal.SIGKILL)

    def read_answers(self, template: TemplateSlot) -> bool:
        """Handle the answers of a template; False once it has closed the line."""
        try:
            return self._read_answer(template)
        except BlockingIOError:
            return True

    def _read_answer(self, template: TemplateSlot) -> bool:
        """Handle one answer; False if the line is closed.

        Raises:
            BlockingIOError: when none has arrived.
        """
        try:
            data = template.supervisor.recv(_PIECE) if template.supervisor is not None else b""
        except BlockingIOError:
            raise
        except ConnectionResetError:  # it has left requests unread; its answers come after this
            return True
        except OSError:
            return False
        if data:
            self._handle_answer(json.loads(data))
        return bool(data)

    def _handle_answer(self, answer: dict[str, int]) -> None:
        _, slot = self._pending.pop(answer["fork_id"])
        if "pid" in answer:
            self._on_birth(slot, answer["pid"])
        else:
            self._on_failure(slot, OSError(answer["errno"], os.strerror(answer["errno"])))

    def finish(self, template: TemplateSlot) -> None:
        """Read the last answers of a template that has ended, and fail its other requests."""
        with suppress(BlockingIOError):  # a process forked from it may still hold its end open
            while self._read_answer(template):
                pass
        for fork_id, (each, slot) in list(self._pending.items()):
            if each is template:
                del self._pending[fork_id]
                self._on_failure(slot, ConnectionError("The template is gone."))
