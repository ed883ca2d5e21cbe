"""Template: a process that has loaded a model, and forks the processes that serve it.

The processes share the memory pages of the model, and a crashed one is replaced by a fork, without
loading again. Forking is safe only while the template has one thread, so it never calls the model.
"""

import errno
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from ...models.model import LoadedModel
from ...remote.channel import Channel
from ...remote.model_process import serve_loaded
from ...system import fd_message
from ...system.prctl import end_with_parent
from ..crew.child import run_child
from ..crew.crew import UNFIT
from ..crew.stderr_tail import STDERR

MOST = 64  # descriptors in one message
_PIECE = 1 << 12
_STDOUT = 1


def serve_template(
    line: socket.socket,
    load: Callable[[], LoadedModel],
    begin: Callable[[], None],
    on_ready: Callable[[], None],
) -> int:
    """Load a model, and fork on request until the line is closed; returns the exit code.

    Each forked process calls `begin` first, which may start threads.

    Raises:
        BundleError: when the model cannot be loaded.
    """
    model = load()
    if not _has_one_thread():
        return UNFIT
    on_ready()
    line.setblocking(True)
    template = Template(line, model, begin)
    while template.fork():
        pass
    return 0


def _has_one_thread() -> bool:
    """Whether this process has one thread; False without a /proc, where that is unknown."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


class Template:
    """Forks twice, so that the supervisor, which adopts orphans, is the parent and can reap."""

    def __init__(self, line: socket.socket, model: LoadedModel, begin: Callable[[], None]) -> None:
        self._line = line
        self._model = model
        self._begin = begin
        self._supervisor = os.getppid()

    def fork(self) -> bool:
        """Wait for a request, and fork; False once the line is closed."""
        data, descriptors = fd_message.receive(self._line, _PIECE, MOST)
        if not data:
            return False
        request = json.loads(data)
        permit = None
        try:
            permit = _Permit()
            answer = {"pid": self._fork_away(request["generation"], descriptors, permit)}
        except OSError as error:
            answer = {"errno": error.errno or errno.EAGAIN}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._line.send(json.dumps({"fork_id": request["fork_id"], **answer}).encode())
        if permit is not None:
            permit.give()
        return True

    def _fork_away(self, generation: int, descriptors: Sequence[int], permit: "_Permit") -> int:
        """Fork twice; returns the pid of the second fork, which the supervisor adopts.

        Raises:
            OSError: when a fork fails.
        """
        reader, writer = os.pipe()
        try:
            between = os.fork()
        except OSError:
            os.close(reader)
            os.close(writer)
            raise
        if between == 0:
            os.close(reader)
            _forked_again(writer, lambda: self._be_model(generation, descriptors, permit))
        os.close(writer)
        pid = os.read(reader, _PIECE)
        os.close(reader)
        os.waitpid(between, 0)
        if not pid:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return int(pid)

    def _be_model(self, generation: int, descriptors: Sequence[int], permit: "_Permit") -> NoReturn:
        status, stderr, *shared = descriptors

        def prepare() -> None:
            self._line.close()
            os.dup2(stderr, STDERR)
            os.dup2(stderr, _STDOUT)  # stdout is the access log, so a model prints to stderr
            os.close(stderr)
            self._await_adoption()
            permit.wait()
            self._begin()

        def work(on_ready: Callable[[], None]) -> int:
            serve_loaded(Channel.adopt(shared), self._model, generation, on_ready)
            return 0

        run_child(prepare, work, status)

    def _await_adoption(self) -> None:
        """Wait until the supervisor is the parent, then ask the kernel to die with it."""
        while (parent := os.getppid()) != self._supervisor:
            if parent == 1:
                os._exit(1)
            time.sleep(0.0005)
        end_with_parent(signal.SIGKILL)


class _Permit:
    """Blocks a new process until its pid has been reported to the supervisor.

    A process that the supervisor does not know could not be killed, and would take messages from
    its successor on the same channel.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def give(self) -> None:
        """Let the process begin, if it is still alive."""
        os.write(self._writer, b".")
        os.close(self._reader)
        os.close(self._writer)

    def wait(self) -> None:
        """In the new process: wait for the permit; exit if the template has ended."""
        os.close(self._writer)
        if not os.read(self._reader, 1):
            os._exit(1)
        os.close(self._reader)


def _forked_again(writer: int, be: Callable[[], NoReturn]) -> NoReturn:
    """In the first fork: fork again, report the pid, and exit."""
    code = 1
    try:
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            be()
        os.write(writer, str(pid).encode())
        code = 0
    finally:
        os._exit(code)
