"""Decoder: decodes large bodies and encodes large answers in other processes.

One process reads and another one writes, each started with the first of its kind.
"""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from .. import bundle_modules
from ..batching.execution.worker import settle
from ..data import formats, media
from ..data.payload import Codec, Payload
from ..errors import ModelDied, Overloaded
from ..manifests.signature import Field, Side
from ..plan import Plan
from .channel import Channel
from .decoder_process import encode_tasks
from .model_link import BatchJob, ModelLink
from .slabs.inputs import Inputs
from .slabs.note import NotedOutput, with_note

log = logging.getLogger(__name__)

# Bytes that take up to 10 ms to decode in the worst case, which is as long as the event loop may
# be blocked; usual bodies take a tenth of that.
LARGE = 1 << 16
_LARGE_CSV = 1 << 15
_LARGE_NPY = 1 << 19
HANG = 30.0  # seconds in which the largest body is read, however slow the machine
REST = 10.0  # seconds until a process is tried again, where one could not begin

_BODY = Side("array", (Field("body", "uint8", (None,)),))
_MODULE = "modelbundle.runtime.remote.decoder_process"


class Decoder:
    """Decodes bodies and encodes answers, of the bundle's own routes and of dialects.

    If no process can be started, bodies are decoded in this process, as small ones are. With
    `only_foreign`, only bodies that a C library parses go to the other process, whatever their
    size.
    """

    def __init__(
        self, codecs: Mapping[str, Codec], *, only_foreign: bool = False, plan: Plan | None = None
    ) -> None:
        self._codecs = codecs
        self._only_foreign = only_foreign
        self._plan = plan
        self._reader = _Post(self._start, "Large bodies are read by the server itself: %s.")
        # Answers are encoded in a process of their own, and do not wait for large request bodies.
        self._writer = _Post(self._start, "Large answers are written by the server itself: %s.")

    def _start(self) -> "_Process":
        return _Process(encode_tasks(self._codecs, self._plan))

    def learn(self, plan: Plan) -> None:
        """Work for a model that was added, too: in new processes, which know it."""
        self._plan = plan
        self._reader.replace()
        self._writer.replace()

    def takes(self, size: int, content_type: str) -> bool:
        """Whether a body of `size` bytes goes to the decoder process."""
        if is_foreign(content_type):
            return True
        if size < _LARGE_CSV or self._only_foreign:
            return False
        if media.is_json(content_type):
            return size >= LARGE
        return size >= (_LARGE_NPY if media.essence(content_type) == media.NPY else _LARGE_CSV)

    async def decode(self, route: str, body: bytes, content_type: str) -> Any:
        """The batch in `body`.

        Raises:
            RequestError: as `Codec.decode`; Overloaded when the body crashes the process.
        """
        codec = self._codecs[route]
        pieces = [np.frombuffer(body, np.uint8)]
        done = await self._read(Inputs(f"decode\n{route}\n{content_type}", _BODY), pieces)
        if done is None:
            return codec.decode(body, content_type)
        return _batch(done[0], is_any=codec.inputs.layout == "objects")

    async def encode(self, route: str, output: Any, accept: str) -> Payload:
        """The body of an answer; raises RequestError as `Codec.encode`."""
        done = await self._written(f"encode\n{route}\n", {"accept": accept}, output)
        if done is None:
            return self._codecs[route].encode(output, accept)
        content_type, body = done
        return Payload(body, content_type)

    async def read(
        self, work: str, context: Any, body: bytes, *, is_foreign: bool = False
    ) -> tuple[Any, Any] | None:
        """A note and a batch, as the dialect's reader returns; None if there is no process.

        `is_foreign` is a body that a C library parses.

        Raises:
            RequestError: as the dialect's reader; Overloaded when the body crashes the process.
        """
        if self._only_foreign and not is_foreign:
            return None
        done = await self._read(Inputs(f"read\n{work}\n", _BODY), with_note(context, body))
        if done is None:
            return None
        (note, is_any), batch = done[0]
        return note, _batch(batch, is_any=is_any)

    async def write(self, work: str, context: Any, output: Any) -> tuple[Any, bytes] | None:
        """A note and bytes, as the dialect's writer returns; None if there is no process.

        Raises:
            RequestError: as the dialect's writer.
        """
        return await self._written(f"write\n{work}\n", context, output)

    async def _read(self, inputs: Inputs, pieces: list[Any]) -> tuple[Any] | None:
        try:
            return await self._reader.done(inputs, pieces)
        except ModelDied as error:
            detail = "The body could not be read; send it again."
            raise Overloaded(detail, retry_after=1.0) from error

    async def _written(self, method: str, note: Any, output: Any) -> tuple[Any, bytes] | None:
        if self._only_foreign:
            return None
        try:
            done = await self._writer.done(NotedOutput(method), [(note, output)])
        except ModelDied:
            return None  # it is encoded here, because outputs are not hostile
        return None if done is None else done[0]

    def stop(self) -> None:
        """End the processes."""
        self._reader.stop()
        self._writer.stop()


