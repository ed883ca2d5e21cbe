"""The service process: loads the service class, and runs the calls of one front."""

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import orjson

from ..errors import PredictionFailed, RequestError
from ..manifests.route import Route
from ..models.operation import Call, Operation, Stream
from ..remote import lost_device
from ..services.headers import as_bytes
from ..telemetry.trace_context import TraceContext, current
from . import refusal
from .call_channel import CallChannel
from .connection import Connection
from .frame import Frame, FrameKind
from .window import FlowWindow

log = logging.getLogger(__name__)

UNLOAD_TIME = 1.0  # seconds to unload after the front has died


class CallHost(Protocol):
    """Answers the calls.

    routes   complete once it is loaded
    """

    routes: Sequence[Route]

    async def load(self, report: Callable[[str], None]) -> Mapping[str, Operation]:
        """Load everything; returns the operation of each path. `report` hears what it is doing.

        Raises:
            BundleError: for what a person can mend.
        """

    async def stop(self) -> None:
        """Answer the queued calls, then free everything."""


class ServiceProcess:
    """Runs the calls of a channel, each in a task of its own.

    SIGTERM is ignored while the front is connected, because a service manager may signal all
    processes at once; the front sends STOP after the last request was answered.
    """

    def __init__(self, channel: CallChannel, generation: int) -> None:
        self._channel = channel
        self._generation = generation
        self._routes: Sequence[Route] = ()
        self._operations: Mapping[str, Operation] = {}
        self._connection = Connection(self._hear, self._left, takes_calls=True)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._windows: dict[int, FlowWindow] = {}
        self._is_told = asyncio.Event()  # to end, or because the front has gone
        self._is_left = asyncio.Event()

    async def serve(self, host: CallHost, on_ready: Callable[[], None]) -> None:
        """Load, report READY, and answer calls until the front sends STOP or disconnects.

        Raises:
            BundleError: when it cannot be loaded.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: None)
        stream = self._channel.for_service().knock(self._generation)
        await loop.create_unix_connection(lambda: self._connection, sock=stream)
        self._operations = await host.load(self._tell_state)
        self._routes = tuple(host.routes)
        gc.collect()
        gc.freeze()
        routes = [route.to_json() for route in self._routes]
        self._connection.send(FrameKind.READY, head=orjson.dumps(routes))
        on_ready()
        await self._is_told.wait()
        await self._finish(host)

    def hung(self, why: str) -> None:
        """Report that a thread hangs and cannot be stopped, so that the process is replaced."""
        self._connection.send(FrameKind.HUNG, head=orjson.dumps(why))

    async def _finish(self, host: CallHost) -> None:
        if self._is_left.is_set():
            for task in self._tasks.values():
                task.cancel()
            try:
                async with asyncio.timeout(UNLOAD_TIME):
                    await host.stop()
            except TimeoutError:
                log.warning("The service was not closed: its front is gone.")
            return
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        await host.stop()
        self._connection.send(FrameKind.STOPPED)
        await self._is_left.wait()

    def _tell_state(self, state: str) -> None:
        self._connection.send(FrameKind.STATE, head=orjson.dumps(state))

    def _left(self, _: str) -> None:
        self._is_left.set()
        self._is_told.set()

    # --- frames of the front ---

    def _hear(self, frame: Frame) -> None:
        match frame.kind:
            case FrameKind.CALL:
                self._begin(frame)
            case FrameKind.CANCEL:
                task = self._tasks.get(frame.number)
                if task is not None:
                    task.cancel()
            case FrameKind.MORE:
                window = self._windows.get(frame.number)
                if window is not None:
                    window.taken(*orjson.loads(frame.head))
            case FrameKind.PING:
                self._connection.send(FrameKind.PONG)
            case FrameKind.STOP:
                self._is_told.set()
            case _:
                raise ValueError(f"{frame.kind.name} is not a frame to a service.")

    def _begin(self, frame: Frame) -> None:
        number = frame.number
        self._channel.taken[0] = number  # before anything of it can happen
        index, *about, seconds, priority, client, request, trace, headers = orjson.loads(frame.head)
        content_type, accept = about
        deadline, name = time.monotonic() + seconds, request.encode("latin-1")
        parent = None if trace is None else TraceContext.of(trace)
        sent = None if headers is None else as_bytes(headers)
        call = Call(
            frame.body, content_type, accept, deadline, priority, client, name, parent, sent
        )
        work = self._answer(number, self._routes[index].path, call)
        task = self._tasks[number] = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(number))

    async def _answer(self, number: int, path: str, call: Call) -> None:
        """Run one call, and send its result unless it was cancelled."""
        current.set(call.trace)
        try:
            answer = await self._operations[path](call)
            if isinstance(answer, Stream):
                await self._send_parts(number, answer, call)
            else:
                head = orjson.dumps([answer.content_type, call.rows])
                self._connection.send(FrameKind.ANSWER, number, head, answer.body)
        except RequestError as error:
            self._refuse(number, error, call)
            if lost_device.is_lost(error):
                self.hung("cannot use its GPU any more")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():  # its client has gone
                raise
            log.exception("%s was canceled.", path, extra={"id": call.id.decode("latin-1")})
            self._refuse(number, PredictionFailed(), call)
        except Exception:
            log.exception("%s failed.", path, extra={"id": call.id.decode("latin-1")})
            self._refuse(number, PredictionFailed(), call)

    def _refuse(self, number: int, error: RequestError, call: Call) -> None:
        self._connection.send(FrameKind.ERROR, number, refusal.encode(error, call.rows))

    async def _send_parts(self, number: int, stream: Stream, call: Call) -> None:
        head = orjson.dumps([stream.content_type, call.rows])
        self._connection.send(FrameKind.STREAM, number, head)
        window = self._windows[number] = FlowWindow()
        try:
            async with aclosing(stream.parts) as parts:
                async for part in parts:
                    await window.room()
                    self._connection.send(FrameKind.PART, number, body=part)
                    window.sent(len(part))
            self._connection.send(FrameKind.END, number)
        finally:
            del self._windows[number]


def run(process: ServiceProcess, host: Any, on_ready: Callable[[], None]) -> None:
    """Run the service process, in the main thread of a process that was forked for it.

    Raises:
        BundleError: what keeps it from loading.
    """
    import uvloop

    # Never closed: that would wait for threads that may hang.
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(process.serve(host, on_ready))
