"""ServiceLink: the front's connection to its service process."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import orjson

from ..batching.deadline_timer import DeadlineTimer
from ..data.payload import Payload
from ..errors import DeadlineExceeded, Overloaded
from ..manifests.settings import ServeSettings
from ..models.operation import Call, Stream
from . import refusal
from .call_channel import CallChannel
from .call_durations import CallDurations
from .call_queue import CallQueue
from .connection import Connection
from .frame import Frame, FrameKind
from .liveness_probe import LivenessProbe
from .pending_call import PendingCall
from .refusal import checked_rows
from .remote_stream import RemoteStream

log = logging.getLogger(__name__)

Kill = Callable[[int, str], None]
"""Ends the process of a generation, for a reason."""

SLACK = 0.05  # seconds after a deadline in which the process may report it itself
PATIENCE = 1.0  # seconds from the end of a connection to the news of a death; else it is killed
LONGEST = 200  # characters of a message of the process, at most
REST = 0.25  # seconds that the last words of a dead process may be kept back by its own children


class ServiceLink:
    """Sends calls to a service process, and tracks whether that is alive.

    When the process dies, the calls that it had started are answered with 503; idempotent ones are
    tried once more, each alone, so that a call that crashes the process fails no others. Calls that
    it had not started wait for the next process.

    generation   of the current process, or of the last one
    why          a clause: why the last process died
    routes       of the loaded service, as JSON
    on_change    called when the process becomes ready or unready, and when `why` is known
    on_state     called with what the process is doing while it loads
    """

    def __init__(self, channel: CallChannel, kill: Kill, settings: ServeSettings) -> None:
        self.generation = -1
        self.is_ready = False
        self.why = ""
        self.routes: list[dict[str, Any]] = []
        self.on_change: Callable[[], None] = lambda: None
        self.on_state: Callable[[str], None] = lambda _: None
        self._channel = channel
        self._kill = kill
        self._killed = -1  # the last generation that was asked to be killed
        self._dead = -1  # the last generation that has ended
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: Connection | None = None
        self._connecting: set[asyncio.Task[None]] = set()
        self._queue = CallQueue(settings.queue.max_rows)
        self._number = 0
        self._durations = CallDurations()
        self._probe = LivenessProbe(self, settings.timeout)
        self._timer = DeadlineTimer(time.monotonic, self._expire)
        self._stopped: asyncio.Event = asyncio.Event()

    # --- life ---

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Accept the connection of a service process that has started."""
        self._loop = loop
        self._channel.front.setblocking(False)
        loop.add_reader(self._channel.front.fileno(), self._greet)

    async def stop(self, seconds: float) -> None:
        """Let the process finish its calls and free everything, within `seconds`."""
        if self._connection is not None and self.is_ready:
            self._connection.send(FrameKind.STOP)
            try:
                async with asyncio.timeout(seconds):
                    await self._stopped.wait()
            except TimeoutError:
                log.error("The service has not ended within %g s.", seconds)  # noqa: TRY400
        self._probe.cancel()
        self._timer.cancel()
        if self._loop is not None:
            self._loop.remove_reader(self._channel.front.fileno())
            self._loop = None
        if self._connection is not None:
            self._connection.close()

    def born(self, generation: int) -> None:
        """The supervisor has started the process of a generation; it still has to load."""
        if generation <= self.generation:
            return
        last, self._connection, self.is_ready = self._connection, None, False
        if last is not None:
            last.finish()
        self._end()
        self.generation = generation
        self.on_change()

    def died(self, generation: int, why: str) -> None:
        """Handle the end of a process; `why`: a clause, such as "was killed by SIGSEGV"."""
        self._dead = max(self._dead, generation)
        if generation < self.generation:
            return
        self.generation, self.why, self.is_ready = generation, why, False
        if self._connection is None or self._loop is None:
            self._end()
        else:  # read what it sent before its end
            self._loop.call_later(REST, self._close, generation)
        self.on_change()

    def _greet(self) -> None:
        """A new process is there."""
        try:
            found = self._channel.open()
        except BlockingIOError:
            return
        except OSError:
            found = None
        if self._loop is None:
            return
        if found is None:  # no process has the other end any more
            self._loop.remove_reader(self._channel.front.fileno())
            return
        generation, stream = found
        if generation < self.generation or generation <= self._dead:
            stream.close()
            return
        self.born(generation)
        task = self._loop.create_task(self._connect(generation, stream))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, generation: int, stream: Any) -> None:
        connection = self._connection = Connection(
            partial(self._hear, generation), partial(self._lost, generation), self._go_on
        )
        await asyncio.get_running_loop().create_unix_connection(lambda: connection, sock=stream)

    def _lost(self, generation: int, wrong: str) -> None:
        """The stream has ended: it has died, or does not behave."""
        if generation != self.generation:
            return
        self._connection = None
        self._stopped.set()
        self._end()
        self.on_change()
        if self._loop is not None and self._dead < generation:
            wait = 0.0 if wrong else PATIENCE
            self._loop.call_later(wait, self._have_ended, generation, wrong or "hung up")

    def _close(self, generation: int) -> None:
        if generation == self.generation and self._connection is not None:
            self._connection.close()

    def _have_ended(self, generation: int, why: str) -> None:
        if max(self._dead, self._killed) < generation == self.generation:
            self._killed = generation
            log.error("The service process is ended: %s.", why)
            self._kill(generation, why)

    def _end(self) -> None:
        """Fail or requeue the calls that were sent."""
        self.is_ready = False
        self._probe.cancel()
        lost = self._queue.died(self._channel.taken[0])
        if lost:
            ids = ", ".join(pending.call.id.decode("latin-1") for pending in lost[:10])
            log.error("The service died with %d requests: %s.", len(lost), ids)

    # --- calls ---

    async def call(self, route: int, call: Call, *, is_idempotent: bool) -> Payload | Stream:
        """Call the service, and return its answer.

        Raises:
            ServiceDied: when it dies of this call, or with it.
            DeadlineExceeded: when it does not answer in time.
            RequestError: what it answers with.
        """
        pending = PendingCall(route, call, is_idempotent=is_idempotent)
        if self._can_send and self._queue.is_idle:
            self._send(pending)
        else:
            self._queue.wait(pending)
        self._watch(call.deadline)
        try:
            return await pending.answer
        except asyncio.CancelledError:
            self._drop(pending)
            raise

    def refuse(self) -> None:
        """Answer 503 to whatever has no answer."""
        for pending in self._queue.unanswered():
            pending.fail(Overloaded("The service has ended.", retry_after=1))
            self._drop(pending)

    @property
    def _can_send(self) -> bool:
        return self.is_ready and self._connection is not None and self._connection.has_room

    def _go_on(self) -> None:
        """Send what may be sent now."""
        while self._can_send and (pending := self._queue.next()) is not None:
            self._send(pending)

    def _send(self, pending: PendingCall) -> None:
        assert self._connection is not None
        assert self._loop is not None
        self._number = pending.number = self._number + 1
        pending.sent = now = time.monotonic()
        self._queue.sent(pending)
        self._probe.begin(self._loop)
        head = orjson.dumps(pending.head(pending.call.deadline - now))
        self._connection.send(FrameKind.CALL, pending.number, head, pending.call.body)
        if pending.is_retried:
            self._loop.call_later(self._probe.patience(), self._blame, pending)

    def _blame(self, pending: PendingCall) -> None:
        """Kill the process if a call that is tried again, alone, runs for too long."""
        keeps_waiting = self._queue.keeps_waiting(pending)
        if keeps_waiting:
            seconds = time.monotonic() - pending.sent
            why = f"a call that is tried again has kept others waiting for {seconds:.1f} s"
            self._have_ended(self.generation, why)
        elif keeps_waiting is not None and self._loop is not None:
            self._loop.call_later(REST, self._blame, pending)

    def _drop(self, pending: PendingCall) -> None:
        """Drop a call whose client has gone."""
        if self._queue.drop(pending):
            if self._connection is not None:
                self._connection.send(FrameKind.CANCEL, pending.number)
            self._go_on()

    def _watch(self, deadline: float) -> None:
        if deadline + SLACK < self._timer.at and self._loop is not None:
            self._timer.set(self._loop, deadline + SLACK)

    def _expire(self, now: float) -> float:
        """Fail the calls that are past their deadline; returns when to check again."""
        following = inf
        for pending in self._queue.unanswered():
            if pending.call.deadline + SLACK > now:
                following = min(following, pending.call.deadline + SLACK)
                continue
            if self._queue.find(pending.number) is pending:
                self._probe.overdue()
            pending.fail(DeadlineExceeded("The deadline passed before the answer came."))
            self._drop(pending)
        return following

    # --- for the liveness probe ---

    @property
    def is_awaited(self) -> bool:
        """Whether calls are there."""
        return self._queue.is_awaited

    @property
    def usual(self) -> float:
        """Seconds that a call takes, of the slowest route; 0 while nothing is known."""
        return self._durations.slowest

    def ping(self) -> None:
        """Send a ping."""
        if self._connection is not None:
            self._connection.send(FrameKind.PING)

    def stopped(self, why: str) -> None:
        """It has not answered for too long."""
        self._have_ended(self.generation, why)

    # --- frames of the process ---

    def _hear(self, generation: int, frame: Frame) -> None:
        if generation != self.generation:
            return
        match frame.kind:
            case (
                FrameKind.ANSWER
                | FrameKind.ERROR
                | FrameKind.STREAM
                | FrameKind.PART
                | FrameKind.END
            ):
                pending = self._queue.find(frame.number)
                if pending is not None:  # else the caller has gone
                    self._take(pending, frame)
            case FrameKind.PONG:
                self._probe.beat()
            case FrameKind.STATE:
                self.on_state(_clause(frame.head))
            case FrameKind.READY:
                self._begin(frame)
            case FrameKind.HUNG:
                self._have_ended(generation, _clause(frame.head))
            case FrameKind.STOPPED:
                self._stopped.set()
            case _:
                raise ValueError(f"{frame.kind.name} is not a frame to a front.")

    def _begin(self, frame: Frame) -> None:
        """It is loaded."""
        self.routes = [dict(route) for route in orjson.loads(frame.head)]
        self.is_ready = True
        self.on_change()
        self._go_on()

    def _take(self, pending: PendingCall, frame: Frame) -> None:
        if frame.kind == FrameKind.PART:
            if pending.parts is None:
                raise ValueError("A part came before its stream.")
            pending.parts.put(frame.body)
            return
        if frame.kind == FrameKind.STREAM:
            self._begin_stream(pending, frame)
            return
        error = None
        if frame.kind == FrameKind.ANSWER:
            content_type, pending.call.rows = _described(frame.head)
            pending.succeed(Payload(frame.body, content_type))
            self._durations.add(pending.route, time.monotonic() - pending.sent)
        elif frame.kind == FrameKind.ERROR:
            error, pending.call.rows = refusal.decode(frame.head)
            pending.fail(error)
        elif pending.parts is not None:
            pending.parts.end()
        self._queue.finish(pending)
        self._go_on()

    def _begin_stream(self, pending: PendingCall, frame: Frame) -> None:
        content_type, pending.call.rows = _described(frame.head)
        seconds = max(0.0, pending.call.deadline - pending.sent)
        pending.parts = RemoteStream(
            content_type, seconds, partial(self._more, pending), partial(self._leave, pending)
        )
        self._durations.add(pending.route, time.monotonic() - pending.sent)
        pending.succeed(Stream(pending.parts, content_type))

    def _more(self, pending: PendingCall, parts: int, size: int) -> None:
        if self._connection is not None:
            self._connection.send(FrameKind.MORE, pending.number, orjson.dumps([parts, size]))

    def _leave(self, pending: PendingCall) -> None:
        self._drop(pending)


def _clause(head: bytes) -> str:
    """A message of the process, cleaned for /readyz and the log."""
    return str(orjson.loads(head))[:LONGEST]


def _described(head: bytes) -> tuple[str, int]:
    """Content type and rows of an answer.

    Raises:
        ValueError: when it is something else, or would not stay within a line of HTTP.
    """
    content_type, rows = orjson.loads(head)
    if not isinstance(content_type, str) or not content_type.isprintable():
        raise ValueError("An answer has no content type.")
    return content_type, checked_rows(rows)
