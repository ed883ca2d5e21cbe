"""ModelLink: the front's connection to one model process."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..batching.execution.worker import Done
from ..errors import ModelDied
from ..manifests.signature import Side
from . import failure
from .channel import Channel
from .message import FORGET, SIZE, WHOLE, Message, MessageKind, Ready
from .slabs import layout, slab_reader
from .slabs.inputs import Inputs
from .slabs.layout import Layout, Numbers
from .slabs.note import NotedOutput

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for the news that a process which was to be killed is dead
Kill = Callable[[int, str], None]
"""Ends the model process of a generation, for a reason."""


@dataclass(slots=True, eq=False)
class BatchJob:
    """One batch, waiting for the model process or running there."""

    inputs: Inputs | NotedOutput
    batches: list[Any]
    rows: int  # that the answer must have; 0 where any will do
    done: Done
    slot: int = -1  # its slab, once it is sent
    size: int = 0  # bytes there
    generation: int = 0  # of the process that has it


class ModelLink:
    """Sends batches to one model process, and tracks whether that is alive.

    Batches of all methods run one after the other. If the process dies, the batches that it was
    sent fail with `ModelDied`; those not yet sent wait for the next process.

    term         of the model that the process has loaded; see `hosting.coordinator`
    generation   of the current process, or of the last one
    why          reason of the last death, from the supervisor
    ready        the report of the process, once it has loaded the model
    losses       consecutive processes that died before they were ready
    on_change    called with this link when it becomes ready, when it no longer is, at each loss
    """

    def __init__(self, channel: Channel, alias: str, replica: int, kill: Kill) -> None:
        self.alias = alias
        self.replica = replica
        self.term = 0
        self.generation = -1
        self.is_ready = False
        self.why = ""
        self.losses = 0
        self.ready: Ready | None = None
        self.on_change: Callable[[ModelLink], None] = lambda _: None
        self._channel = channel
        self._kill = kill
        self._killed = -1  # the last generation that was asked to be killed
        self._dead = -1  # the last generation that has ended
        self._socket = channel.front
        self._free = deque(range(len(channel.slots)))
        self._waiting: deque[BatchJob] = deque()
        self._sent: dict[int, BatchJob] = {}
        self._number = 0
        self._numbers = Numbers()  # layouts that the process knows
        self._layouts: dict[int, Layout] = {}  # layouts of the process that are known here
        self._flags = 0  # of the next batch
        self._buffer = bytearray(SIZE)
        self._on_ready: list[Callable[[], None]] = []
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def slots(self) -> int:
        """How many batches may be sent at a time: one runs, the others wait in the process."""
        return len(self._channel.slots)

    # --- life ---

    def executor(self, method: str, inputs: Side) -> "LinkExecutor":
        """An executor of one method; `inputs` is the side that the method takes."""
        return LinkExecutor(self, Inputs(method, inputs))

    def start(self, loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]) -> None:
        """Start listening for the first user; `on_ready` is called when the process is ready."""
        self._users += 1
        self._on_ready.append(on_ready)
        if self._loop is None:
            self._loop = loop
            self._socket.setblocking(False)
            loop.add_reader(self._socket.fileno(), self._hear)

    def stop(self) -> None:
        """Stop listening, with the last user."""
        self._users -= 1
        if not self._users:
            self._leave()

    def _leave(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None
            self._waiting.clear()
            self._on_ready.clear()

    def close(self) -> None:
        """Close the link, and release the memory that it shares with its process."""
        self.on_change = lambda _: None
        self._leave()
        self._channel.close()

    def born(self, generation: int) -> None:
        """The supervisor has started the process of a generation; it still has to load."""
        if generation > self.generation:
            self._end(self.generation, self.why or "was replaced")
            self.generation = generation

    def died(self, generation: int, why: str) -> None:
        """The process of a generation has died; `why`, such as "was killed by SIGSEGV"."""
        self._dead = max(self._dead, generation)
        if generation >= self.generation:
            self.generation = generation
            self.why = why
            was_ready = self.is_ready
            self._end(generation, why)
            if not was_ready:
                self.losses += 1
                self.on_change(self)

    def _end(self, generation: int, why: str) -> None:
        """Fail all batches that were sent to processes up to a generation."""
        was_ready, self.is_ready = self.is_ready, False
        lost = [number for number, job in self._sent.items() if job.generation <= generation]
        for job in [self._finish(number) for number in lost]:
            slot = self._channel.slots[job.slot]
            slot.inputs.reset()
            slot.outputs.reset()
            job.done(None, ModelDied(why))
        if was_ready:
            self.on_change(self)

    def _begin(self, generation: int, ready: Ready) -> None:
        """Handle a process that is ready; it knows no layout of its predecessor."""
        self.born(generation)
        self.ready = ready
        self._numbers = Numbers()
        self._layouts = {}
        self.is_ready = True
        self.losses = 0
        self.on_change(self)
        for on_ready in self._on_ready:
            on_ready()
        self._send_waiting()

    # --- batches ---

    def submit(self, job: BatchJob) -> None:
        """Send a batch, or queue it while all slots are taken."""
        if self._free and self.is_ready and not self._waiting:
            self._send(job)
        else:
            self._waiting.append(job)

    def kill(self, job: BatchJob, why: str) -> None:
        """Kill the process if it has the batch; fail a queued batch if no process is ready."""
        if job.slot >= 0:
            if self._killed < job.generation:
                self._killed = job.generation
                self._kill(job.generation, why)
                if self._loop is not None:
                    self._loop.call_later(PATIENCE, self._give_up, job.generation)
        elif not self.is_ready and job in self._waiting:
            self._waiting.remove(job)
            job.done(None, ModelDied(why))

    def _give_up(self, generation: int) -> None:
        """Count a process as lost that was to be killed: the supervisor may be stopped."""
        if generation == self.generation and self.is_ready and self._loop is not None:
            log.error("The process of `%s` was to be ended, but did not report it.", self.alias)
            self.why = "hangs"
            self._end(generation, self.why)

    def _send_waiting(self) -> None:
        while self._waiting and self._free and self.is_ready:
            self._send(self._waiting.popleft())

    def _send(self, job: BatchJob) -> None:
        slot = self._free.popleft()
        self._number = number = self._number + 1
        slab = self._channel.slots[slot].inputs
        try:
            layout, described, values, rows, size = job.inputs.write(
                slab, job.batches, job.rows, self._numbers
            )
            flags = (0 if job.rows else WHOLE) | self._flags
            self._socket.send(
                Message(
                    MessageKind.RUN, slot, flags, self.generation, number, layout, described,
                    values, rows, size,
                ).encode()
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - the batch is answered with it
            self._free.append(slot)
            self._numbers = Numbers()  # the process may not know the last layout
            self._fail_soon(job, error)
            return
        self._flags = 0
        job.slot, job.size, job.generation = slot, size, self.generation
        self._sent[number] = job

    def _fail_soon(self, job: BatchJob, error: Exception) -> None:
        """Report that a batch could not be sent, in the next turn of the loop."""
        if isinstance(error, OSError):
            error = ModelDied(f"cannot be reached: {error.strerror}")
        if self._loop is not None:
            self._loop.call_soon(job.done, None, error)

    def _finish(self, number: int) -> BatchJob:
        job = self._sent.pop(number)
        self._free.append(job.slot)
        return job

    # --- messages of the process ---

    def poll(self) -> None:
        """Handle an answer that has arrived, before the event loop reports it."""
        if self._sent:
            self._hear()

    def _hear(self) -> None:
        try:
            size = self._socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:  # the process has ended
            self._leave()
            self._end(self.generation, "was left alone")
            return
        message = Message.decode(self._buffer)
        if message.kind == MessageKind.READY:
            if message.generation >= self.generation and message.generation > self._dead:
                self._begin(message.generation, Ready.decode(memoryview(self._buffer)[:size]))
        elif message.generation == self.generation and message.number in self._sent:
            self._take(message)

    def _take(self, message: Message) -> None:
        """Handle an answer."""
        job = self._sent[message.number]
        try:
            output, error = self._read(message)
        except Exception as wrong:  # noqa: BLE001 - the batch is answered with it
            self._flags = FORGET
            output, error = None, wrong
        self._channel.slots[job.slot].inputs.trim(job.size)
        self._finish(message.number)
        self._send_waiting()
        job.done(output, error)

    def _read(self, message: Message) -> tuple[Any, Exception | None]:
        slot = self._channel.slots[message.slot]
        slab = slot.outputs
        slab.follow(message.size)
        if message.kind == MessageKind.ERROR:
            self._numbers = Numbers()  # it may have been an error in reading the last one
            return None, failure.decode(slab.root[: message.size].data)
        if message.described:
            description = slab.root[message.values : message.values + message.described].data
            self._layouts[message.layout] = layout.read(description)
        output = slab_reader.read(slab, message, self._layouts[message.layout], copies=True)
        slab.trim(message.size)
        return output, None


class LinkExecutor:
    """An Executor for one method, in the model process of a link."""

    def __init__(self, link: ModelLink, inputs: Inputs) -> None:
        self._link = link
        self._inputs = inputs
        self._job: BatchJob | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the process has loaded the model."""
        return self._link.is_ready

    def start(self, loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]) -> None:
        """Begin to accept batches."""
        self._link.start(loop, on_ready)

    def submit(self, inputs: list[Any], rows: int, done: Done) -> None:
        """Send the batch as soon as a slot is free."""
        self._job = job = BatchJob(self._inputs, inputs, rows, done)
        self._link.submit(job)

    def poll(self) -> None:
        """Handle the answer, if it has arrived."""
        self._link.poll()

    def kill(self, why: str) -> None:
        """Kill the process if it has the batch."""
        if self._job is not None:
            self._link.kill(self._job, why)

    def stop(self) -> None:
        """Accept no more batches."""
        self._link.stop()
