"""The model process: loads one model, and answers batches one after the other until its end.

One thread waits in `recv` and calls the model. There is no event loop and no lock that the model's
own threads could disturb.
"""

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..batching.execution.executor import WrongLength
from ..data.rows import table
from ..frameworks import registry
from ..manifests.model_manifest import ModelManifest
from ..models import imports
from ..models.canary import MOST_BYTES, Canary, KeptBatch
from ..models.model import LoadedModel
from ..plan import Plan
from ..system import crash_trace, process_group
from ..system.prctl import end_with_parent
from ..system.proc import resident
from . import failure, lost_device
from .channel import END, Channel
from .message import FORGET, SIZE, WHOLE, Message, MessageKind, Ready
from .slabs import layout, slab_reader
from .slabs.outputs import Outputs
from .slabs.slab import Slab
from .slabs.slab_writer import Written

if TYPE_CHECKING:
    from .slabs.layout import Layout

log = logging.getLogger(__name__)

OOM_SCORE = 500  # of 1000: the OOM killer prefers the model to the front
_STDOUT, _STDERR = 1, 2


class Writer(Protocol):
    """Writes the answers of a process."""

    def write(self, slab: Slab, output: Any, rows: int) -> Written:
        """Write `output` to `slab`."""


class _Ended(BaseException):
    """`END` was received while no batch was running."""


def serve_model(
    channel: Channel,
    plan: Plan,
    alias: str,
    device: str,
    generation: int,
    on_ready: Callable[[], None],
) -> None:
    """Run a model process: load `alias`, report ready, answer until `END` or the front has ended.

    Called in the main thread of a forked process.

    Raises:
        BundleError: when the model cannot be loaded.
    """
    process_group.lead()
    began = time.monotonic()
    model = load_model(plan, alias, device)
    ready = Ready(time.monotonic() - began, resident(os.getpid()), os.getpid())
    ModelProcess(channel.for_model(), model.call, generation).serve(ready, on_ready)


def load_model(plan: Plan, alias: str, device: str) -> LoadedModel:
    """Load a model in a process of its own, and exclude it from garbage collection.

    Raises:
        BundleError: when it cannot be loaded.
    """
    prepare()
    plan.import_sources()
    directory, tuning = plan.model_directory(alias), plan.tuning(alias)
    _import_ahead(plan.models[alias])
    model = LoadedModel.load(directory, device, plan.policy, tuning)
    gc.collect()
    gc.freeze()
    return model


def _import_ahead(manifest: ModelManifest) -> None:
    """Import the libraries of a built-in adapter."""
    if registry.is_builtin(manifest.loader):
        imports.ahead(manifest, registry.load(manifest.loader))


def serve_loaded(
    channel: Channel, model: LoadedModel, generation: int, on_ready: Callable[[], None]
) -> None:
    """Run a model process with a model that was loaded before the fork."""
    end_with_parent(signal.SIGKILL)  # the front has gone
    process_group.lead()
    ready = Ready(0.0, resident(os.getpid()), os.getpid())
    ModelProcess(channel.for_model(), model.call, generation).serve(ready, on_ready)