class _Post:
    """One kind of work and its process, which is started on demand, and again after it has ended.

    process       the current process, or the last one
    rests_until   time on the monotonic clock before which none is started
    """

    def __init__(self, start: "Callable[[], _Process]", warning: str) -> None:
        self.process: _Process | None = None
        self.rests_until = 0.0
        self._start = start
        self._warning = warning
        self._has_warned = False

    async def done(self, inputs: Inputs | NotedOutput, pieces: list[Any]) -> tuple[Any] | None:
        """The result of the process; None if there is no process.

        Raises:
            ModelDied: when the process dies of this work, not during its start.
            Exception: whatever the work raises there.
        """
        process = self._started()
        if process is None:
            return None
        try:
            made = await process.done(inputs, pieces)
        except ModelDied as error:
            if process.has_served:
                raise
            self._rest(error.why)
            return None
        self._has_warned = False
        return (made,)

    def replace(self) -> None:
        """Let another process do what comes from now on; this one ends after what it has."""
        if self.process is not None:
            self.process.leave()
            self.process = None

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.stop()

    def _started(self) -> "_Process | None":
        if time.monotonic() < self.rests_until:
            return None
        if self.process is None or self.process.is_over:
            try:
                self.process = self._start()
            except OSError as error:
                self._rest(str(error))
                return None
        return self.process

    def _rest(self, why: str) -> None:
        """Start no process for a while, because a start has failed."""
        self.rests_until = time.monotonic() + REST
        if not self._has_warned:
            self._has_warned = True
            log.warning(self._warning, why)


class _Process:
    """One process, from its start to its end."""

    def __init__(self, tasks: bytes) -> None:
        self.is_over = False
        self._is_leaving = False
        self._callers = 0
        self._loop = asyncio.get_running_loop()
        self._channel = Channel.create()
        try:
            self._child = _start(self._channel, tasks)
        except OSError:
            self._channel.close()
            raise
        self._channel.for_front()
        self._link = ModelLink(self._channel, "decoder", 0, lambda *_: self._child.kill())
        self._link.start(self._loop, lambda: None)
        self._link.born(1)
        self._waiting: set[asyncio.Future[Any]] = set()
        # Bodies of clients that have gone must not pile up.
        self._turn = asyncio.Semaphore(1)
        self._guard: asyncio.TimerHandle | None = None  # against a process that hangs
        self._watched = os.pidfd_open(self._child.pid)
        self._loop.add_reader(self._watched, self._end)

    @property
    def has_served(self) -> bool:
        """Whether the process has ever been ready."""
        return self._link.ready is not None

    async def done(self, inputs: Inputs | NotedOutput, pieces: list[Any]) -> Any:
        """The result of one task, after those that were sent before."""
        self._callers += 1
        try:
            return await self._result(inputs, pieces)
        finally:
            self._callers -= 1
            self._end_if_left()

    async def _result(self, inputs: Inputs | NotedOutput, pieces: list[Any]) -> Any:
        await self._turn.acquire()
        if self.is_over:
            self._turn.release()
            raise ModelDied("the process has ended")
        future = self._loop.create_future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        self._guard = self._loop.call_later(HANG, self._child.kill)
        self._link.submit(BatchJob(inputs, pieces, 0, partial(self._done, future)))
        try:
            return await future
        finally:
            # The traceback refers to this frame: a reference back would keep the body in memory.
            del future

    def _done(self, future: asyncio.Future[Any], output: Any, error: BaseException | None) -> None:
        self._let_in()
        settle(future, output, error)

    def _let_in(self) -> None:
        """Let the next waiting caller send its work."""
        if self._guard is not None:
            self._guard.cancel()
        self._turn.release()

    def leave(self) -> None:
        """End the process after what it was given."""
        self._is_leaving = True
        self._end_if_left()

    def _end_if_left(self) -> None:
        if self._is_leaving and not self._callers:
            self.stop()

    def stop(self) -> None:
        """End the process."""
        if not self.is_over:
            self._child.kill()
            self._end()

    def _end(self) -> None:
        """Clean up after the process has ended for any reason."""
        self.is_over = True
        self._loop.remove_reader(self._watched)
        os.close(self._watched)
        why = f"the process ended with {self._child.wait()}"
        self._link.died(1, why)
        self._link.stop()
        self._channel.close()
        for future in list(self._waiting):  # what had not been sent
            if not future.done():
                future.set_exception(ModelDied(why))
        self._let_in()


def is_foreign(content_type: str) -> bool:
    """Whether a C library parses the type, which damaged bodies may crash."""
    kind = media.essence(content_type)
    found = formats.of(kind)
    return kind == media.MULTIPART or (found is not None and found.name != "msgpack")


def _batch(batch: Any, *, is_any: bool) -> Any:
    """A batch as received; rows of any JSON are passed on without parsing."""
    return list(map(orjson.Fragment, batch)) if is_any else batch


def _start(channel: Channel, tasks: bytes) -> "subprocess.Popen[bytes]":
    """Start the process as a new interpreter, because forking a process with threads is unsafe."""
    inherited = channel.descriptors
    home = Path(__file__).absolute().parents[3]
    packages = (str(home), os.environ.get("PYTHONPATH"))
    begin = ["-m", _MODULE]
    if (home / "bundle.json").is_file():  # in a bundle: only the listed files
        begin = [str(Path(bundle_modules.__file__)), _MODULE, str(home)]
    with os.fdopen(os.memfd_create("codecs"), "w+b") as stdin:
        stdin.write(tasks)
        stdin.seek(0)
        # -P: the working directory is not searched for modules.
        return subprocess.Popen(
            [sys.executable, "-P", *begin, *map(str, inherited)],
            stdin=stdin,
            stdout=2,
            pass_fds=inherited,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, packages))},
        )
