"""Warm process: a Python that has done its imports, and forks itself into programs.

Each program is a process of its own, as one that is started is: with its streams, directory,
environment and exit code. What it does not do again are the imports, most of a short command and
of the start of a server.
"""

import fcntl
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

# What the interpreter, or a library while it is imported, reads from the environment.
READ_AT_START = ("PYTHON", "LANG", "LC_", "MALLOC_", "LD_", "OMP_", "OPENBLAS_", "MKL_")
HIGH = 512  # the numbers of descriptors from here on are free


class WarmProcess:
    """The process that forks programs; it ends when it is closed, or with this process."""

    def __init__(self, *imported):
        self._folder = tempfile.TemporaryDirectory()
        self._place = f"{self._folder.name}/socket"
        line = [sys.executable, __file__, self._place, *imported]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(line, **pipes)
        assert self._process.stdout.readline() == b"ready\n"
        self._start = _read_at_start(os.environ)

    def takes(self, environment):
        """Whether a program with this environment can be forked."""
        return _read_at_start(environment) == self._start

    def start(self, arguments, *, cwd, environment, streams, passed=()):
        """Start what follows `python`: `-m MODULE ...`, or a script.

        `streams` are the descriptors that become 0, 1 and 2; those `passed` keep their numbers.
        """
        line = [*map(str, arguments)]
        request = {"line": line, "cwd": str(cwd), "passed": [*passed]}
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._place)
        socket.send_fds(connection, [b"?"], [*streams, *passed])
        text = json.dumps(request | {"environment": dict(environment)}).encode()
        connection.sendall(b"%d\n%b" % (len(text), text))
        return Program(line, int(connection.recv(64)), connection)

    def close(self):
        """End the process; what it has forked goes on."""
        self._process.stdin.close()
        self._process.wait(90)
        self._process.stdout.close()
        self._folder.cleanup()


@cache
def warm_process(*imported):
    """The one that has imported these modules, started when it is first needed."""
    _STARTED.append(WarmProcess(*imported))
    return _STARTED[-1]


def close_all():
    """End them all."""
    for process in _STARTED:
        process.close()


_STARTED = []


class Program:
    """A program that was forked, with what tests ask a `subprocess.Popen` for."""

    def __init__(self, args, pid, connection):
        self.args = args
        self.pid = pid
        self.returncode = None
        self._connection = connection

    def poll(self):
        """The exit code; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout=None):
        """Wait until it has ended; the exit code."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                self.returncode = int(self._connection.recv(64))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout) from None
            self._connection.close()
        return self.returncode

    def send_signal(self, number):
        """Send it a signal, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self):
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self):
        """End it."""
        self.send_signal(signal.SIGKILL)


def _read_at_start(environment):
    return {name: text for name, text in environment.items() if name.startswith(READ_AT_START)}


def serve(place, *imported):
    """Fork a program for each connection, until stdin ends."""
    from importlib import import_module

    for name in imported:
        import_module(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    gc.freeze()  # its collector need not touch, and so copy, what all share
    os.write(1, b"ready\n")  # `sys.stdout` is for the programs
    waiting, running = select.poll(), {}
    for number in (0, listener.fileno()):
        waiting.register(number, select.POLLIN)
    while True:
        for number, _ in waiting.poll():
            if number == 0:
                return
            if number in running:
                waiting.unregister(number)
                _report(number, *running.pop(number))
            else:
                ended, *program = _begin(listener)
                running[ended] = program
                waiting.register(ended, select.POLLIN)


def _begin(listener):
    """Start the program of a connection: what says that it has ended, its pid, its connection."""
    connection = listener.accept()[0].detach()
    request, files = _request(connection)
    pid = os.fork()
    if pid == 0:
        listener.detach()  # its number is closed, and may be another's
        _take(files, request.pop("passed"))
        _become(**request)
    for number in files:
        os.close(number)
    os.write(connection, b"%d" % pid)
    return os.pidfd_open(pid), pid, connection


def _request(connection):
    with socket.socket(fileno=os.dup(connection)) as sock:
        _, files, _, _ = socket.recv_fds(sock, 1, 253)
        with sock.makefile("rb") as text:
            return json.loads(text.read(int(text.readline()))), files


def _report(ended, pid, connection):
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):  # who started it is gone
        os.write(connection, b"%d" % status)
    os.close(connection)
    os.close(ended)


def _take(files, passed):
    """Keep these descriptors and no other: the streams, and those that are passed."""
    numbers = (0, 1, 2, *passed)
    high = [fcntl.fcntl(file, fcntl.F_DUPFD, max(HIGH, *numbers) + 1) for file in files]
    os.closerange(3, HIGH)
    for file, number in zip(high, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)


def _become(line, cwd, environment):
    """Be the program: as a fresh interpreter is that runs this line."""
    import runpy
    import time

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode, buffering = ("r", -1) if number == 0 else ("w", 1 if number == 2 else -1)
        old = getattr(sys, f"__{name}__")
        kept = {"encoding": old.encoding, "errors": old.errors, "closefd": False}
        new = os.fdopen(number, mode, buffering, **kept)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    sys.orig_argv = [sys.executable, *line]
    if line[0] == "-m":
        sys.path[0] = cwd
        sys.argv = line[1:]
        runpy.run_module(line[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(line[0]).parent)
        sys.argv = line
        runpy.run_path(line[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    serve(*sys.argv[1:])