class ModelProcess:
    """Answers the batches of a channel, with `call(method, batch)`.

    writer   makes what writes the answers
    """

    def __init__(
        self,
        channel: Channel,
        call: Callable[[str, Any], Any],
        generation: int,
        writer: Callable[[], Writer] = Outputs,
    ) -> None:
        self._channel = channel
        self._socket = channel.model
        self._call = call
        self._canary = Canary(call)
        self._generation = generation
        self._layouts: dict[int, Layout] = {}
        self._writer = writer
        self._outputs = writer()
        self._buffer = bytearray(SIZE)
        self._pid = os.getpid()
        self._is_ending = False
        self._is_idle = False

    def serve(self, ready: Ready, on_ready: Callable[[], None]) -> None:
        """Report ready, and answer until `END` or the end of the front.

        Raises:
            BrokenModel: when the model fails on what it has answered before.
        """
        signal.signal(END, self._end)
        signal.signal(signal.SIGTERM, lambda *_: None)  # its children would inherit that
        process_group.reset_signals_in_forks()
        try:
            self._socket.send(ready.encode(self._generation))
            on_ready()
            while not self._is_ending and (message := self._receive()) is not None:
                if message.generation == self._generation:
                    self._socket.send(self._answer(message).encode())
                    self._canary.check()
        except (_Ended, BrokenPipeError, ConnectionResetError):
            return

    def _end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Handle `END`: exit at once if no batch is running, else after it."""
        self._is_ending = True
        if self._is_idle:
            raise _Ended

    def _receive(self) -> Message | None:
        self._is_idle = True
        try:
            size = self._socket.recv_into(self._buffer)
        finally:
            self._is_idle = False
        return Message.decode(self._buffer) if size else None

    def _answer(self, message: Message) -> Message:
        """Run one batch."""
        slot = self._channel.slots[message.slot]
        if message.flags & FORGET:
            self._outputs = self._writer()
        try:
            output, rows = self._run(message, slot.inputs)
            number, described, values, rows, size = self._outputs.write(slot.outputs, output, rows)
            kind = MessageKind.ANSWER
            self._canary.answered()
        except BaseException as error:
            if lost_device.is_lost(error):
                raise  # the next process can answer the innocent rows
            self._canary.failed(error)
            self._outputs = self._writer()  # the front may not know the last layout
            number = described = values = rows = 0
            kind, size = MessageKind.ERROR, _write_error(slot.outputs, error)
        output = None
        self._release(slot.inputs, message.size)
        slot.outputs.forget(size)
        return Message(
            kind,
            message.slot,
            0,
            self._generation,
            message.number,
            number,
            described,
            values,
            rows,
            size,
        )

    def _run(self, message: Message, slab: Slab) -> tuple[Any, int]:
        """The model's answer, and how many rows it has."""
        slab.follow(message.size)
        if message.described:
            description = slab.root[message.values : message.values + message.described].data
            self._layouts[message.layout] = layout.read(description)
        method, body = self._layouts[message.layout]
        if self._canary.begin(method, message.rows) and message.size <= MOST_BYTES:
            self._canary.keep(_kept(message, body, slab))
        try:
            output = self._call(method, slab_reader.read(slab, message, body, copies=False))
        finally:
            self._end_forks()
        if message.flags & WHOLE:
            return output, message.rows
        got = table.rows(output)
        if got != message.rows:
            raise WrongLength(message.rows, got)
        return output, got

    def _end_forks(self) -> None:
        """Exit in a fork that the model has made and that came back: it would answer as well."""
        if os.getpid() != self._pid:
            os._exit(1)

    def _release(self, slab: Slab, size: int) -> None:
        """Copy arrays of the batch that the model has kept: the next batch overwrites the slab."""
        if slab.is_held:
            slab.detach()
        slab.forget(size)


def _kept(message: Message, body: "Layout", slab: Slab) -> KeptBatch:
    content = slab.root[: message.size].tobytes()

    def batch() -> Any:
        copy = Slab(-1)
        copy.root = np.frombuffer(bytearray(content), np.uint8)
        return slab_reader.read(copy, message, body, copies=False)

    return batch


def _write_error(slab: Slab, error: BaseException) -> int:
    encoded = failure.encode(error)
    slab.reserve(len(encoded))
    slab.root[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    return len(encoded)


def prepare() -> None:
    """Prepare a forked process: stack dumps, signals, stdout, and its OOM score."""
    crash_trace.enable(_STDERR)
    sys.stdout.flush()
    os.dup2(_STDERR, _STDOUT)  # stdout is the access log, so a model prints to stderr
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor handles Ctrl-C
    end_with_parent(signal.SIGKILL)  # the front has gone
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may have a /proc that cannot be written
            Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
